"""Gradient x input against numbers that can be worked out: finite differences, linear heads, sums over bases."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tiny import SEGMENTS, WINDOW, save_tiny_dnabert2

import texcnn
from texcnn.effects.gradient import gradient_times_input
from texcnn.encoders.kmer_counts import KmerCountsEncoder
from texcnn.errors import ModelError
from texcnn.features.spec import FeatureSpec
from texcnn.genome.windows import WindowSpec
from texcnn.heads.linear import LinearHead
from texcnn.heads.spec import HeadSpec
from texcnn.heads.xpresso import XpressoCNN
from texcnn.model.bundle import BundleConfig
from texcnn.model.model import Model
from texcnn.model.network import OneHotNetwork, SegmentNetwork
from texcnn.model.predict_windows import predict_windows

BASES = "".join(random.Random(3).choices("ACGT", k=WINDOW.length))


def linear_model(tmp_path: Path, *k: int) -> Model:
    """Counts of k-mers of three segments, and a head that weighs each."""
    loaded = texcnn.load_model(save_tiny_dnabert2(tmp_path / "m"))
    torch.manual_seed(1)
    head = LinearHead(sum(4**size for size in k), 3, n_segments=3)
    torch.nn.init.normal_(head.output.weight)
    network = SegmentNetwork([KmerCountsEncoder(size) for size in k], head, SEGMENTS)
    return Model(loaded.config, network, loaded.cell_type_table, "")


@pytest.mark.parametrize("k", [(1,), (2,), (1, 2)])
def test_a_linear_model_is_explained_in_full(tmp_path: Path, k: tuple[int, ...]) -> None:
    model = linear_model(tmp_path, *k)
    found = gradient_times_input(model, BASES, None, [0, 2])
    bias = model.segment_network().head.output.bias[[0, 2]].detach().numpy()
    (predicted,) = predict_windows(model, [BASES])
    np.testing.assert_allclose(found.prediction, predicted.values[0, [0, 2]], atol=1e-5)
    np.testing.assert_allclose(found.bases.sum(axis=1) + found.elsewhere + bias, found.prediction, atol=1e-5)
    assert found.bases.shape == (2, WINDOW.length)


def test_single_bases_carry_the_weight_of_their_letter(tmp_path: Path) -> None:
    """With counts of single bases a base carries its letter's weight in its segment, over the segment's length."""
    model = linear_model(tmp_path, 1)
    weight = model.segment_network().head.output.weight.detach().numpy()
    vectors = model.segment_network().encoders[0]
    scale = vectors.embed(vectors.tokenize(["A" * 10])).numpy()[0, 0] / 10  # what one base of ten adds
    found = gradient_times_input(model, BASES, None, [1])
    read = weight[1].reshape(3, 4)
    for place, base in enumerate(BASES):
        expected = read[place // 10, "ACGT".index(base)] * scale
        assert found.bases[0, place] == pytest.approx(expected, abs=1e-5)


def test_masked_segments_carry_nothing(tmp_path: Path) -> None:
    model = linear_model(tmp_path, 2)
    found = gradient_times_input(model, BASES[:10] + "N" * 10 + BASES[20:], None, [0])
    assert (found.bases[0, 10:20] == 0).all()
    assert np.abs(found.bases[0, :10]).max() > 0


def test_cell_types_come_as_asked_and_do_not_disturb_each_other(tiny_dnabert2: Path) -> None:
    model = texcnn.load_model(tiny_dnabert2)
    together = gradient_times_input(model, BASES, None, [2, 0])
    for row, column in enumerate((2, 0)):
        alone = gradient_times_input(model, BASES, None, [column])
        np.testing.assert_allclose(together.bases[row], alone.bases[0], atol=1e-6)
        np.testing.assert_allclose(together.elsewhere[row], alone.elsewhere[0], atol=1e-6)
        np.testing.assert_allclose(together.prediction[row], alone.prediction[0], atol=1e-6)


def test_an_encoder_without_gradients_is_named(tiny: Path) -> None:
    with pytest.raises(ModelError, match=r"'composition' has no gradients – in `method` – allowed: ism, ablation"):
        gradient_times_input(texcnn.load_model(tiny), BASES, None, [0])


def one_hot_model(n_features: int = 0) -> Model:
    torch.manual_seed(0)
    head = XpressoCNN(300, n_features, 2).eval()
    spec = HeadSpec("xpresso", {"length": 300, "n_features": n_features, "n_cell_types": 2})
    features = tuple(FeatureSpec(f"f{number}") for number in range(n_features))
    config = BundleConfig(
        name="bases", version="1", kind="one-hot", unit="u", window=WindowSpec(200, 100), head=spec, features=features
    )
    return Model(config, OneHotNetwork(head, n_features), pd.DataFrame({"cell_type": ["x", "y"]}), "")


def test_bases_of_a_one_hot_model_are_those_of_autograd_by_hand() -> None:
    """Gradient at the one-hot bases times the one-hot bases, computed here without the network's own doors."""
    model = one_hot_model(2)
    window = "".join(random.Random(1).choices("ACGTN", [5, 5, 5, 5, 1], k=300))
    features = torch.tensor([[0.5, -1.0]])
    found = gradient_times_input(model, window, features, [1])
    codes = torch.zeros(1, 4, 300)
    for place, base in enumerate(window):
        if base != "N":
            codes[0, "ACGT".index(base), place] = 1
    codes.requires_grad_()
    head: Any = model.network.head
    predicted = head(codes, features)[0, 1]
    (gradient,) = torch.autograd.grad(predicted, codes)
    np.testing.assert_allclose(found.prediction, [predicted.item()], atol=1e-6)
    np.testing.assert_allclose(found.bases[0], (gradient * codes)[0].sum(dim=0).detach().numpy(), atol=1e-6)
    assert (found.bases[0, [place for place, base in enumerate(window) if base == "N"]] == 0).all()
    assert found.elsewhere.tolist() == [0]


def test_the_model_is_left_as_it_was(tiny_dnabert2: Path) -> None:
    model = texcnn.load_model(tiny_dnabert2)
    network = model.segment_network()
    before = [parameter.requires_grad for parameter in network.head.parameters()]
    expected = model.predict_sequences([BASES])
    gradient_times_input(model, BASES, None, [0])
    assert [parameter.requires_grad for parameter in network.head.parameters()] == before
    assert all(parameter.grad is None for parameter in network.head.parameters())
    assert not network.head.training
    np.testing.assert_array_equal(model.predict_sequences([BASES]), expected)


def test_features_change_the_prediction_they_go_with(tmp_path: Path) -> None:
    model = texcnn.load_model(
        save_tiny_dnabert2(tmp_path / "f", features=[FeatureSpec("a", default=0.0)])
    )  # fmt: skip
    one, other = (gradient_times_input(model, BASES, torch.tensor([[value]]), [0]) for value in (0.0, 2.0))
    assert one.prediction[0] != other.prediction[0]
