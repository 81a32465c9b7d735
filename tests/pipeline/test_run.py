"""The pipeline computes what the library computes, publishes all of it, and computes nothing twice."""

from __future__ import annotations

import gzip
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pipeline_runs import Pipeline, Run, copy_pipeline

from texcnn.genome.windows import WindowSpec
from texcnn.heads.spec import HeadSpec
from texcnn.heads.xpresso import XpressoCNN
from texcnn.model.bundle import BundleConfig, save_bundle
from texcnn.model.load import load_model

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

PUBLISHED = [
    "multiqc/texcnn_mqc.tsv",
    "pipeline_info/dag.mmd",
    "pipeline_info/params.json",
    "pipeline_info/report.html",
    "pipeline_info/results.tsv",
    "pipeline_info/software_versions.yml",
    "pipeline_info/timeline.html",
    "pipeline_info/trace.txt",
    "predictions/predictions.parquet",
    "predictions/predictions.skipped.tsv",
    "predictions/predictions.tsv.gz",
    "predictions/predictions.tsv.gz.meta.json",
    "report/report.html",
]
OF_A_RUN = ("multiqc", "pipeline_info")
"""Folders that hold what all samples share."""


@pytest.fixture(scope="module")
def demo(nextflow: list[str], project: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return copy_pipeline(nextflow, project, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def expected(demo: Pipeline) -> pd.DataFrame:
    """What Python predicts for the same genes, in one piece."""
    genome = demo.folder / "assets" / "demo"
    return load_model(demo.model).predict(genome / "genome.fa.gz", gtf=genome / "genes.gtf")


@pytest.fixture(scope="module")
def first(demo: Pipeline) -> Run:
    return demo.succeed("-profile", "test", "--models", demo.model)


@pytest.fixture(scope="module")
def again(demo: Pipeline, first: Run) -> Run:
    """The same results wanted elsewhere, with a GPU more and other batches: nothing of it changes a number."""
    # fmt: off
    arguments = ["-profile", "test", "--models", demo.model, "--gpus", "1", "--dtype", "float32", "--batch_size", "3",
                 "-resume"]
    # fmt: on
    return demo.succeed(*arguments, outdir="again")


@pytest.fixture(scope="module")
def one_shard(demo: Pipeline, again: Run) -> Run:
    return demo.succeed(
        "-profile",
        "test",
        "--models",
        demo.model,
        "--shard_size",
        "50",
        "--publish_dir_mode",
        "rellink",
        "-resume",
        outdir="one",
    )


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    assert list(found.columns) == list(expected.columns)
    assert list(found["gene_id"]) == list(expected["gene_id"]), "the genes of the annotation, in its order"
    values = ["x", "y", "z"]
    np.testing.assert_allclose(found[values], expected[values], rtol=0, atol=1e-6)
    assert expected[values].std().min() > 0.001, "the genes differ"


def test_publishes_every_file(first: Run) -> None:
    assert first.files == PUBLISHED


def test_tasks_of_two_shards(first: Run) -> None:
    once = ["CHECK", "MERGE", "PREPARE", "REPORT", "WINDOWS"]
    assert first.processes("COMPLETED") == sorted([*once, *(2 * ["EMBED", "PREDICT"])])


def test_predicts_what_python_predicts(first: Run, expected: pd.DataFrame) -> None:
    assert_same(first.predictions, expected)


def test_text_and_parquet_hold_the_same(first: Run) -> None:
    text = pd.read_csv(first.outdir / "predictions" / "predictions.tsv.gz", sep="\t")
    # Text has six significant digits.
    pd.testing.assert_frame_equal(text, first.predictions, check_dtype=False, rtol=6e-6)


def test_rows_in_are_rows_out_and_skipped(first: Run, demo: Pipeline) -> None:
    skipped = pd.read_csv(first.outdir / "predictions" / "predictions.skipped.tsv", sep="\t")
    lines = (demo.folder / "assets" / "demo" / "genes.gtf").read_text().splitlines()
    genes = {line.split('gene_id "')[1].split('"')[0] for line in lines if not line.startswith("#")}
    assert list(skipped.columns) == ["gene_id", "reason"]
    assert len(first.predictions) + len(skipped) == len(genes) == 50
    assert set(first.predictions["gene_id"]) | set(skipped["gene_id"]) == genes


def test_says_how_it_was_made(first: Run, demo: Pipeline) -> None:
    info = first.outdir / "pipeline_info"
    versions = (info / "software_versions.yml").read_text()
    assert versions.startswith("Workflow:\n    TExCNN pipeline: 0.1.0\n    Nextflow: ")
    assert "    dtype: float32\nTasks:\n    cuda: " in versions
    assert f"    numpy: {version('numpy')}\n" in versions
    assert f"    torch: {version('torch')}\n" in versions
    params = json.loads(next(info.glob("params_*.json")).read_text())
    assert params["models"] == str(demo.model)
    assert params["shard_size"] == 25
    assert "genomes" not in params


def test_reports_load_nothing_from_outside(first: Run) -> None:
    # Nextflow's own pages name its website in a link; what counts is scripts and styles fetched from elsewhere.
    for page in ("pipeline_info/report_*.html", "pipeline_info/timeline_*.html", "report/report.html"):
        text = next(first.outdir.glob(page)).read_text()
        assert 'src="http' not in text, page
        assert '<link rel="stylesheet" href="http' not in text, page
    assert next(first.outdir.glob("pipeline_info/dag_*.mmd")).read_text().startswith("flowchart")


def test_says_what_became_of_the_sample(first: Run) -> None:
    assert "  sample, tiny: 49 of 50 genes predicted, skipped: 1 no segment of the window has" in first.output
    table = pd.read_csv(next(first.outdir.glob("pipeline_info/results_*.tsv")), sep="\t")
    assert table.loc[0, ["sample", "model", "genes", "predicted", "skipped"]].tolist() == ["sample", "tiny", 50, 49, 1]


def test_the_report_compares_with_the_truth(first: Run) -> None:
    assert "truth.tsv" in (first.outdir / "report" / "report.html").read_text()


def test_resume_computes_nothing_twice(first: Run, again: Run) -> None:
    assert sorted([*again.processes("CACHED"), *(again.stored * ["EMBED"])]) == first.processes("COMPLETED")
    assert again.processes("COMPLETED") == []
    assert again.files == PUBLISHED


def test_shards_do_not_change_the_numbers(one_shard: Run, expected: pd.DataFrame) -> None:
    assert one_shard.processes("CACHED") == ["CHECK", "PREPARE"]
    assert one_shard.processes("COMPLETED") == ["EMBED", "MERGE", "PREDICT", "REPORT", "WINDOWS"]
    assert_same(one_shard.predictions, expected)


def save_one_hot(folder: Path) -> Path:
    """An Xpresso network of random weights over a short window."""
    torch.manual_seed(1)
    head = XpressoCNN(length=600, n_features=0)
    config = BundleConfig(
        name="tiny-xpresso",
        version="1",
        kind="one-hot",
        unit="log10(RPKM + 0.1)",
        window=WindowSpec(upstream=400, downstream=200),
        head=HeadSpec("xpresso", {"length": 600, "n_features": 0}),
    )
    tensors = {f"head.{name}": value for name, value in head.state_dict().items()}
    save_bundle(folder, config, tensors, pd.DataFrame({"cell_type": ["median"]}), "# tiny\n")
    return folder


def test_samples_with_a_one_hot_model(pipeline: Pipeline, tmp_path: Path) -> None:
    """Two samples: a gzip FASTA that has to be unpacked with a gene list, and a BED against the shared genome."""
    genome = pipeline.folder / "assets" / "demo"
    with gzip.open(genome / "genome.fa.gz") as packed, gzip.open(tmp_path / "plain.fa.gz", "wb") as plain:
        plain.write(packed.read())
    (tmp_path / "genes.txt").write_text("DEMOG00000007\nDEMOG00000003\nNONE\n")
    (tmp_path / "genes.bed").write_text("demo1\t9000\t11000\ta\t0\t+\ndemo1\t20000\t22000\tb\t0\t-\n")
    sheet = tmp_path / "samples.csv"
    sheet.write_text(
        "sample,fasta,gtf,bed,genes\n"
        f"packed,{tmp_path}/plain.fa.gz,{genome}/genes.gtf,,{tmp_path}/genes.txt\n"
        f"shared,,,{tmp_path}/genes.bed,\n"
    )
    model = save_one_hot(tmp_path / "one-hot")
    # fmt: off
    run = pipeline.succeed("--input", sheet, "--fasta", genome / "genome.fa.gz", "--bed_anchor", "center",
                           "--models", model)
    # fmt: on
    assert run.processes("COMPLETED") == sorted(
        ["CHECK", *(2 * ["PREPARE", "WINDOWS", "PREDICT_DIRECT", "MERGE", "REPORT"])]
    )
    assert [name for name in run.files if not name.startswith("pipeline_info")] == [
        "multiqc/texcnn_mqc.tsv",
        *(f"{sample}/{name}" for sample in ("packed", "shared") for name in PUBLISHED if not name.startswith(OF_A_RUN)),
    ]
    network = load_model(model)
    packed = pd.read_parquet(run.outdir / "packed" / "predictions" / "predictions.parquet")
    in_one = network.predict(genome / "genome.fa.gz", gtf=genome / "genes.gtf").set_index("gene_id")
    assert list(packed["gene_id"]) == ["DEMOG00000003", "DEMOG00000007"], "the annotation's order"
    np.testing.assert_allclose(packed["median"], in_one.loc[packed["gene_id"], "median"], rtol=0, atol=1e-6)
    skipped = pd.read_csv(run.outdir / "packed" / "predictions" / "predictions.skipped.tsv", sep="\t")
    assert list(skipped["gene_id"]) == ["NONE"]
    shared = pd.read_parquet(run.outdir / "shared" / "predictions" / "predictions.parquet")
    centered = network.predict(genome / "genome.fa.gz", bed=tmp_path / "genes.bed", bed_anchor="center")
    assert list(shared["gene_id"]) == ["a", "b"]
    np.testing.assert_allclose(shared["median"], centered["median"], rtol=0, atol=1e-6)
