"""``texcnn windows``: a BED of windows, cut into shards that together are all of it."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from random_genome import random_genes, random_genome
from runs import Commands
from tiny import save_tiny, write_genome, write_gtf

import texcnn
from texcnn.genome.skipped import read_skipped

COLUMNS = ["#chrom", "start", "end", "gene_id", "score", "strand", "gene_name", "tss", "transcript_id"]


@pytest.fixture
def given(tmp_path: Path) -> list[object]:
    genome, gtf = write_genome(tmp_path), write_gtf(tmp_path / "genes.gtf")
    return ["windows", "--fasta", genome, "--gtf", gtf, "--out", tmp_path / "w.bed"]


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", keep_default_na=False)


def test_windows_of_the_published_size_without_a_model(given: list[object], tmp_path: Path, commands: Commands) -> None:
    run = commands.succeed(*given)
    table = read(tmp_path / "w.bed")
    assert list(table) == COLUMNS
    assert table.iloc[0].tolist() == ["chr1", 0, 200, "g1", 0, "+", "G1", 41, ""], "7,000 + 3,500 clipped to chr1"
    assert run.err == f"3 windows, 0 skipped: {tmp_path / 'w.bed'}\n"
    assert run.out == ""


@pytest.mark.parametrize(
    ("options", "interval"),
    [
        ([], (20, 50)),
        (["--upstream", 5], (35, 50)),
        (["--downstream", 1], (20, 41)),
        (["--upstream", 0, "--downstream", 3], (40, 43)),
    ],
)
def test_sizes_are_the_models_but_for_those_given(
    given: list[object], tmp_path: Path, composition: object, commands: Commands, options: list[object], interval: tuple
) -> None:  # type: ignore[type-arg]
    commands.succeed(*given, "--model", save_tiny(tmp_path / "m"), *options)
    row = read(tmp_path / "w.bed").iloc[0]
    assert (row["start"], row["end"]) == interval


def test_genes_and_transcripts_are_chosen(given: list[object], tmp_path: Path, commands: Commands) -> None:
    commands.succeed(*given, "--gene", "G2", "--transcripts", "all")
    assert read(tmp_path / "w.bed")[["gene_id", "transcript_id"]].to_numpy().tolist() == [["g2", "g2.t"]]
    commands.succeed(*given, "--gene", "g1", "--gene", "g9", "--overwrite")
    assert [entry.gene_id for entry in read_skipped(tmp_path / "w.bed.skipped.tsv")] == ["g9"]


def test_genes_without_a_place_are_listed_and_counted(given: list[object], tmp_path: Path, commands: Commands) -> None:
    gtf = write_gtf(tmp_path / "far.gtf", [("g1", "chr1", 41, 60, "+"), ("g8", "chrUn", 5, 9, "+")])
    given[4] = gtf
    run = commands.succeed(*given)
    assert "1 windows, 1 skipped" in run.err
    assert "        1 chromosome 'chrUn' is not in the FASTA\n" in run.err
    assert [entry.gene_id for entry in read_skipped(tmp_path / "w.bed.skipped.tsv")] == ["g8"]


def test_nothing_is_replaced_unasked(given: list[object], tmp_path: Path, commands: Commands) -> None:
    (tmp_path / "w.bed").write_text("mine")
    assert "already exists" in commands.refuse(*given)
    assert (tmp_path / "w.bed").read_text() == "mine"
    commands.succeed(*given, "--overwrite")


class TestShards:
    @pytest.fixture
    def many(self, tmp_path: Path) -> list[object]:
        gtf, _ = random_genes(tmp_path, 150)
        return ["windows", "--fasta", random_genome(tmp_path), "--gtf", gtf, "--out", tmp_path / "w.bed"]

    @pytest.mark.parametrize("size", [1, 10, 1000])
    def test_shards_in_order_are_the_whole(
        self, many: list[object], tmp_path: Path, commands: Commands, size: int
    ) -> None:
        commands.succeed(*many, "--shards", tmp_path / "shards", "--shard-size", size)
        parts = sorted((tmp_path / "shards").glob("*.bed"))
        assert [part.name for part in parts] == [f"{number:04d}.bed" for number in range(1, len(parts) + 1)]
        tables = [read(part) for part in parts]
        pd.testing.assert_frame_equal(pd.concat(tables, ignore_index=True), read(tmp_path / "w.bed"))
        if size == 1000:
            assert len(parts) == 1
        else:
            assert len(parts) > 150 // (2 * size)
            assert max(map(len, tables)) <= 2 * size

    def test_a_folder_that_is_there_is_refused_before_anything_is_written(
        self, many: list[object], tmp_path: Path, commands: Commands
    ) -> None:
        (tmp_path / "shards").mkdir()
        (tmp_path / "shards" / "0001.bed").write_text("mine")
        message = commands.refuse(*many, "--shards", tmp_path / "shards")
        assert "shards' cannot be made – in --shards – allowed: a new name in a folder that is there" in message
        assert not (tmp_path / "w.bed").exists()
        assert "cannot be made" in commands.refuse(*many, "--shards", tmp_path / "nowhere" / "shards")
        assert "cannot be made" in commands.refuse(*many, "--shards", tmp_path / "w.bed")

    def test_a_shard_is_a_bed_that_predict_reads(
        self, many: list[object], tmp_path: Path, tiny_dnabert2: Path, commands: Commands
    ) -> None:
        commands.succeed(*many, "--model", tiny_dnabert2, "--shards", tmp_path / "shards", "--shard-size", 60)
        parts = [
            texcnn.predict(tiny_dnabert2, many[2], bed=part, bed_anchor="window")  # type: ignore[arg-type]
            for part in sorted((tmp_path / "shards").glob("*.bed"))
        ]
        whole = texcnn.predict(tiny_dnabert2, many[2], gtf=many[4])  # type: ignore[arg-type]
        found = pd.concat(parts, ignore_index=True)
        pd.testing.assert_frame_equal(found, whole, rtol=0, atol=2e-6, check_flags=False)

    def test_shards_of_a_genome_that_is_half_unknown(
        self, tmp_path: Path, tiny_dnabert2: Path, commands: Commands
    ) -> None:
        """Like numbers of known windows, and the rows of the whole, whatever the size."""
        fasta, (_, rows) = random_genome(tmp_path), random_genes(tmp_path, 150)
        known, unknown = fasta.read_text().split(">chr2\n")
        fasta.write_text(f"{known}>chr2\n{re.sub('[ACGT]', 'N', unknown)}")
        gtf = write_gtf(tmp_path / "sorted.gtf", sorted(rows, key=lambda row: row[1]))
        whole = texcnn.predict(tiny_dnabert2, fasta, gtf=gtf)
        files = ["windows", "--fasta", fasta, "--gtf", gtf, "--model", tiny_dnabert2]
        for size, count in ((30, 5), (75, 2)):
            shards = tmp_path / f"shards-{size}"
            commands.succeed(*files, "--out", tmp_path / f"{size}.bed", "--shards", shards, "--shard-size", size)
            parts = [
                texcnn.predict(tiny_dnabert2, fasta, bed=bed, bed_anchor="window") for bed in sorted(shards.glob("*"))
                if bed.suffix == ".bed"
            ]  # fmt: skip
            assert len(parts) == count
            assert all(abs(len(part) * count / len(whole) - 1) <= 0.25 for part in parts[:-1])
            found = pd.concat(parts, ignore_index=True)
            pd.testing.assert_frame_equal(found, whole, rtol=0, atol=2e-6, check_flags=False)
        assert 60 < len(whole) < 90


def test_shards_appear_together_or_not_at_all(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is stopped or fails among the shards left some of them, and the whole list of windows."""
    import texcnn.tables.windows_bed as windows_bed

    fasta, gtf, out = write_genome(tmp_path), write_gtf(tmp_path / "genes.gtf"), tmp_path / "out"
    out.mkdir()
    write, written = windows_bed.write_windows_bed, []

    def fail_at_the_second(path: Path, *rest: object) -> None:
        written.append(path.name)
        if len(written) == 2:
            raise OSError("broken")
        write(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(windows_bed, "write_windows_bed", fail_at_the_second)
    words = ["windows", "--fasta", fasta, "--gtf", gtf, "--out", out / "w.bed", "--shards", out / "s"]
    assert "broken" in commands.refuse(*words, "--shard-size", 1, status=1)
    assert list(out.iterdir()) == []
