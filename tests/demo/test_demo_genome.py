"""The demo genome: re-made byte for byte, and its known answers found again by an independent reading."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import re
import sys
from itertools import pairwise
from pathlib import Path

import pysam
import pytest

COMPLEMENT = {"A": "T", "C": "G", "G": "C", "T": "A", "N": "N"}


@pytest.fixture(scope="module")
def demo(project: Path) -> Path:
    return project / "assets" / "demo"


@pytest.fixture(scope="module")
def remade(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    script = project / "scripts" / "make_demo_genome.py"
    specification = importlib.util.spec_from_file_location("make_demo_genome", script)
    module = importlib.util.module_from_spec(specification)
    sys.modules["make_demo_genome"] = module
    specification.loader.exec_module(module)
    out = tmp_path_factory.mktemp("demo")
    module.write_demo_genome(out / "first")
    module.write_demo_genome(out / "second")
    module.write_demo_genome(out / "other", seed=1)
    return out


@pytest.fixture(scope="module")
def genome(demo: Path) -> dict[str, str]:
    """The bases, read without pysam."""
    records = gzip.decompress((demo / "genome.fa.gz").read_bytes()).decode().split(">")[1:]
    return {r.split(None, 1)[0]: "".join(r.splitlines()[1:]) for r in records}


@pytest.fixture(scope="module")
def gtf(demo: Path) -> list[dict[str, str]]:
    names = ["chrom", "source", "kind", "start", "end", "score", "strand", "frame", "attributes"]
    rows = []
    for line in (demo / "genes.gtf").read_text().splitlines():
        if not line.startswith("#"):
            row = dict(zip(names, line.split("\t"), strict=True))
            rows.append({**row, **dict(re.findall(r'(\w+) "([^"]*)"', row["attributes"]))})
    return rows


@pytest.fixture(scope="module")
def truth(demo: Path) -> list[dict[str, str]]:
    with (demo / "truth.tsv").open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def on_strand(bases: str, strand: str) -> str:
    return bases if strand == "+" else "".join(COMPLEMENT[base] for base in reversed(bases))


def oracle(chromosome: str, tss: int, strand: str) -> tuple[float, dict[str, int]]:
    """Reads the promoter grammar as assets/demo/README.md states it; ``tss`` is 1-based."""
    if strand == "-":
        chromosome, tss = on_strand(chromosome, "-"), len(chromosome) - tss + 1
    base = {offset: chromosome[tss - 1 + offset] for offset in range(-500, 500)}

    def occurrences(motif: str, first: int, last: int) -> int:
        """Number of places whose every base lies in [first, last] (offsets from the TSS)."""
        return sum(
            all(base[start + i] == letter for i, letter in enumerate(motif))
            for start in range(first, last - len(motif) + 2)
        )

    found = {
        "n_cpg": occurrences("CG", -500, 499),
        "n_tata": min(1, occurrences("TATAAAAG", -40, -21)),
        "n_activator": occurrences("ACCGGAAGTG", -200, -51) + occurrences("CACTTCCGGT", -200, -51),
        "n_repressor": occurrences("TTCAGCACCACGGA", -200, -51) + occurrences("TCCGTGGTGCTGAA", -200, -51),
    }
    weights = (0.02, 0.5, 0.35, -0.8)
    value = -1 + sum(weight * count for weight, count in zip(weights, found.values(), strict=True))
    return max(-1.0, value), found


def test_same_seed_gives_the_committed_files(demo: Path, remade: Path) -> None:
    for name in ("genes.gtf", "truth.tsv", "variants.vcf", "genome.fa.gz.fai"):
        assert (remade / "first" / name).read_bytes() == (demo / name).read_bytes(), name
    # Deflate libraries differ in how they pack, never in what they unpack to.
    assert gzip.decompress((remade / "first" / "genome.fa.gz").read_bytes()) == gzip.decompress(
        (demo / "genome.fa.gz").read_bytes()
    )


def test_same_seed_twice_gives_identical_bytes_and_another_seed_does_not(remade: Path) -> None:
    for path in (remade / "first").iterdir():
        assert path.read_bytes() == (remade / "second" / path.name).read_bytes(), path.name
    assert (remade / "first" / "truth.tsv").read_text() != (remade / "other" / "truth.tsv").read_text()


def test_every_text_says_that_it_is_simulated(demo: Path, genome: dict[str, str]) -> None:
    headers = re.findall(r">.*", gzip.decompress((demo / "genome.fa.gz").read_bytes()).decode())
    assert len(headers) == len(genome) == 3
    assert all("SIMULATED" in header for header in headers)
    assert "SIMULATED" in (demo / "genes.gtf").read_text().splitlines()[0]
    assert "SIMULATED" in (demo / "variants.vcf").read_text()
    assert "simulated" in (demo / "README.md").read_text()


def test_small_enough_for_the_repository(demo: Path) -> None:
    assert sum(path.stat().st_size for path in demo.iterdir()) < 300_000


def test_committed_index_serves_random_access(demo: Path, genome: dict[str, str]) -> None:
    with pysam.FastaFile(str(demo / "genome.fa.gz")) as fasta:
        assert list(fasta.references) == ["demo1", "demo2", "demo3"]
        for chrom, sequence in genome.items():
            assert fasta.get_reference_length(chrom) == len(sequence)
            assert fasta.fetch(chrom, 30_001, 30_123) == sequence[30_001:30_123]


def test_bases_look_like_a_genome(genome: dict[str, str]) -> None:
    assert {base for sequence in genome.values() for base in sequence} == set("ACGTN")
    assert [(m.start(), len(m[0])) for m in re.finditer("N+", genome["demo2"])] == [(54_800, 11_500)]
    blocks = [
        s[i : i + 1000] for s in genome.values() for i in range(0, len(s) - 999, 1000) if "N" not in s[i : i + 1000]
    ]
    gc = [(b.count("G") + b.count("C")) / 1000 for b in blocks]
    assert min(gc) < 0.38
    assert max(gc) > 0.60
    far_from_genes = genome["demo1"][:7000]  # CpG is depleted outside islands
    expected = far_from_genes.count("C") * far_from_genes.count("G") / 7000
    assert far_from_genes.count("CG") < 0.4 * expected


def test_annotation_counts(gtf: list[dict[str, str]]) -> None:
    genes = [row for row in gtf if row["kind"] == "gene"]
    assert len({row["gene_id"] for row in genes}) == len(genes) == 50
    assert {row["strand"] for row in genes} == {"+", "-"}
    per_gene = [sum(r["kind"] == "transcript" and r["gene_id"] == g["gene_id"] for r in gtf) for g in genes]
    assert set(per_gene) == {1, 2}
    assert per_gene.count(2) >= 10
    without_cds = {g["gene_id"] for g in genes} - {r["gene_id"] for r in gtf if r["kind"] == "CDS"}
    assert len(without_cds) >= 4


def test_tss_of_the_longest_cds_is_the_one_in_truth(gtf: list[dict[str, str]], truth: list[dict[str, str]]) -> None:
    moved = 0
    for gene in truth:
        rows = [row for row in gtf if row["gene_id"] == gene["gene_id"]]

        def length(transcript: str, kind: str, rows: list[dict[str, str]] = rows) -> int:
            parts = [r for r in rows if r["kind"] == kind and r["transcript_id"] == transcript]
            return sum(int(r["end"]) - int(r["start"]) + 1 for r in parts)

        transcripts = [row for row in rows if row["kind"] == "transcript"]
        best = max(transcripts, key=lambda t: (length(t["transcript_id"], "CDS"), length(t["transcript_id"], "exon")))
        end = "start" if gene["strand"] == "+" else "end"
        assert best[end] == gene["tss"], gene["gene_id"]
        moved += rows[0][end] != gene["tss"]
    assert moved >= 5  # genes whose row does not begin at the chosen TSS


def test_coding_sequences_are_open_reading_frames(gtf: list[dict[str, str]], genome: dict[str, str]) -> None:
    cds: dict[str, list[dict[str, str]]] = {}
    for row in gtf:
        if row["kind"] == "CDS":
            cds.setdefault(row["transcript_id"], []).append(row)
    assert len(cds) > 45
    for transcript, parts in cds.items():
        bases, frames = "", []
        for part in parts:  # 5' to 3'
            frames.append(int(part["frame"]))
            bases += on_strand(genome[part["chrom"]][int(part["start"]) - 1 : int(part["end"])], part["strand"])
        bases = bases[frames[0] :]
        codons = [bases[i : i + 3] for i in range(0, len(bases), 3)]
        assert len(codons[-1]) == 3
        assert not {"TAA", "TAG", "TGA"} & set(codons), transcript
        if transcript.endswith("1"):
            assert codons[0] == "ATG"
            assert frames[0] == 0


def test_introns_have_canonical_splice_sites(gtf: list[dict[str, str]], genome: dict[str, str]) -> None:
    exons = [row for row in gtf if row["kind"] == "exon"]
    introns = 0
    for left, right in pairwise(exons):
        if left["transcript_id"] != right["transcript_id"]:
            continue
        if left["strand"] == "+":
            start, end = int(left["end"]), int(right["start"]) - 1
        else:
            start, end = int(right["end"]), int(left["start"]) - 1
        intron = on_strand(genome[left["chrom"]][start:end], left["strand"])
        assert (intron[:2], intron[-2:]) == ("GT", "AG")
        introns += 1
    assert introns > 40


def test_truth_is_what_the_bases_say(genome: dict[str, str], truth: list[dict[str, str]]) -> None:
    values = []
    for gene in truth:
        expression, found = oracle(genome[gene["chrom"]], int(gene["tss"]), gene["strand"])
        assert {name: int(gene[name]) for name in found} == found, gene["gene_id"]
        assert float(gene["true_expression"]) == pytest.approx(expression, abs=1e-9)
        values.append(expression)
    assert len(values) == 49
    assert min(values) == -1.0  # a silent gene is log10(0 + 0.1)
    assert max(values) > 2


def test_special_windows(genome: dict[str, str], gtf: list[dict[str, str]], truth: list[dict[str, str]]) -> None:
    genes = {row["gene_id"]: row for row in gtf if row["kind"] == "gene"}
    (missing,) = set(genes) - {row["gene_id"] for row in truth}
    gap = genes[missing]
    start = int(gap["start"]) - 1
    assert gap["gene_name"] == "GAP1"
    assert set(genome["demo2"][start - 7000 : start + 3500]) == {"N"}
    first, last = truth[-8], truth[-1]
    assert (first["chrom"], first["strand"]) == (last["chrom"], "+") == ("demo3", "+")
    assert int(first["tss"]) - 1 - 7000 < 0
    assert last["strand"] == "-"
    assert int(last["tss"]) + 7000 > len(genome["demo3"])


def test_variants_carry_the_genome_and_their_true_effect(
    demo: Path, genome: dict[str, str], truth: list[dict[str, str]]
) -> None:
    genes = {row["gene_id"]: row for row in truth}
    kinds = []
    with pysam.VariantFile(str(demo / "variants.vcf")) as vcf:
        assert {name: contig.length for name, contig in vcf.header.contigs.items()} == {
            name: len(sequence) for name, sequence in genome.items()
        }
        for record in vcf:
            sequence, (alt,) = genome[record.chrom], record.alts
            assert sequence[record.start : record.start + len(record.ref)] == record.ref
            gene = genes[record.info["GENE"]]
            tss = int(gene["tss"])
            changed = sequence[: record.start] + alt + sequence[record.start + len(record.ref) :]
            moved = tss + (len(alt) - len(record.ref) if record.pos < tss else 0)
            before, _ = oracle(sequence, tss, gene["strand"])
            after, _ = oracle(changed, moved, gene["strand"])
            assert record.info["TRUE_DELTA"] == pytest.approx(after - before, abs=1e-6), record.id
            kind = record.info["KIND"]
            assert {"neutral": after == before, "repressor": after > before}.get(kind, after < before), record.id
            kinds.append((record.chrom, kind, len(record.ref) > 1))
    assert len(kinds) == 20
    assert {chrom for chrom, _, _ in kinds} == set(genome)
    assert {kind for _, kind, _ in kinds} == {"tata", "activator", "repressor", "neutral"}
    assert any(deletion for _, _, deletion in kinds)
