"""Each option of ``texcnn predict`` changes what it says, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from runs import Commands
from safetensors.numpy import save
from tiny import save_tiny, save_tiny_dnabert2, write_genome, write_gtf

import texcnn
from texcnn.features.spec import FeatureSpec
from texcnn.model.bundle import extend_bundle

Table = Callable[..., pd.DataFrame]


@pytest.fixture
def table(tmp_path: Path, tiny_dnabert2: Path, commands: Commands) -> Table:
    """Runs ``texcnn predict`` on the tiny genome and reads the table."""
    genome, gtf = write_genome(tmp_path), write_gtf(tmp_path / "genes.gtf")
    out = tmp_path / "out.parquet"

    def build(*options: object, genes: bool = True, model: Path = tiny_dnabert2) -> pd.DataFrame:
        given = ["predict", "--fasta", genome, "--model", model, *(["--gtf", gtf] if genes else [])]
        commands.succeed(*given, "--device", "cpu", "--out", out, "--overwrite", *options)
        return pd.read_parquet(out)

    return build


def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, expected, rtol=0, atol=2e-6)


def description(tmp_path: Path) -> dict[str, object]:
    import pyarrow.parquet as pq

    return json.loads(pq.read_schema(tmp_path / "out.parquet").metadata[b"texcnn"])


@pytest.mark.parametrize("options", [["--batch-size", 1], ["--threads", 1], ["--dtype", "float32"], ["--quiet"]])
def test_what_must_not_change_a_number(table: Table, options: list[object]) -> None:
    threads = torch.get_num_threads()
    try:
        same(table(*options), table())
    finally:
        torch.set_num_threads(threads)


def test_genes_by_list_and_by_name_are_joined(table: Table, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("g2\n")
    everything = table()
    same(table("--gene", "G1"), everything[:1])
    same(table("--genes", tmp_path / "list.txt"), everything[1:].reset_index(drop=True))
    same(table("--genes", tmp_path / "list.txt", "--gene", "g1"), everything)


def test_cell_types_come_in_the_order_asked_for(table: Table) -> None:
    everything = table()
    found = table("--cell-type", "z", "--cell-type", "x")
    assert list(found)[-2:] == ["z", "x"]
    same(found, everything[list(found)])


def test_a_bed_and_what_its_intervals_mean(table: Table, tmp_path: Path) -> None:
    bed = tmp_path / "genes.bed"
    bed.write_text("chr1\t40\t60\tg1\t0\t+\nchr2\t0\t70\tg2\t0\t-\n")
    plain = ["gene_id", "chrom", "tss", "strand", "n_fraction", "x", "y", "z"]
    same(table("--bed", bed, genes=False)[plain], table()[plain])
    middle = table("--bed", bed, "--bed-anchor", "center", genes=False)
    assert middle["tss"].tolist() == [51, 35]
    bed.write_text("chr1\t20\t50\tg1\t0\t+\n")
    same(table("--bed", bed, "--bed-anchor", "window", genes=False)[plain], table()[plain][:1])


def test_a_row_per_transcript(table: Table) -> None:
    found = table("--transcripts", "all")
    assert found["transcript_id"].tolist() == ["g1.t", "g2.t"]
    same(found.drop(columns="transcript_id"), table())


def test_names_of_chromosomes_are_mapped(table: Table, tmp_path: Path, commands: Commands) -> None:
    genes = [("g1", "1", 41, 60, "+"), ("g2", "2", 1, 70, "-")]
    gtf = write_gtf(tmp_path / "ensembl.gtf", genes)
    same(table("--gtf", gtf, "--map-chrom-names", genes=False), table())


def test_the_grid_moves_windows(table: Table, tmp_path: Path) -> None:
    plain, fingerprint = table(), None
    fingerprint = description(tmp_path)["model_fingerprint"]
    moved = table("--grid-segments")
    assert description(tmp_path)["model_fingerprint"] != fingerprint
    assert moved["n_fraction"].tolist() == plain["n_fraction"].tolist()  # both windows lie on the grid already
    np.testing.assert_allclose(moved["x"][0], plain["x"][0], atol=2e-6)


def test_windows_with_many_n_are_left_out(table: Table, tmp_path: Path) -> None:
    assert table("--max-n-fraction", 0.3)["gene_id"].tolist() == ["g1"]
    assert description(tmp_path)["max_n_fraction"] == 0.3
    assert table("--max-n-fraction", 0.34)["gene_id"].tolist() == ["g1", "g2"]


def test_linear_units(table: Table, tmp_path: Path) -> None:
    logged, linear = table(), table("--linear")
    assert description(tmp_path)["unit"] == "RPKM"
    np.testing.assert_allclose(linear["y"], 10.0 ** logged["y"] - 0.1, rtol=1e-5, atol=1e-6)


def test_intervals(table: Table, tiny_dnabert2: Path) -> None:
    at = np.zeros((1, 3), np.float32)
    arrays = {"interval_at": at, "interval_lower": at - 0.25, "interval_upper": at + 0.5}
    extend_bundle(tiny_dnabert2, {"reference.safetensors": save(arrays)})
    found = table("--spread", "--cell-type", "y")
    assert list(found)[-3:] == ["y", "y.lower", "y.upper"]
    np.testing.assert_allclose(found["y.upper"], found["y"] + 0.5, atol=1e-6)
    np.testing.assert_allclose(found["y.lower"], np.maximum(found["y"] - 0.25, -1), atol=1e-6)


def test_an_empty_part_of_a_run(table: Table, commands: Commands, tmp_path: Path) -> None:
    assert table("--gene", "g3", "--allow-empty").empty
    skipped = (tmp_path / "out.parquet.skipped.tsv").read_text()
    assert skipped.splitlines()[1].startswith("g3\tno segment of the window")


class TestFeatures:
    @pytest.fixture
    def takes(self, tmp_path: Path) -> Path:
        return save_tiny_dnabert2(tmp_path / "takes", features=[FeatureSpec("cds_gc", default=0.0)])

    def test_a_table_or_the_annotation_or_neither(self, table: Table, takes: Path, tmp_path: Path) -> None:
        (tmp_path / "f.tsv").write_text("gene_id\tcds_gc\ng1\t3\ng2\t0\n")
        defaults = table("--no-half-life", model=takes)
        assert defaults["features"].tolist() == ["default"] * 2
        given = table("--features", tmp_path / "f.tsv", model=takes)
        assert given["features"].tolist() == ["given"] * 2
        assert given["x"][0] != defaults["x"][0]
        np.testing.assert_allclose(given["x"][1], defaults["x"][1], atol=2e-6)
        assert description(tmp_path)["features"] == "f.tsv"
        table(model=takes)
        assert description(tmp_path)["features"] == "half-life of genes.gtf"

    def test_half_life_that_is_asked_for_must_be_there(
        self, takes: Path, tmp_path: Path, commands: Commands, tiny_dnabert2: Path
    ) -> None:
        genome, gtf = write_genome(tmp_path), write_gtf(tmp_path / "genes.gtf")
        given = ["predict", "--fasta", genome, "--gtf", gtf, "--out", tmp_path / "o.tsv", "--half-life"]
        assert "no gene has a CDS" in commands.refuse(*given, "--model", takes)
        message = commands.refuse(*given, "--model", tiny_dnabert2)
        assert "not half-life features: it takes none – in --half-life" in message
        assert "leave --half-life out" in message

    def test_genes_with_default_features_are_counted(self, takes: Path, tmp_path: Path, commands: Commands) -> None:
        genome, gtf = write_genome(tmp_path), write_gtf(tmp_path / "genes.gtf")
        (tmp_path / "f.tsv").write_text("gene_id\tcds_gc\ng1\t3\n")
        given = ["predict", "--fasta", genome, "--gtf", gtf, "--out", tmp_path / "o.tsv", "--model", takes]
        run = commands.succeed(*given, "--features", tmp_path / "f.tsv")
        assert "2 genes predicted, 1 skipped" in run.err
        assert "1 genes have the model's default features" in run.err


def test_predictions_of_a_store_need_no_genome(tmp_path: Path, commands: Commands, tiny: Path) -> None:
    texcnn.embed(write_genome(tmp_path), tmp_path / "store", tiny, gtf=write_gtf(tmp_path / "genes.gtf"))
    out = tmp_path / "o.parquet"
    commands.succeed("predict", "--embeddings", tmp_path / "store", "--model", tiny, "--out", out, "--cell-type", "gc")
    assert pd.read_parquet(out)["gc"].tolist() == [1, 0.5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--max-n-fraction", 1.5], "1.5 is not in the range 0<=x<=1"),
        (["--batch-size", 0], "0 is not in the range x>=1"),
        (["--transcripts", "some"], "'some' is not one of 'gene', 'all'"),
        (["--dtype", "float8"], "in --dtype"),
        (["--linear"], "predicts fraction, which is not a logarithm – in --linear"),
        (["--spread"], "no errors on held-out genes, and is no ensemble – in --spread"),
        (["--features", "x.tsv"], "the model 'tiny' takes no features – in --features"),
        (["--bed", "x.bed"], "give either a GTF or a BED – in --gtf and --bed"),
        (["--bed-anchor", "center"], "an anchor is for a BED, a GTF has the TSS – in --bed-anchor"),
        (["--features", "x.tsv", "--half-life"], "features given twice – in --features and --half-life"),
    ],
)
def test_refusals_name_the_flag(
    tmp_path: Path, composition: object, commands: Commands, options: list[object], message: str
) -> None:
    model = save_tiny(tmp_path / "m")
    genome, gtf = write_genome(tmp_path), write_gtf(tmp_path / "genes.gtf")
    given = ["predict", "--fasta", genome, "--gtf", gtf, "--model", model, "--out", tmp_path / "o.tsv"]
    assert message in commands.refuse(*given, *options)
    assert not list(tmp_path.glob("o.tsv*"))
