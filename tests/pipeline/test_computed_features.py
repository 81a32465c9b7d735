"""--half_life: each sample's extra inputs computed once from its GTF, to the numbers of texcnn predict --half-life."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pipeline_runs import Pipeline, Run, copy_pipeline
from tiny import save_tiny_dnabert2

import texcnn
from texcnn.features.spec import FeatureSpec

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

CELL_TYPES = list(texcnn.load_model().cell_types)


@pytest.fixture(scope="module")
def demo(nextflow: list[str], project: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The demo genome with chromosome names in another style, and a list of its genes with one that is not there."""
    pipeline = copy_pipeline(nextflow, project, tmp_path_factory.mktemp("half_life"))
    rows = (pipeline.folder / "assets" / "demo" / "genes.gtf").read_text()
    (pipeline.launch / "genes.gtf").write_text(rows.replace("\ndemo", "\nchrdemo"))
    ids = [f"DEMOG{number:08}" for number in range(1, 31)]
    (pipeline.launch / "genes.txt").write_text("\n".join([*ids, "NONE"]))
    return pipeline


@pytest.fixture(scope="module")
def run(demo: Pipeline) -> Run:
    # fmt: off
    return demo.succeed("-profile", "test", "--half_life", "--gtf", "genes.gtf", "--map_chrom_names",
                        "--genes", "genes.txt", "--shard_size", "20", "--save_features", "true")
    # fmt: on


def predict(demo: Pipeline, name: str, *options: str) -> tuple[pd.DataFrame, list[str]]:
    """What ``texcnn predict`` writes for the same genes, and which ones it lists as skipped."""
    out = demo.launch / name
    genome = str(demo.folder / "assets" / "demo" / "genome.fa.gz")
    files = ["--fasta", genome, "--gtf", "genes.gtf", "--genes", "genes.txt"]
    command = [sys.executable, "-m", "texcnn", "predict", *files, "--map-chrom-names", *options, "--quiet"]
    subprocess.run([*command, "--out", out], cwd=demo.launch, check=True)
    skipped = pd.read_csv(f"{out}.skipped.tsv", sep="\t")["gene_id"]
    return pd.read_csv(out, sep="\t", index_col="gene_id"), sorted(skipped)


def test_a_genome_that_does_not_look_like_the_models_is_named(run: Run) -> None:
    warnings = [line for line in run.output.splitlines() if "does not look like" in line]
    assert len(warnings) == 1, run.output
    assert (
        "sample 'sample': genome.fa.gz does not look like Homo sapiens (GRCh38), which texcnn-mini was" in warnings[0]
    )


def test_numbers_are_those_of_the_command_line(demo: Pipeline, run: Run) -> None:
    expected, skipped = predict(demo, "with.tsv", "--half-life")
    found = run.predictions.set_index("gene_id")
    assert list(found.index) == list(expected.index)
    np.testing.assert_allclose(found[CELL_TYPES], expected[CELL_TYPES], rtol=0, atol=6e-6)  # text has six digits
    listed = pd.read_csv(run.outdir / "predictions" / "predictions.skipped.tsv", sep="\t").set_index("gene_id")
    assert sorted(listed.index) == skipped
    assert len(found) + len(skipped) == 31

    assert found["features"].to_dict() == expected["features"].to_dict()
    assert set(found["features"]) == {"computed", "default"}, "some genes have no CDS"
    defaults, placed = predict(demo, "without.tsv", "--no-half-life")
    assert placed == skipped
    moved = np.abs(defaults[CELL_TYPES] - found[CELL_TYPES]).max(axis=1)
    assert moved[found["features"] == "computed"].min() > 0.05, "the lengths count"
    assert moved[found["features"] == "default"].max() <= 6e-6, "text has six digits"


