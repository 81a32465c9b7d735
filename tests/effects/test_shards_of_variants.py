"""Variants scored in shards and merged: the files of one run, to the bit, whatever the number of shards."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pysam
import pytest
from genome_files import write_fasta
from tiny import write_gtf
from variant_files import Row, random_bases, random_row

import texcnn
from texcnn.effects import joined, pairs, split
from texcnn.effects.haplotype_table import HaplotypeCounts
from texcnn.effects.merge import merge_effects
from texcnn.effects.options import EffectOutputs
from texcnn.effects.outputs import EffectCounts
from texcnn.effects.parts import KEPT_FILE
from texcnn.effects.split import split_alleles
from texcnn.errors import InputError, RunError
from texcnn.genome.vcf import VcfReader

CHROMS = ("b", "a", "c", "d")
"""In the order of the VCFs; the FASTA has them sorted, and c has no variants."""
ALLELE = ["chrom", "pos", "ref", "alt"]
HEADER = '##fileformat=VCFv4.2\n##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'


class Genome:
    """Four chromosomes with genes, and alleles of all kinds on three of them."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder, self.model, self.rng = folder, model, random.Random(5)
        self.bases = {name: random_bases(self.rng, 900) for name in sorted(CHROMS)}
        self.fasta = write_fasta(folder / "genome.fa", self.bases, width=60)
        genes = []
        for number in range(24):
            chrom, start = CHROMS[number % 4], self.rng.randrange(30, 800)
            genes.append((f"g{number}", chrom, start, start + 40, self.rng.choice("+-")))
        self.genes = genes
        self.gtf = write_gtf(folder / "genes.gtf", genes)

    def rows(self, count: int) -> dict[str, list[Row]]:
        """Rows by chromosome, by position; a tenth has two alleles, and some come twice."""
        rows = {}
        for chrom in ("b", "a", "d"):
            drawn = []
            for number, start in enumerate(sorted(self.rng.choices(range(2, 880), k=count))):
                row = random_row(self.rng, self.bases[chrom], start)
                alts = (*row.alts, "<DEL>") if self.rng.random() < 0.1 else row.alts
                drawn.append(Row(row.start, row.ref, alts, id=f"{chrom}{number}"))
            rows[chrom] = drawn
        return rows

    def vcf(self, name: str, rows: dict[str, list[Row]], samples: Sequence[str] = ()) -> Path:
        more = ["FORMAT", *samples] if samples else []
        columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", *more]
        lines = [row.line(chrom) for chrom, listed in rows.items() for row in listed]
        (self.folder / name).write_text(HEADER + "\n".join(["\t".join(columns), *lines]) + "\n")
        return self.folder / name

    def effects(self, vcf: Path, out: Path, **options: object) -> EffectCounts | HaplotypeCounts:
        counts = texcnn.variant_effects(self.model, self.fasta, vcf=vcf, gtf=self.gtf, out=out, device="cpu", **options)
        assert not isinstance(counts, pd.DataFrame)
        return counts

    def parts(self, vcfs: Sequence[Path], size: int, name: str) -> list[Path]:
        """Effects of the shards."""
        _, shards = split_alleles(vcfs, self.folder / name, size=size)
        files = sorted((self.folder / name).iterdir())
        assert len(files) == shards
        parts = [file.with_name(f"{file.name}.parts") for file in files]
        for file, part in zip(files, parts, strict=True):
            self.effects(file, part)
        return parts


