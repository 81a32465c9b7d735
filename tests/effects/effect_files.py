"""A random genome with genes and variants."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tiny import write_gtf
from variant_files import Row, genome_of, random_bases, random_row, write_vcf

GENOME_LENGTH = 1500
Command = Callable[..., tuple[int, str]]
HEADER = "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=1500>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


@dataclass(frozen=True)
class Case:
    """Files of one random genome.

    Attributes:
        bases: chr1.
        genes: Id, chromosome, start, end (1-based, closed), strand.
        rows: The VCF's records, sorted.
    """

    folder: Path
    bases: str
    genes: list[tuple[str, str, int, int, str]]
    rows: list[Row]

    def write(self, name: str = "") -> tuple[Path, Path, Path]:
        """FASTA, GTF and VCF."""
        fasta = genome_of(self.folder, self.bases, f"{name}genome.fa")
        gtf = write_gtf(self.folder / f"{name}genes.gtf", self.genes)
        return fasta, gtf, write_vcf(self.folder / f"{name}in.vcf", self.rows, length=len(self.bases))


def random_case(folder: Path, *, n_variants: int = 600, seed: int = 1, n_share: float = 0) -> Case:
    """Genes on both strands and variants of every kind; about ``n_share`` of the bases are N, in runs of 3 to 18."""
    rng = random.Random(seed)
    bases = random_bases(rng, GENOME_LENGTH)
    for _ in range(int(GENOME_LENGTH * n_share / 10)):
        at, size = rng.randrange(GENOME_LENGTH - 20), rng.randint(3, 18)
        bases = bases[:at] + "N" * size + bases[at + size :]
    genes = []
    for number in range(25):
        start = rng.randrange(30, GENOME_LENGTH - 100)
        genes.append((f"g{number}", "chr1", start, start + rng.randrange(20, 60), rng.choice("+-")))
    places = sorted(rng.choices(range(2, GENOME_LENGTH - 20), k=n_variants))
    rows = [replace(random_row(rng, bases, start), id=f"v{number}") for number, start in enumerate(places)]
    return Case(folder, bases, genes, rows)


def vcf(case: Case, *lines: str, header: str = HEADER, name: str = "bad.vcf") -> Path:
    path = case.folder / name
    path.write_text(header + "".join(f"{line}\n" for line in lines))
    return path


def line(case: Case, start: int, alt: str = "", ref: str = "", chrom: str = "chr1") -> str:
    base = ref or case.bases[start]
    return f"{chrom}\t{start + 1}\t.\t{base}\t{alt or ('A' if base != 'A' else 'C')}\t.\t.\t."