def test_computed_once_for_all_shards(run: Run) -> None:
    assert run.processes("COMPLETED").count("PREDICT_DIRECT") == 1
    assert run.processes("COMPLETED").count("HALF_LIFE") == 1
    (saved,) = (run.outdir / "features").iterdir()
    assert saved.name.endswith(".genes.gtf.log10.tsv")
    computed = run.predictions.loc[run.predictions["features"] == "computed", "gene_id"]
    assert set(computed) <= set(pd.read_csv(saved, sep="\t")["gene_id"])


def test_computed_once_for_all_models_and_samples_of_a_gene_set(pipeline: Pipeline) -> None:
    (pipeline.launch / "genes.txt").write_text("DEMOG00000007\n")
    (pipeline.launch / "sheet.csv").write_text("sample,genes\na,\nb,genes.txt\nc,\n")
    # fmt: off
    run = pipeline.succeed("-profile", "test", "-stub", "--half_life", "--input", "sheet.csv",
                           "--models", f"{pipeline.model},texcnn-mini")
    # fmt: on
    done = run.processes("COMPLETED")
    assert [done.count(name) for name in ("PREDICT", "PREDICT_DIRECT", "HALF_LIFE")] == [3, 3, 2]


def test_embeddings_are_kept_where_it_is_switched_on(pipeline: Pipeline) -> None:
    save_tiny_dnabert2(pipeline.launch / "stored", features=[FeatureSpec("log10_cds_length_bp", default=0.0)])
    arguments = ["-profile", "test", "-stub", "--models", "./stored"]
    first = pipeline.succeed(*arguments, "--half_life", "false")
    assert "HALF_LIFE" not in first.processes("COMPLETED")
    then = pipeline.succeed(*arguments, "--half_life", "-resume", outdir="then")
    assert then.processes("CACHED") == ["PREPARE", "WINDOWS"]
    assert then.stored == 1
    assert then.processes("COMPLETED") == ["CHECK", "HALF_LIFE", "MERGE", "PREDICT", "REPORT"]


def test_lengths_are_logged_for_the_models_that_take_logarithms(demo: Pipeline) -> None:
    for name, feature in (("logged", FeatureSpec("log10_cds_length_bp")), ("plain", FeatureSpec("cds_length_bp"))):
        save_tiny_dnabert2(demo.launch / name, features=[feature])
    # fmt: off
    run = demo.succeed("-profile", "test", "--half_life", "--gtf", "genes.gtf", "--map_chrom_names",
                       "--genes", "genes.txt", "--models", "./logged,./plain", outdir="both")
    # fmt: on
    assert run.processes("COMPLETED").count("HALF_LIFE") == 2
    spread = {}
    for name in ("logged", "plain"):
        expected, _ = predict(demo, f"{name}.tsv", "--half-life", "--model", f"./{name}")
        found = pd.read_parquet(run.outdir / "predictions" / f"predictions.{name}.parquet").set_index("gene_id")
        assert list(found.index) == list(expected.index)
        np.testing.assert_allclose(found[["x", "y", "z"]], expected[["x", "y", "z"]], rtol=1e-5)
        spread[name] = expected["x"].std()
    assert spread["plain"] > 10 * spread["logged"], "lengths and their logarithms"


def test_features_that_a_model_lacks_or_does_not_take_end_the_run(pipeline: Pipeline) -> None:
    save_tiny_dnabert2(pipeline.launch / "needing", features=[FeatureSpec("cds_length_bp")])
    wanted = pipeline.run("-profile", "test", "--half_life", "--models", pipeline.model)
    needed = pipeline.run("-profile", "test", "--half_life", "false", "--models", "./needing", outdir="needed")
    takes_none = "sample 'sample': the model 'tiny' takes no half-life features – in --half_life – allowed: none"
    needs = "sample 'sample': the model 'needing' needs the features cds_length_bp – give --features or --half_life"
    for run, message in ((wanted, takes_none), (needed, needs)):
        assert run.status == 1
        (problem,) = run.problems
        assert problem.startswith(message)
        assert not {"EMBED", "PREDICT"} & set(run.trace["process"])