def outputs(folder: Path) -> EffectOutputs:
    return EffectOutputs(
        summary=folder / "summary.tsv", annotate=folder / "annotated.vcf.gz", tabix=folder / "tabix.tsv.gz"
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def genome(tmp_path: Path, tiny_dnabert2: Path, monkeypatch: pytest.MonkeyPatch) -> Genome:
    for module in (pairs, split, joined):
        monkeypatch.setattr(module, "ALLELES_PER_CHUNK", 16)
    return Genome(tmp_path, tiny_dnabert2)


def one_run(genome: Genome, vcf: Path) -> tuple[EffectCounts, dict[str, bytes]]:
    folder = genome.folder / "one"
    folder.mkdir()
    given = outputs(folder)
    counts = genome.effects(
        vcf, folder / "effects.tsv.gz", summary=given.summary, annotate=given.annotate, tabix=given.tabix
    )
    assert isinstance(counts, EffectCounts)
    return counts, contents(folder)


def merged(genome: Genome, parts: Sequence[Path], vcf: Path, name: str) -> tuple[EffectCounts, dict[str, bytes]]:
    folder = genome.folder / name
    folder.mkdir()
    counts = merge_effects(parts, folder / "effects.tsv.gz", vcf=vcf, outputs=outputs(folder))
    assert isinstance(counts, EffectCounts)
    return counts, contents(folder)


@pytest.mark.parametrize(("size", "n_shards"), [(1000, 1), (80, 3), (32, 7)])
def test_shards_give_the_files_of_one_run(genome: Genome, size: int, n_shards: int) -> None:
    """To the bit, the VCF, its index and the descriptions too."""
    rows = {
        chrom: list({row.start: Row(row.start, row.ref, row.alts, ("0|1", "1|1"), row.id) for row in listed}.values())
        for chrom, listed in genome.rows(70).items()
    }
    vcf = genome.vcf("calls.vcf", rows, samples=("s", "t"))
    parts = genome.parts([vcf], size, "shards")
    assert len(parts) == n_shards
    counts, expected = one_run(genome, vcf)
    found_counts, found = merged(genome, parts, vcf, "merged")
    assert found_counts == counts
    assert counts.alleles == sum(len(row.alts) for listed in rows.values() for row in listed) > 200
    assert counts.statuses["SCORED"] > 40
    assert sorted(found) == sorted(expected)
    assert len(found) == 9
    for name, content in expected.items():
        assert found[name] == content, name
    with pysam.VariantFile(str(genome.folder / "merged" / "annotated.vcf.gz")) as records:
        assert {(record.samples["s"]["GT"], record.samples["t"]["GT"]) for record in records} == {((0, 1), (1, 1))}


def test_an_allele_is_scored_once_whatever_the_number_of_vcfs(genome: Genome) -> None:
    """Each VCF gets its own order, IDs and repeated alleles back, and each shard is used by all."""
    rows = genome.rows(60)
    shared = {chrom: listed[::2] for chrom, listed in rows.items() if chrom != "a"}
    renamed = {
        chrom: [Row(row.start, row.ref, row.alts, id=f"x{row.id}") for row in listed]
        for chrom, listed in shared.items()
    }
    extra = genome.rows(5)
    vcfs = [
        genome.vcf("one.vcf", rows),
        genome.vcf("two.vcf", {c: sorted([*renamed.get(c, []), *extra[c]], key=lambda row: row.start) for c in rows}),
    ]
    parts = genome.parts(vcfs, 48, "shards")
    distinct = {
        (chrom, row.start, row.ref, alt)
        for some in (rows, extra)
        for chrom, listed in some.items()
        for row in listed
        for alt in row.alts
    }
    scored = [len(pd.read_parquet(path)) for part in parts for path in part.glob("summary-*")]
    assert sum(scored) == len(distinct) < sum(len(row.alts) for listed in rows.values() for row in listed) + 200
    for number, vcf in enumerate(vcfs):
        counts, found = merged(genome, parts, vcf, f"merged{number}")
        shutil.rmtree(genome.folder / "one", ignore_errors=True)
        expected, _ = one_run(genome, vcf)
        assert counts == expected
        with VcfReader(vcf) as reader:
            assert counts.alleles == sum(len(record.alts) for record in reader)
        tables = [pd.read_csv(genome.folder / name / "effects.tsv.gz", sep="\t") for name in (f"merged{number}", "one")]
        pd.testing.assert_frame_equal(*tables, rtol=1e-4, atol=2e-6)
        for name in ("effects.tsv.gz.skipped.tsv", "effects.tsv.gz.meta.json"):
            assert found[name] == (genome.folder / "one" / name).read_bytes()
    assert tables[0]["id"].str.startswith("x").any()


def test_alleles_without_any_are_one_empty_shard(genome: Genome) -> None:
    vcf = genome.vcf("none.vcf", {})
    (part,) = genome.parts([vcf], 100, "shards")
    assert merged(genome, [part], vcf, "merged")[0] == EffectCounts(0, 0, {})


def test_the_last_shard_has_half_to_one_and_a_half(genome: Genome) -> None:
    for count, sizes in ((47, [47]), (48, [32, 16]), (79, [32, 47]), (80, [32, 32, 16])):
        rows = {"a": [Row(at, genome.bases["a"][at], ("<DEL>",)) for at in range(2, 2 + count)]}
        split_alleles(genome.vcf("v.vcf", rows), genome.folder / str(count), size=20)
        found = []
        for path in sorted((genome.folder / str(count)).iterdir()):
            with VcfReader(path) as reader:
                found.append(len(list(reader)))
        assert found == sizes


def test_what_cannot_be_split_is_named(genome: Genome) -> None:
    rows = genome.rows(3)
    first = genome.vcf("first.vcf", rows)
    turned = genome.vcf("turned.vcf", dict(reversed(rows.items())))
    with pytest.raises(InputError, match=r"chromosomes in different orders: .* first.vcf, turned.vcf"):
        split_alleles([first, turned], genome.folder / "shards")
    mixed = genome.vcf("mixed.vcf", {chrom: listed[::-1] for chrom, listed in rows.items()})
    with pytest.raises(InputError, match="not sorted"):
        split_alleles([first, mixed], genome.folder / "shards")
    with pytest.raises(InputError, match="already exists"):
        split_alleles([first], genome.folder)
    assert not (genome.folder / "shards").exists()


def test_parts_that_do_not_go_together_are_refused(genome: Genome, tmp_path: Path) -> None:
    vcf = genome.vcf("calls.vcf", genome.rows(40))
    parts = genome.parts([vcf], 48, "shards")
    out = tmp_path / "o.tsv"
    with pytest.raises(RunError, match=r"allele .* is not in the parts .* record \d+ \([abd]:"):
        merge_effects(parts[:-1], out, vcf=vcf)
    with pytest.raises(RunError, match="is not in the parts"):
        merge_effects(parts[::-1], out, vcf=vcf)
    other = tmp_path / "other.parts"
    genome.effects(vcf, other, max_distance=3)
    with pytest.raises(InputError, match=r"parts of different runs: max_distance differ .*other\.parts"):
        merge_effects([*parts, other], out, vcf=vcf)
    with pytest.raises(InputError, match=f"no parts of a run .* {KEPT_FILE}"):
        merge_effects([tmp_path], out, vcf=vcf)
    with pytest.raises(InputError, match="alleles come from a VCF"):
        merge_effects(parts, out)
    with pytest.raises(InputError, match=r"unknown format 'o\.parts'"):
        merge_effects(parts, tmp_path / "o.parts", vcf=vcf)
    (parts[0] / KEPT_FILE).write_text('{"format_version": 0}')
    with pytest.raises(InputError, match=r"parts of version 0 .* allowed: version 1"):
        merge_effects(parts, out, vcf=vcf)
    assert not out.exists()


def test_parts_take_no_further_file_and_replace_only_parts(genome: Genome, tmp_path: Path) -> None:
    vcf = genome.vcf("calls.vcf", genome.rows(2))
    with pytest.raises(InputError, match="parts are no tables yet – in `summary`"):
        genome.effects(vcf, tmp_path / "x.parts", summary=tmp_path / "s.tsv")
    (tmp_path / "y.parts").mkdir()
    with pytest.raises(InputError, match="something else"):
        genome.effects(vcf, tmp_path / "y.parts", overwrite=True)
    with pytest.raises(InputError, match=r"unusable shard '3/2' – in `shard`"):
        genome.effects(vcf, tmp_path / "x.parts", phased=True, shard="3/2")
    with pytest.raises(InputError, match="shards of chromosomes are for haplotypes"):
        genome.effects(vcf, tmp_path / "x.parts", shard="1/2")


@pytest.fixture
def phased(genome: Genome) -> Path:
    rng = random.Random(3)

    def called(row: Row) -> Row:
        calls = rng.choice(["0|1", "1|1", ".|1"]), rng.choice(["0|0", "1|0"])
        return Row(row.start, row.ref, row.alts[:1], calls, row.id)

    rows = {chrom: [called(row) for row in listed] for chrom, listed in genome.rows(60).items()}
    for chrom, start in (("b", genome.genes[0][2]), ("d", genome.genes[3][2])):
        rows[chrom].append(Row(start, genome.bases[chrom][start], ("<DEL>",), ("0|1", "0|0"), "symbol"))
        rows[chrom].sort(key=lambda row: row.start)
    return genome.vcf("phased.vcf", rows, samples=("s", "t"))


@pytest.mark.parametrize("n_shards", [1, 3, 7])
def test_haplotypes_in_shards_are_those_of_one_run(genome: Genome, phased: Path, n_shards: int) -> None:
    """More shards than chromosomes leave some empty."""
    expected = genome.effects(phased, genome.folder / "whole.tsv.gz", phased=True)
    parts = [genome.folder / f"{number}.parts" for number in range(1, n_shards + 1)]
    for number, part in enumerate(parts, start=1):
        genome.effects(phased, part, phased=True, shard=f"{number}/{n_shards}")
    found = merge_effects(parts[::-1], genome.folder / "merged.tsv.gz")
    assert found == expected
    assert isinstance(found, HaplotypeCounts)
    assert (found.genes, found.rows, found.not_applied) == (24, 24 * 2 * 3, 2)
    for ending in ("", ".meta.json", ".skipped.tsv"):
        one, all_parts = (genome.folder / f"{name}.tsv.gz{ending}" for name in ("whole", "merged"))
        assert all_parts.read_bytes() == one.read_bytes(), ending
    if n_shards > 1:
        with pytest.raises(InputError, match=r"chromosome '.' is in 0 parts"):
            merge_effects(parts[:1], genome.folder / "few.tsv")
        with pytest.raises(InputError, match=r"chromosome '.' is in 2 parts"):
            merge_effects([*parts, parts[0]], genome.folder / "many.tsv")
    with pytest.raises(InputError, match="alleles come from a VCF"):
        merge_effects(parts, genome.folder / "o.tsv", vcf=phased)


def test_a_run_that_continues_has_the_bits_of_one(genome: Genome, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an engine remembers of the chunks before does not reach the next one."""
    vcf = genome.vcf("calls.vcf", genome.rows(60))
    genome.effects(vcf, genome.folder / "whole.tsv")
    made = pairs.PairMaker.chunks

    def stopped(self, *arguments, **options):  # type: ignore[no-untyped-def]
        for number, chunk in enumerate(made(self, *arguments, **options)):
            if number == 3:
                raise KeyboardInterrupt
            yield chunk

    with monkeypatch.context() as patch:
        patch.setattr(pairs.PairMaker, "chunks", stopped)
        with pytest.raises(KeyboardInterrupt):
            genome.effects(vcf, genome.folder / "again.tsv")
    genome.effects(vcf, genome.folder / "again.tsv")
    assert (genome.folder / "again.tsv").read_bytes() == (genome.folder / "whole.tsv").read_bytes()
