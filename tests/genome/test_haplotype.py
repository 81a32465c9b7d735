"""Genotypes, and haplotype windows that equal bcftools consensus byte for byte."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pysam.bcftools
import pytest
from genome_files import write_fasta
from variant_files import Row, random_bases, random_row, write_vcf

from texcnn.errors import InputError
from texcnn.genome.cached_bases import CachedBases
from texcnn.genome.edit import edit_window
from texcnn.genome.gene import Gene
from texcnn.genome.gtf import read_gtf
from texcnn.genome.haplotype import ABSENT, MISSING, Call, FirstWins, carried, parse_genotype, phase
from texcnn.genome.interval import reverse_complement
from texcnn.genome.normalize import Edit, to_edit
from texcnn.genome.reference import Reference
from texcnn.genome.vcf import VcfReader, VcfRecord
from texcnn.genome.windows import WindowSpec, read_windows


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("0|1", Call((0, 1), False)),
        ("2|1", Call((2, 1), False)),
        ("1/1", Call((1, 1), False)),
        ("0/1", Call((0, 1), True)),
        ("./1", Call((MISSING, 1), True)),
        (".|1", Call((MISSING, 1), False)),
        ("./.", Call((MISSING, MISSING), False)),
        (".", Call((MISSING, MISSING), False)),
        ("1", Call((1, ABSENT), False)),
        ("0", Call((0, ABSENT), False)),
        ("|0|1", Call((0, 1), False)),
        ("/0/1", Call((0, 1), True)),
    ],
)
def test_parse_genotype(text: str, call: Call) -> None:
    assert parse_genotype(text) == call


@pytest.mark.parametrize(
    ("text", "message"), [("0/1/1", "has 3 alleles"), ("a|1", "is no genotype"), ("", "no genotype")]
)
def test_parse_genotype_refuses(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_genotype(text)


def test_phase_of_unphased_heterozygous_calls() -> None:
    het, two = Call((0, 1), True), Call((2, 1), True)
    assert phase(het, "skip") == (0, 0)
    assert phase(het, "as-is") == (0, 1)
    assert phase(het, "merge") == (1, 1)
    assert phase(two, "merge") == (2, 2)
    assert phase(Call((MISSING, 3), True), "merge") == (3, 3)
    with pytest.raises(InputError, match=r"has no phase.*skip, as-is or merge"):
        phase(het, "error")
    assert phase(Call((0, 1), False), "error") == (0, 1)


def test_carried_names_sample_and_record() -> None:
    record = VcfRecord(7, "chr1", 9, ".", "A", ("C",), ("0|1", "0/1"))
    assert carried(record, "as-is", ["a", "b"]) == [(0, 1), (0, 1)]
    with pytest.raises(InputError, match=r"no phase \('0/1'\).*sample 'b', record 7 \(chr1:10\)"):
        carried(record, "error", ["a", "b"])
    with pytest.raises(InputError, match=r"names allele 2.*sample 'a'.*0 to 1"):
        carried(VcfRecord(1, "chr1", 9, ".", "A", ("C",), ("0|2",)), "error", ["a"])


def test_first_wins_and_an_insertion_does_not_overlap_the_base_after_it() -> None:
    def taken(*rows: tuple[int, str, str]) -> list[bool]:
        first = FirstWins()
        return [first.takes(VcfRecord(1, "chr1", start, ".", ref, (alt,)), alt) for start, ref, alt in rows]

    assert taken((10, "A", "AT"), (11, "C", "G")) == [True, True]
    assert taken((10, "A", "G"), (10, "A", "AT")) == [True, True]
    assert taken((10, "A", "AT"), (10, "A", "AC")) == [True, False]
    assert taken((10, "ACG", "A"), (11, "C", "T"), (12, "G", "GT"), (13, "T", "A")) == [True, False, True, True]
    assert taken((10, "A", "C"), (10, "A", "G")) == [True, False]
    assert taken((10, "AC", "A"), (11, "CG", "CT")) == [True, False]


def consensus(fasta: Path, vcf: Path, sample: str, haplotype: int) -> dict[str, str]:
    """Sequences of one haplotype as bcftools writes them."""
    text = pysam.bcftools.consensus("-f", str(fasta), "-s", sample, "-H", str(haplotype), str(vcf))
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith(">"):
            found[line[1:].split()[0]] = lines = []
        else:
            lines.append(line)
    return {name: "".join(lines).upper() for name, lines in found.items()}


def haplotypes(reference: Reference, vcf: Path, samples: Sequence[str]) -> dict[tuple[str, int], dict[str, list[Edit]]]:
    """The changes of each haplotype of each sample on each chromosome."""
    bases = CachedBases(reference)
    found: dict[tuple[str, int], dict[str, list[Edit]]] = {(s, h): {} for s in samples for h in (0, 1)}
    rules = {key: FirstWins() for key in found}
    with VcfReader(vcf, samples=samples) as reader:
        for record in reader:
            for sample, alleles in zip(samples, carried(record, "as-is", samples), strict=True):
                for side, allele in enumerate(alleles):
                    if allele > 0 and rules[sample, side].takes(record, record.alts[allele - 1]):
                        edit = to_edit(bases, record.chrom, record.start, record.ref, record.alts[allele - 1])
                        found[sample, side].setdefault(record.chrom, []).append(edit)
    return found


def check_windows(
    reference: Reference, genes: Sequence[Gene], spec: WindowSpec, vcf: Path, samples: Sequence[str]
) -> tuple[int, int]:
    """Compares each gene's window of each haplotype with the consensus; returns windows compared and different ones."""
    bases = CachedBases(reference)
    windows = list(read_windows(reference, genes, spec))
    compared = changed = 0
    for (sample, side), by_chrom in haplotypes(reference, vcf, samples).items():
        whole = consensus(reference.path, vcf, sample, side + 1)
        for window in windows:
            gene = window.gene
            edits = by_chrom.get(gene.chrom, [])
            if any(edit.start - edit.left <= gene.tss < edit.end + edit.right for edit in edits):
                continue  # where the TSS is in the consensus is then a convention
            shift = sum(len(edit.alt) - (edit.end - edit.start) for edit in edits if edit.end <= gene.tss)
            tss = gene.tss + shift
            start = tss - spec.upstream if gene.strand == "+" else tss - spec.downstream + 1
            text = whole[gene.chrom]
            expected = text[max(start, 0) : start + spec.length]
            expected = "N" * (max(-start, 0)) + expected
            expected += "N" * (spec.length - len(expected))
            near = [e for e in edits if abs(e.start - gene.tss) < 3 * spec.length]
            result = edit_window(bases, window, near)
            assert result.sequence == (expected if gene.strand == "+" else reverse_complement(expected)), (sample, gene)
            compared += 1
            changed += bool(result.touched)
    return compared, changed


