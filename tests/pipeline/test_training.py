"""``--train``: runs as tasks, on the shards' vectors; the best one predicts, to the bits of one ``texcnn train``."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pipeline_runs import Pipeline
from safetensors.torch import load_file

import texcnn
from texcnn.model.describe import describe_model
from texcnn.model.load import load_model

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]


@pytest.fixture
def trained(pipeline: Pipeline) -> list[object]:
    """Measured expression, a split, few epochs; what starts the run."""
    demo = pipeline.folder / "assets" / "demo"
    truth = pd.read_csv(demo / "truth.tsv", sep="\t")
    # Letters that a file name may have, and the training's command must keep.
    table = pd.DataFrame({"gene_id": truth["gene_id"], "liver": 10 ** truth["true_expression"], "brain": 1.0})
    table["brain"] += np.arange(len(table))
    table.to_csv(pipeline.launch / "it's (é).tsv", sep="\t", index=False)
    parts = ["train", "train", "train", "valid", "test"] * 10
    pd.DataFrame({"gene_id": truth["gene_id"], "split": parts[: len(truth)]}).to_csv(
        pipeline.launch / "split.tsv", sep="\t", index=False
    )
    (pipeline.launch / "few.config").write_text("process { withName: TRAIN { ext.args = '--epochs 3 --filters 4' } }\n")
    # fmt: off
    return ["-profile", "test", "-c", "few.config", "--models", pipeline.model, "--train", "mine", "--unit", "TPM",
            "--expression", "it's (é).tsv", "--split", "split.tsv"]
    # fmt: on


def test_the_best_of_scattered_runs_is_that_of_one_training(pipeline: Pipeline, trained: list[object]) -> None:
    run = pipeline.succeed(*trained, "--runs", "2")
    done = run.processes("COMPLETED")
    assert [done.count(name) for name in ("TRAIN", "BEST_RUN", "EMBED", "PREDICT", "EVALUATE")] == [2, 1, 2, 2, 1]
    demo, out = pipeline.folder / "assets" / "demo", pipeline.launch / "mine"
    # fmt: off
    texcnn.train(pipeline.launch / "it's (é).tsv", out, demo / "genome.fa.gz", gtf=demo / "genes.gtf", unit="TPM",
                 model=pipeline.model, split="file", split_file=pipeline.launch / "split.tsv", runs=2, epochs=3,
                 filters=4, device="cpu")
    # fmt: on
    bundle = run.outdir / "models" / "mine"
    runs = pd.read_csv(run.outdir / "models" / "runs.tsv", sep="\t")
    pd.testing.assert_frame_equal(runs.drop(columns="run"), pd.read_csv(out / "runs.tsv", sep="\t"))
    ours, theirs = load_file(bundle / "model.safetensors"), load_file(out / "model.safetensors")
    assert all(ours[name].equal(theirs[name]) for name in theirs)
    expected = load_model(out).predict(demo / "genome.fa.gz", gtf=demo / "genes.gtf")
    assert list(run.predictions["gene_id"]) == list(expected["gene_id"])
    np.testing.assert_allclose(run.predictions[["liver", "brain"]], expected[["liver", "brain"]], rtol=0, atol=1e-6)
    assert describe_model(bundle)["encoders"] == describe_model(pipeline.model)["encoders"]
    assert (run.outdir / "evaluation" / "metrics.tsv").is_file()


def test_one_run_more_trains_once_more(pipeline: Pipeline, trained: list[object]) -> None:
    first = pipeline.succeed(*trained, "-stub", "--runs", "3", "--half_life", "false")
    assert [first.processes("COMPLETED").count(name) for name in ("TRAIN", "EMBED", "PREDICT")] == [3, 1, 1]
    more = pipeline.succeed(*trained, "-stub", "--runs", "4", "--half_life", "false", "-resume", outdir="more")
    assert [more.processes("COMPLETED").count(name) for name in ("TRAIN", "BEST_RUN", "EMBED")] == [1, 1, 0]
