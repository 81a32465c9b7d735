"""Genomes, genes and VCFs made at random, small enough to run in every test."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pysam
from genome_files import write_fasta

from texcnn.genome.gene import Gene
from texcnn.genome.interval import Interval, reverse_complement
from texcnn.genome.reference import Reference

HEADER = """##fileformat=VCFv4.2
##contig=<ID=chr1,length={length}>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
"""


@dataclass(frozen=True)
class Row:
    """One record: 0-based start, alleles, the genotypes as text, and its ID."""

    start: int
    ref: str
    alts: tuple[str, ...]
    genotypes: tuple[str, ...] = ()
    id: str = "."

    def line(self, chrom: str = "chr1") -> str:
        fields = [chrom, str(self.start + 1), self.id, self.ref, ",".join(self.alts), ".", ".", "."]
        return "\t".join([*fields, "GT", *self.genotypes] if self.genotypes else fields)


def random_bases(rng: random.Random, length: int) -> str:
    """Bases with short repeats, so that indels can be moved."""
    bases = ""
    while len(bases) < length:
        unit = "".join(rng.choice("ACGT") for _ in range(rng.choice((1, 1, 2, 3))))
        bases += unit * rng.choice((1, 1, 1, 2, 4))
    return bases[:length]


def random_row(rng: random.Random, bases: str, start: int) -> Row:
    """An SNV, MNV, insertion, deletion or both at once, stated as VCF does."""
    kind = rng.choice(("snv", "snv", "mnv", "insertion", "deletion", "delins"))
    length = 1 if kind in ("snv", "insertion") else rng.randint(2, 6)
    ref = bases[start : start + length]
    if kind == "insertion":
        alt = ref + "".join(rng.choice("ACGT") for _ in range(rng.randint(1, 6)))
    elif kind == "deletion":
        alt = ref[0]
    else:
        size = rng.randint(1, 8) if kind == "delins" else len(ref)
        alt = "".join(rng.choice("ACGT") for _ in range(size))
    return Row(start, ref, (alt if alt != ref else alt + "A",))


def write_vcf(path: Path, rows: Sequence[Row], *, length: int, samples: Sequence[str] = ()) -> Path:
    """Writes a VCF; BGZF with an index where the name ends in .gz."""
    columns = [
        "#CHROM",
        "POS",
        "ID",
        "REF",
        "ALT",
        "QUAL",
        "FILTER",
        "INFO",
        *(["FORMAT", *samples] if samples else []),
    ]
    text = HEADER.format(length=length) + "\n".join(["\t".join(columns), *(row.line() for row in rows)]) + "\n"
    if path.suffix != ".gz":
        path.write_text(text)
        return path
    with pysam.BGZFile(str(path), "wb") as handle:
        handle.write(text.encode())
    pysam.tabix_index(str(path), preset="vcf", force=True)
    return path


def mirrored(bases: str, start: int, ref: str, alt: str) -> tuple[int, str, str]:
    """The same change on the reverse complement of the genome, with the base before it where there is one."""
    turned = len(bases) - start - len(ref)
    ref, alt = reverse_complement(ref), reverse_complement(alt)
    if not turned:
        return turned, ref, alt
    before = reverse_complement(bases)[turned - 1]
    return turned - 1, before + ref, before + alt


def mirrored_gene(gene: Gene, length: int) -> Gene:
    return Gene(gene.id, gene.name, gene.chrom, length - 1 - gene.tss, "-" if gene.strand == "+" else "+")


def genome_of(folder: Path, bases: str, name: str = "genome.fa") -> Path:
    return write_fasta(folder / name, {"chr1": bases}, width=60)


class TextReference(Reference):
    """A genome of one chromosome in memory, for tests with hundreds of genomes."""

    def __init__(self, bases: str) -> None:
        self.path = Path("memory.fa")
        self.lengths = {"chr1": len(bases)}
        self._bases = bases

    def fetch(self, interval: Interval) -> str:
        start, end = max(interval.start, 0), min(interval.end, len(self._bases))
        found = "N" * (start - interval.start) + self._bases[start:end] + "N" * (interval.end - end)
        return reverse_complement(found) if interval.strand == "-" else found