def test_simulated_diploid_samples_equal_bcftools_consensus(tmp_path: Path) -> None:
    rng = random.Random(5)
    bases = random_bases(rng, 6000)
    fasta = write_fasta(tmp_path / "genome.fa", {"chr1": bases}, width=60)
    samples = ["s1", "s2", "s3", "s4"]
    calls = ["0|0", "0|1", "1|0", "1|1", ".|1", "0/1", "1/1", "."]
    rows = []
    for start in sorted(rng.choices(range(1, 5980), k=600)):
        row = random_row(rng, bases, start)
        alts = (*row.alts, row.alts[0] + "GT") if rng.random() < 0.1 else row.alts
        texts = tuple(rng.choice([*calls, "2|1", "1|2"] if len(alts) > 1 else calls) for _ in samples)
        # One sample is haploid for the first half, as a male X beside the pseudo-autosomal region.
        texts = (*texts[:3], rng.choice("01.")) if start < 3000 else texts
        rows.append(Row(start, row.ref, alts, texts))
    vcf = write_vcf(tmp_path / "in.vcf.gz", rows, length=len(bases), samples=samples)
    genes = [Gene(str(tss), "", "chr1", tss, "+-"[tss % 2]) for tss in range(20, 5990, 97)]
    with Reference(fasta) as reference:
        compared, changed = check_windows(reference, genes, WindowSpec(300, 150), vcf, samples)
    assert compared > 250
    assert changed > 0.9 * compared


@pytest.mark.data
def test_yeast_by_and_rm_equal_bcftools_consensus(data: Path) -> None:
    vcf = data / "variants" / "yeast_by_rm.vcf.gz"
    spec = WindowSpec(1000, 500)
    with Reference(data / "yeast" / "R64-1-1.fa.gz") as reference:
        genes = read_gtf(data / "yeast" / "R64-1-1.81.gtf.gz").genes[::40]
        compared, changed = check_windows(reference, genes, spec, vcf, ["BY", "RM"])
    assert compared > 600
    assert changed > 100  # only RM's first haplotype differs from the genome
