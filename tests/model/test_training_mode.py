"""A model that its user left in training mode predicts without dropout, and is in training mode afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import write_genome, write_gtf

import texcnn
from texcnn.effects.changes import ChangedWindow
from texcnn.effects.score import open_engine
from texcnn.embedding.engine import embed_segments
from texcnn.embedding.evaluation_mode import evaluation_mode
from texcnn.embedding.options import ComputeOptions
from texcnn.heads.xpresso import XpressoCNN
from texcnn.model.load import load_model
from texcnn.model.model import Model
from texcnn.model.network import OneHotNetwork

CPU = ComputeOptions(device="cpu")
WINDOW = "GGGGGACGTTCCCCCTTTTTAAAAAACGTA"


@pytest.fixture
def model(tiny_dnabert2: Path) -> Model:
    model = load_model(tiny_dnabert2)
    assert model.network.head.dropout.p > 0
    return model


def test_predictions_have_no_dropout(model: Model) -> None:
    expected = model.predict_sequences([WINDOW], options=CPU)
    model.network.head.train()
    np.testing.assert_array_equal(model.predict_sequences([WINDOW], options=CPU), expected)
    assert model.network.head.training
    assert model.network.head.dropout.training


def test_nor_have_those_of_a_store(model: Model, tmp_path: Path) -> None:
    fasta, gtf = write_genome(tmp_path), write_gtf(tmp_path / "genes.gtf")
    texcnn.embed(fasta, tmp_path / "store", model, gtf=gtf, device="cpu")
    expected = texcnn.predict(model, None, embeddings=tmp_path / "store")
    model.network.head.train()
    found = texcnn.predict(model, None, embeddings=tmp_path / "store")
    assert found.equals(expected)
    assert model.network.head.training


def test_nor_have_effects(model: Model) -> None:
    change = ChangedWindow(0, WINDOW[:3] + "T" + WINDOW[4:], ((3, 4),))
    deltas = []
    for training in (False, True):
        model.network.head.train(training)
        with open_engine(model, CPU) as engine:
            deltas.append(engine.score([WINDOW], None, [change]).delta)
    np.testing.assert_array_equal(deltas[0], deltas[1])
    assert np.abs(deltas[0]).max() > 0


def test_nor_has_a_head_that_reads_bases() -> None:
    torch.manual_seed(0)
    network = OneHotNetwork(XpressoCNN(length=300, n_features=0, n_cell_types=2), 2)
    with network.session(CPU) as session:
        expected, _ = network.predict([WINDOW * 10], None, session)
    network.head.train()
    with network.session(CPU) as session:
        found, _ = network.predict([WINDOW * 10], None, session)
    assert torch.equal(found, expected)
    assert network.head.training


def test_encoders_are_put_back_layer_by_layer(model: Model) -> None:
    (encoder,) = model.segment_network().encoders
    layers = list(encoder.model.modules())
    for place, layer in enumerate(layers):
        layer.training = place % 3 == 0
    embed_segments([encoder], ["ACGTACGT"], options=CPU)
    assert [layer.training for layer in layers] == [place % 3 == 0 for place in range(len(layers))]


def test_within_the_block_nothing_trains() -> None:
    layers = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Sequential(torch.nn.Dropout()))
    layers[1].eval()
    seen: list[bool] = []

    def fail() -> None:
        with evaluation_mode([layers]):
            seen.extend(layer.training for layer in layers.modules())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not any(seen)
    assert [layer.training for layer in layers.modules()] == [True, True, False, False]
