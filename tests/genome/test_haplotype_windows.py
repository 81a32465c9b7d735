"""Haplotype windows that equal bcftools consensus byte for byte."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pysam.bcftools
import pytest
from genome_files import write_fasta
from variant_files import Row, genome_of, random_bases, random_row, write_vcf

from texcnn.errors import InputError
from texcnn.genome.cached_bases import CachedBases
from texcnn.genome.check_variant import VariantCheck
from texcnn.genome.gene import Gene
from texcnn.genome.gtf import read_gtf
from texcnn.genome.haplotype_windows import GeneHaplotypes, HaplotypeWindows
from texcnn.genome.interval import reverse_complement
from texcnn.genome.reference import Reference
from texcnn.genome.vcf import VcfReader
from texcnn.genome.windows import WindowSpec

Groups = dict[int, GeneHaplotypes]


def haplotypes(
    reference: Reference, vcf: Path, genes: Sequence[Gene], spec: WindowSpec, unphased: str = "as-is"
) -> tuple[Groups, HaplotypeWindows]:
    bases = CachedBases(reference)
    with VcfReader(vcf, samples=[]) as reader:
        check = VariantCheck(bases, vcf, longest=spec.length)
        source = HaplotypeWindows(reader, bases, check, genes, spec, unphased=unphased)
        return {group.gene: group for group in source}, source


def consensus(fasta: Path, vcf: Path, sample: str, haplotype: int, chains: Path) -> dict[str, str]:
    """Sequences of one haplotype as bcftools writes them, and a chain file of where its bases come from."""
    text = pysam.bcftools.consensus("-f", str(fasta), "-s", sample, "-H", str(haplotype), "-c", str(chains), str(vcf))
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith(">"):
            found[line[1:].split()[0]] = lines = []
        else:
            lines.append(line)
    return {name: "".join(lines).upper() for name, lines in found.items()}


def lifted(chains: Path, chrom: str, place: int) -> int | None:
    """Where a base of the genome is in the consensus; None where it is replaced or gone."""
    lines = iter(chains.read_text().splitlines())
    for line in lines:
        fields = line.split()
        if not fields or fields[0] != "chain" or fields[2] != chrom:
            continue
        old, new = int(fields[5]), int(fields[10])
        for block in lines:
            sizes = [int(size) for size in block.split()]
            if old <= place < old + sizes[0]:
                return new + place - old
            if len(sizes) < 3:
                return None
            old, new = old + sizes[0] + sizes[1], new + sizes[0] + sizes[2]
            if place < old:
                return None
    return place


def compare(reference: Reference, genes: Sequence[Gene], spec: WindowSpec, vcf: Path, folder: Path) -> tuple[int, int]:
    """Compares each window of each haplotype with the consensus; returns windows compared and those with a variant."""
    groups, source = haplotypes(reference, vcf, genes, spec)
    assert sorted(groups) == list(range(len(genes)))
    compared = changed = 0
    for number, sample in enumerate(source.samples):
        for side in (0, 1):
            chains = folder / "chains"
            whole = consensus(reference.path, vcf, sample, side + 1, chains)
            for row, gene in enumerate(genes):
                which = groups[row].of_sample[number][side]
                # The TSS and its neighbours: an indel next to it may be stated on either side of it.
                tss, before, after = (lifted(chains, gene.chrom, gene.tss + by) for by in (0, -12, 12))
                if which is None or tss is None or (before, after) != (tss - 12, tss + 12):
                    continue
                start = tss - spec.upstream if gene.strand == "+" else tss - spec.downstream + 1
                text = whole[gene.chrom]
                expected = "N" * max(-start, 0) + text[max(start, 0) : start + spec.length]
                expected += "N" * (spec.length - len(expected))
                if gene.strand == "-":
                    expected = reverse_complement(expected)
                edited = groups[row].windows[which]
                assert edited.sequence == expected, (sample, side, gene)
                compared += 1
                changed += bool(edited.touched)
    return compared, changed


def test_simulated_diploid_samples_equal_bcftools_consensus(tmp_path: Path) -> None:
    rng = random.Random(5)
    bases = random_bases(rng, 20_000)
    fasta = write_fasta(tmp_path / "genome.fa", {"chr1": bases}, width=60)
    samples = ["s1", "s2", "s3", "s4"]
    calls = ["0|0", "0|0", "0|1", "1|0", "1|1", ".|1", "0/1", "1/1", "."]
    rows = []
    for start in sorted(rng.choices(range(1, 19_980), k=1200)):
        row = random_row(rng, bases, start)
        second = row.alts[0] + "GT"
        alts = (*row.alts, second) if rng.random() < 0.1 and second != row.ref else row.alts
        texts = [rng.choice([*calls, "2|1", "1|2"] if len(alts) > 1 else calls) for _ in samples]
        # One sample is haploid for the first half, as a male's X is outside the pseudo-autosomal regions.
        texts[3] = rng.choice("01") if start < 10_000 else texts[3]
        rows.append(Row(start, row.ref, alts, tuple(texts)))
    vcf = write_vcf(tmp_path / "in.vcf.gz", rows, length=len(bases), samples=samples)
    genes = [Gene(str(tss), "", "chr1", tss, "+-"[tss % 2]) for tss in range(20, 19_990, 97)]
    with Reference(fasta) as reference:
        compared, changed = compare(reference, genes, WindowSpec(300, 150), vcf, tmp_path)
        groups, source = haplotypes(reference, vcf, genes, WindowSpec(300, 150))
    assert compared > 500
    assert changed > 0.9 * compared
    assert groups[10].of_sample[3][1] is None
    assert groups[150].of_sample[3][1] is not None
    assert set(source.overlapping) == set(samples)
    assert source.missing["s1"] > 50


@pytest.mark.data
def test_yeast_by_and_rm_equal_bcftools_consensus(data: Path, tmp_path: Path) -> None:
    vcf = data / "variants" / "yeast_by_rm.vcf.gz"
    with Reference(data / "yeast" / "R64-1-1.fa.gz") as reference:
        genes = read_gtf(data / "yeast" / "R64-1-1.81.gtf.gz").genes[::40]
        compared, changed = compare(reference, genes, WindowSpec(1000, 500), vcf, tmp_path)
    assert compared > 250  # both strains are haploid: each has one haplotype
    assert changed > 100


BASES = "ACTGATCCGTAGCTTAGACGGATTCAGCATGCCTAGTGAC" * 10
GENES = [Gene("a", "a", "chr1", 100, "+"), Gene("b", "b", "chr1", 300, "-")]
SPEC = WindowSpec(20, 10)


def small(folder: Path, rows: Sequence[Row], samples: Sequence[str] = ("s", "t")) -> tuple[Groups, HaplotypeWindows]:
    vcf = write_vcf(folder / "in.vcf", rows, length=len(BASES), samples=samples)
    with Reference(genome_of(folder, BASES)) as reference:
        return haplotypes(reference, vcf, GENES, SPEC, "error")


def snv(start: int, *genotypes: str) -> Row:
    return Row(start, BASES[start], ("A" if BASES[start] != "A" else "C",), genotypes)


def test_equal_haplotypes_are_one_window(tmp_path: Path) -> None:
    groups, source = small(tmp_path, [snv(90, "0|1", "1|0"), snv(95, "0|1", "1|1"), snv(200, "1|1", "1|1")])
    near, far = groups[0], groups[1]
    assert (near.of_sample, len(near.windows), near.n_variants) == ([(0, 1), (1, 2)], 3, [2, 3])
    assert (far.of_sample, len(far.windows), far.n_variants) == ([(0, 0), (0, 0)], 1, [0, 0])
    assert far.windows[0].sequence == far.window.sequence
    assert source.samples == ("s", "t")


def test_a_deletion_brings_in_the_samples_variants_beyond_the_window(tmp_path: Path) -> None:
    deletion = Row(90, BASES[90:93], (BASES[90],), ("0|1", "1|1"))
    groups, _ = small(tmp_path, [snv(79, "0|1", "0|1"), deletion])
    with_both = groups[0].windows[groups[0].of_sample[0][1]]  # type: ignore[index]
    assert with_both.sequence[1] == ("A" if BASES[79] != "A" else "C")
    assert groups[0].of_sample[1][0] != groups[0].of_sample[1][1]


def test_alleles_that_cannot_be_applied_are_listed(tmp_path: Path) -> None:
    rows = [
        Row(90, BASES[90], ("<DEL>",), ("0|1", "0|0")),
        Row(91, "G" if BASES[91] != "G" else "T", ("A",), ("0|1", "0|0")),
        Row(92, BASES[92], ("*",), ("0|0", "0|0")),
        snv(95, "0|1", ".|."),
        snv(95, "0|1", "0|."),
    ]
    groups, source = small(tmp_path, rows)
    assert [problem.status for _, problem in source.not_applied] == ["SYMBOLIC", "REF_MISMATCH"]
    assert source.overlapping == {"s": 1}
    assert source.missing == {"t": 3, "s": 0}
    assert groups[0].n_variants == [1, 0]


def test_unsorted_records_and_unphased_calls_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not sorted.*record 2 \(chr1:91\).*bcftools sort"):
        small(tmp_path, [snv(95, "0|1", "0|0"), snv(90, "0|1", "0|0")])
    with pytest.raises(InputError, match=r"no phase \('0/1'\).*sample 't', record 1"):
        small(tmp_path, [snv(95, "0|1", "0/1")])
    with pytest.raises(InputError, match=r"genotype '0\|2' names allele 2"):
        small(tmp_path, [snv(95, "0|2", "0|1")])
