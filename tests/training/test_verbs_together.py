"""The verbs one after the other: what one writes, the next reads, and their figures agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import texcnn
from texcnn.evaluation.baselines import GC_CPG, MEAN
from texcnn.evaluation.metrics import ALL_CELL_TYPES, METRICS

QUICK: dict[str, Any] = {"unit": "RPKM", "split": "random", "epochs": 6, "genes_per_step": 8, "learning_rate": 0.02,
                         "filters": 8, "kernel_widths": [1], "device": "cpu"}  # fmt: skip


@pytest.fixture
def trained(inputs: dict[str, Path], tiny: Path, tmp_path: Path) -> Path:
    out = tmp_path / "mine"
    texcnn.train(inputs["expression"], out, inputs["fasta"], gtf=inputs["gtf"], model=tiny, runs=2, **QUICK)
    return out


def test_an_evaluation_finds_the_figures_of_the_training(
    inputs: dict[str, Path], trained: Path, tmp_path: Path
) -> None:
    done = texcnn.evaluate(
        inputs["expression"], tmp_path / "evaluation", model=trained, fasta=inputs["fasta"], gtf=inputs["gtf"],
        split=trained / "split.tsv", bootstrap=20, device="cpu",
    )  # fmt: skip
    written = pd.read_csv(trained / "metrics.tsv", sep="\t").query("split == 'test'").set_index("cell_type")
    found = done.judgement.figures["mine"].set_index("cell_type")
    for name in METRICS:
        np.testing.assert_allclose(found.loc[written.index, name], written[name], rtol=1e-4, atol=1e-6)
    assert found.loc[written.index, "n_genes"].tolist() == written["n_genes"].tolist()
    assert found.loc[ALL_CELL_TYPES, "squared_pearson"] == pytest.approx(written["squared_pearson"].mean(), rel=1e-4)
    assert list(done.judgement.figures)[:3] == ["mine", MEAN, GC_CPG]
    assert done.judgement.n_train == 47
    card = (done.folder / "card.md").read_text()
    assert f"{found.loc[ALL_CELL_TYPES, 'n_genes']} genes, the test genes of split.tsv" in card


def test_a_table_of_predictions_gives_the_same_evaluation_as_its_model(
    inputs: dict[str, Path], trained: Path, tmp_path: Path
) -> None:
    table = tmp_path / "predictions.parquet"
    texcnn.predict(trained, inputs["fasta"], out=table, gtf=inputs["gtf"], device="cpu")
    given: dict[str, Any] = {"split": trained / "split.tsv", "bootstrap": 30, "seed": 4, "device": "cpu"}
    genome = {"fasta": inputs["fasta"], "gtf": inputs["gtf"]}
    by_table = texcnn.evaluate(inputs["expression"], tmp_path / "a", table, **given, **genome)
    by_model = texcnn.evaluate(inputs["expression"], tmp_path / "b", model=trained, **given, **genome)
    # A table does not say its model's window: the baselines that read one have others.
    for name in ("mine", MEAN):
        pd.testing.assert_frame_equal(by_table.judgement.figures[name], by_model.judgement.figures[name])
    pd.testing.assert_frame_equal(by_table.judgement.predicted, by_model.judgement.predicted)


def test_an_encoder_of_the_genome_itself(inputs: dict[str, Path], tmp_path: Path) -> None:
    texcnn.pretrain(
        inputs["fasta"], tmp_path / "encoder", exclude_chroms="chr4", layers=1, hidden_size=16, heads=2,
        intermediate_size=16, segment_length=20, segments_per_step=8, steps=4, checkpoint_every=2, vocab_size=20,
        device="cpu",
    )  # fmt: skip
    out = tmp_path / "mine"
    done = texcnn.train(
        inputs["expression"], out, inputs["fasta"], gtf=inputs["gtf"], encoders=str(tmp_path / "encoder"), upstream=20,
        downstream=10, **QUICK,
    )  # fmt: skip
    (spec,) = texcnn.load_model(out).config.encoders
    assert (spec.type, spec.source) == ("dnabert2", "bundle")
    table = texcnn.predict(out, inputs["fasta"], gtf=inputs["gtf"], device="cpu").set_index("gene_id")
    known = [gene.id for gene in done.genes.genes]
    assert table.loc[known, ["liver", "brain"]].notna().to_numpy().all()


def test_an_embedding_store_serves_training_and_prediction(
    inputs: dict[str, Path], tiny: Path, trained: Path, tmp_path: Path
) -> None:
    texcnn.embed(inputs["fasta"], tmp_path / "store", tiny, gtf=inputs["gtf"], device="cpu")
    (tmp_path / "stored").mkdir()
    texcnn.train(
        inputs["expression"], tmp_path / "stored" / "mine", embeddings=tmp_path / "store", model=tiny, runs=2, **QUICK
    )
    for name in ("model.safetensors", "history.tsv", "split.tsv", "metrics.tsv"):
        assert (tmp_path / "stored" / "mine" / name).read_bytes() == (trained / name).read_bytes(), name
    by_store = texcnn.predict(trained, embeddings=tmp_path / "store", device="cpu")
    by_genome = texcnn.predict(trained, inputs["fasta"], gtf=inputs["gtf"], device="cpu")
    pd.testing.assert_frame_equal(by_store, by_genome)
