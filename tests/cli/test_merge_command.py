"""``texcnn merge``: parts of a run become the table that one run would have written."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from random_genome import random_genes, random_genome
from runs import Commands

import texcnn
from texcnn.genome.interval import Interval
from texcnn.genome.reference import Reference
from texcnn.genome.skipped import Skipped, read_skipped, write_skipped


@pytest.fixture
def run(tmp_path: Path, tiny_dnabert2: Path) -> tuple[list[Path], dict[str, Path]]:
    """Three parts of twenty genes, and what predicted them."""
    genome, (gtf, rows) = random_genome(tmp_path), random_genes(tmp_path, 20)
    options = {"fasta": genome, "gtf": gtf, "model": tiny_dnabert2}
    parts = []
    for number, chosen in enumerate((rows[:7], rows[7:8], rows[8:])):
        parts.append(tmp_path / f"part{number}.parquet")
        genes = [*(row[0] for row in chosen), f"nobody{number}"]
        texcnn.predict(tiny_dnabert2, genome, gtf=gtf, out=parts[-1], genes=genes)
    return parts, options


@pytest.mark.parametrize("ending", [".parquet", ".tsv", ".tsv.gz", ".h5ad"])
def test_the_joined_table_is_that_of_one_run(
    run: tuple[list[Path], dict[str, Path]], tmp_path: Path, commands: Commands, ending: str
) -> None:
    parts, options = run
    joined, single = tmp_path / f"joined{ending}", tmp_path / f"single{ending}"
    output = commands.succeed("merge", *parts, "--out", joined)
    assert f"20 genes, 3 skipped: {joined}" in output.err
    assert "        3 no gene of this id or name" in output.err
    texcnn.predict(options["model"], options["fasta"], gtf=options["gtf"], out=single)
    found, expected = (texcnn.read_predictions(path) for path in (joined, single))
    assert [entry["gene_id"] for entry in found.attrs.pop("skipped")] == ["nobody0", "nobody1", "nobody2"]
    assert expected.attrs.pop("skipped") == []
    pd.testing.assert_frame_equal(found, expected, rtol=1e-5, atol=2e-6)


def test_further_formats_hold_the_same_rows(
    run: tuple[list[Path], dict[str, Path]], tmp_path: Path, commands: Commands
) -> None:
    outs = [tmp_path / "a.parquet", tmp_path / "a.tsv.gz", tmp_path / "a.h5ad"]
    also = [part for out in outs[1:] for part in ("--also", out)]
    commands.succeed("merge", *run[0], "--out", outs[0], *also)
    first, *others = (texcnn.read_predictions(out) for out in outs)
    for other in others:
        pd.testing.assert_frame_equal(other, first, rtol=1e-5, check_flags=False)
    assert not (tmp_path / "a.tsv.gz.skipped.tsv").exists(), "one list, next to the first table"


def test_further_lists_of_skipped_genes_come_first(
    run: tuple[list[Path], dict[str, Path]], tmp_path: Path, commands: Commands
) -> None:
    for name in ("early", "late"):
        write_skipped(tmp_path / f"{name}.tsv", [Skipped(name, "no place")])
    lists = ["--skipped", tmp_path / "early.tsv", "--skipped", tmp_path / "late.tsv"]
    commands.succeed("merge", *run[0], "--out", tmp_path / "a.parquet", *lists)
    found = [entry.gene_id for entry in read_skipped(tmp_path / "a.parquet.skipped.tsv")]
    assert found == ["early", "late", "nobody0", "nobody1", "nobody2"]


def test_one_part_is_copied(run: tuple[list[Path], dict[str, Path]], tmp_path: Path, commands: Commands) -> None:
    commands.succeed("merge", run[0][0], "--out", tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a.parquet"), pd.read_parquet(run[0][0]))


@pytest.mark.parametrize(
    ("there", "options"),
    [
        ("a.parquet", []),
        ("a.parquet.skipped.tsv", []),
        ("a.tsv", ["--also", "a.tsv"]),
        ("a.tsv.meta.json", ["--also", "a.tsv"]),
    ],
)
def test_nothing_is_replaced_unasked(
    run: tuple[list[Path], dict[str, Path]],
    tmp_path: Path,
    commands: Commands,
    monkeypatch: pytest.MonkeyPatch,
    there: str,
    options: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(there).write_text("mine")
    message = commands.refuse("merge", *run[0], "--out", "a.parquet", *options)
    assert f"'{there}' already exists – in --out – choose another name, or set --overwrite" in message
    assert Path(there).read_text() == "mine"
    commands.succeed("merge", *run[0], "--out", "a.parquet", "--overwrite", *options)
    assert Path(there).read_bytes() != b"mine"


def test_parts_of_different_runs_are_named(
    run: tuple[list[Path], dict[str, Path]], tmp_path: Path, commands: Commands
) -> None:
    parts, options = run
    texcnn.predict(options["model"], options["fasta"], gtf=options["gtf"], out=tmp_path / "x.parquet", cell_types="x")
    message = commands.refuse("merge", parts[0], tmp_path / "x.parquet", "--out", tmp_path / "a.parquet")
    assert "tables of different runs: cell_types differ" in message
    assert "part0.parquet' and '" in message
    assert not (tmp_path / "a.parquet").exists()


def test_text_is_no_part(run: tuple[list[Path], dict[str, Path]], tmp_path: Path, commands: Commands) -> None:
    (tmp_path / "a.tsv").write_text("gene_id\n")
    assert "unreadable Parquet" in commands.refuse("merge", tmp_path / "a.tsv", "--out", tmp_path / "o.parquet")


def test_effects_of_shards_are_those_of_one_run(
    run: tuple[list[Path], dict[str, Path]], tmp_path: Path, commands: Commands
) -> None:
    options = run[1]
    given = ["--fasta", options["fasta"], "--gtf", options["gtf"], "--model", options["model"], "--device", "cpu"]
    with Reference(options["fasta"]) as reference:
        chrom, length = next(iter(reference.lengths.items()))
        bases = reference.fetch(Interval(chrom, 0, length, "+"))
    lines = [
        f"{chrom}\t{place + 1}\tv{place}\t{bases[place]}\t{'A' if bases[place] != 'A' else 'C'}\t.\t.\t."
        for place in range(0, length, max(length // 400, 1))
        if bases[place] != "N"
    ]
    vcf = tmp_path / "calls.vcf"
    vcf.write_text("\n".join(["##fileformat=VCFv4.2", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO", *lines]) + "\n")
    output = commands.succeed("variants", "split", "--vcf", vcf, "--out", tmp_path / "shards")
    assert f"{len(lines)} distinct alleles in 1 shards" in output.err
    shard = tmp_path / "shards" / "0001.vcf.gz"
    commands.succeed("variants", "--vcf", shard, *given, "--out", tmp_path / "1.parts")
    outs = {name: tmp_path / f"{name}.tsv" for name in ("joined", "single")}
    annotated = tmp_path / "annotated.vcf.gz"
    output = commands.succeed(
        "merge", tmp_path / "1.parts", "--vcf", vcf, "--out", outs["joined"], "--annotate", annotated
    )
    assert f"{len(lines)} alleles (" in output.err
    assert annotated.is_file()
    commands.succeed("variants", "--vcf", vcf, *given, "--out", outs["single"])
    for ending in ("", ".skipped.tsv", ".meta.json"):
        joined, single = (out.with_name(f"{out.name}{ending}") for out in outs.values())
        assert joined.read_bytes() == single.read_bytes()
    assert len(pd.read_csv(outs["joined"], sep="\t")) > 10


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        (["--vcf", "calls.vcf"], "--vcf cannot be used with parts of predictions"),
        (["--summary", "s.tsv", "--tabix", "t.tsv.gz"], "--summary, --tabix cannot be used with parts of predictions"),
    ],
)
def test_options_of_the_other_kind_are_refused(
    run: tuple[list[Path], dict[str, Path]], tmp_path: Path, commands: Commands, options: list[str], refused: str
) -> None:
    assert refused in commands.refuse("merge", *run[0], "--out", tmp_path / "o.tsv", *options)
    (tmp_path / "1.parts").mkdir()
    message = commands.refuse("merge", tmp_path / "1.parts", "--out", tmp_path / "o.tsv", "--also", "o.parquet")
    assert "--also cannot be used with parts of effects and haplotypes" in message
