"""Saturation mutagenesis and ablation against models that are asked one changed window at a time."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import WINDOW, save_tiny, save_tiny_dnabert2

import texcnn
from texcnn.effects import ism
from texcnn.effects.ablation import ablate
from texcnn.effects.ism import importance, saturation_mutagenesis
from texcnn.effects.score import open_engine
from texcnn.features.spec import FeatureSpec
from texcnn.model.model import Model
from texcnn.model.predict_windows import predict_windows

LENGTH = WINDOW.length


def window_with_n(seed: int = 0) -> str:
    bases = random.Random(seed).choices("ACGT", k=LENGTH)
    bases[3] = bases[17] = "N"
    return "".join(bases)


def one_by_one(model: Model, windows: list[str]) -> np.ndarray:
    return np.concatenate([part.values for window in windows for part in predict_windows(model, [window])])


@pytest.fixture
def random_model(tmp_path: Path) -> Model:
    return texcnn.load_model(save_tiny_dnabert2(tmp_path / "m"))


def test_each_substitution_is_the_prediction_of_the_changed_window(random_model: Model) -> None:
    window = window_with_n()
    with open_engine(random_model) as engine:
        reference, delta = saturation_mutagenesis(engine, window, None, 2, 9)
    np.testing.assert_allclose(reference, one_by_one(random_model, [window])[0], atol=1e-6)
    assert delta.shape == (7, 4, 3)
    for row, place in enumerate(range(2, 9)):
        if window[place] == "N":
            assert np.isnan(delta[row]).all()
            continue
        changed = [window[:place] + base + window[place + 1 :] for base in "ACGT"]
        np.testing.assert_allclose(delta[row], one_by_one(random_model, changed) - reference, atol=2e-6)
        assert (delta[row, "ACGT".index(window[place])] == 0).all(), "exactly: nothing was changed"
    assert np.abs(np.nan_to_num(delta)).max() > 1e-3


@pytest.mark.parametrize("at_once", [5, 83, 84, 91])
def test_how_many_are_asked_at_once_changes_no_number(
    random_model: Model, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    window = window_with_n()
    with open_engine(random_model) as engine:
        _, expected = saturation_mutagenesis(engine, window, None, 0, LENGTH)
        monkeypatch.setattr(ism, "_CHANGES_AT_ONCE", at_once)
        _, found = saturation_mutagenesis(engine, window, None, 0, LENGTH)
        assert engine.scored == 2 * 3 * (LENGTH - 2)
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_a_stretch_has_the_numbers_of_the_whole(random_model: Model) -> None:
    with open_engine(random_model) as engine:
        _, whole = saturation_mutagenesis(engine, window_with_n(), None, 0, LENGTH)
        _, part = saturation_mutagenesis(engine, window_with_n(), None, 9, 12)
        reference, nothing = saturation_mutagenesis(engine, window_with_n(), None, 9, 9)
    np.testing.assert_allclose(part, whole[9:12], atol=2e-6)
    assert (reference.shape, nothing.shape) == ((3,), (0, 4, 3))


def test_importance_is_the_mean_loss_over_three_bases() -> None:
    delta = np.array([[[0.0], [-3], [1], [-1]], [[np.nan], [np.nan], [np.nan], [np.nan]]], np.float32)
    np.testing.assert_array_equal(importance(delta), [[1], [np.nan]])


def test_features_are_part_of_both_predictions(tmp_path: Path, composition: object) -> None:
    """Their effect is additive in the tiny model, so that it is in the prediction and in no difference."""
    model = texcnn.load_model(save_tiny(tmp_path / "m", features=[FeatureSpec("f")]))
    window = "G" * 10 + "A" * 20
    deltas = []
    with open_engine(model) as engine:
        for feature in (0.0, 5.0):
            reference, delta = saturation_mutagenesis(engine, window, torch.tensor([[feature]]), 0, LENGTH)
            np.testing.assert_allclose(reference, [1 + feature, 3 + feature], atol=1e-6)
            deltas.append(delta)
    np.testing.assert_allclose(deltas[0], deltas[1], atol=1e-6)


class TestAblation:
    def test_a_segment_is_worth_what_the_others_cannot_replace(self, tmp_path: Path, composition: object) -> None:
        model = texcnn.load_model(save_tiny(tmp_path / "m"))
        window = "GGGGGGGGGA" + "GGGGGCCCAA" + "ATATATATAT"
        with open_engine(model) as engine:
            reference, worth = ablate(engine, window, None, 10)
        # Largest share of G and C: 0.9, 0.8, 0. Twice the largest share of A, and 1: 0.1, 0.2, 0.5.
        np.testing.assert_allclose(reference, [0.9, 2.0], atol=1e-6)
        np.testing.assert_allclose(worth, [[0.1, 0], [0, 0], [0, 2 * (0.5 - 0.2)]], atol=1e-6)

    def test_it_is_the_prediction_with_n_in_its_place(self, random_model: Model) -> None:
        window = window_with_n(5)
        with open_engine(random_model) as engine:
            reference, worth = ablate(engine, window, None, 10)
        without = [window[:start] + "N" * 10 + window[start + 10 :] for start in (0, 10, 20)]
        np.testing.assert_allclose(worth, reference - one_by_one(random_model, without), atol=2e-6)

    def test_the_last_stretch_may_be_shorter(self, random_model: Model) -> None:
        window = window_with_n(6)
        with open_engine(random_model) as engine:
            reference, worth = ablate(engine, window, None, 12)
        assert worth.shape == (3, 3)
        without = window[:24] + "N" * 6
        np.testing.assert_allclose(worth[2], reference - one_by_one(random_model, [without])[0], atol=2e-6)

    def test_nothing_is_known_without_the_only_segment(self, random_model: Model) -> None:
        window = "N" * 10 + "ACGTACGTAC" + "N" * 10
        with open_engine(random_model) as engine:
            reference, worth = ablate(engine, window, None, 10)
        assert np.isfinite(reference).all()
        assert np.isnan(worth).all(axis=1).tolist() == [False, True, False]
        np.testing.assert_allclose(worth[[0, 2]], 0, atol=1e-6)
