"""Windows in, values and a status per window out; anything else that is not finite is an error."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from tiny import CompositionEncoder, save_tiny

from texcnn.bench.model import random_windows
from texcnn.embedding.cache import SegmentCache
from texcnn.embedding.options import ComputeOptions
from texcnn.errors import InputError, RunError
from texcnn.features.spec import FeatureSpec
from texcnn.heads.xpresso import XpressoCNN
from texcnn.model import predict_windows as module
from texcnn.model.load import load_model
from texcnn.model.network import OneHotNetwork
from texcnn.model.predict_windows import WindowStatus, predict_windows

OK, NO_BASES, NO_FEATURES = WindowStatus.OK, WindowStatus.NO_KNOWN_BASES, WindowStatus.NO_FEATURES
WINDOWS = ["G" * 10 + "A" * 5 + "C" * 15, "N" * 30, "NNNNN" + "T" * 25]


def test_a_status_for_every_window(tiny: Path) -> None:
    (part,) = predict_windows(load_model(tiny), iter(WINDOWS))
    assert part.status == [OK, NO_BASES, OK]
    np.testing.assert_allclose(part.values[[0, 2]], [[1.0, 2.0], [0.0, 1.0]])
    assert np.isnan(part.values[1]).all()


def test_features_in_every_container(tmp_path: Path, composition: CompositionEncoder) -> None:
    """pandas' NA was a TypeError, and what was hidden by a mask a number."""
    model = load_model(save_tiny(tmp_path / "m", features=[FeatureSpec("utr", 2.0, 0.5, 10.0)]))
    hidden = np.ma.masked_array([[3.0], [3.0], [7.0]], [[False], [False], [True]])
    for features in (pd.DataFrame({"utr": pd.array([3, 3, None], "Int64")}), hidden, [[3], [3], [np.nan]]):
        (part,) = predict_windows(model, WINDOWS, features)
        assert part.status == [OK, NO_BASES, NO_FEATURES]
        np.testing.assert_allclose(part.values[0], [3.0, 4.0])
    for wrong in (np.full((3, 1), "one"), np.ones((3, 1), complex)):
        with pytest.raises(InputError, match="features that are no numbers"):
            list(predict_windows(model, WINDOWS, wrong))
    with pytest.raises(InputError, match=r"a window is of type tuple – in window 2 .*`sequence` of a Window"):
        list(predict_windows(model, [WINDOWS[0], tuple(WINDOWS[1])], hidden))  # type: ignore[list-item]


def test_an_unknown_feature_is_a_status_too(tmp_path: Path, composition: CompositionEncoder) -> None:
    model = load_model(save_tiny(tmp_path / "m", features=[FeatureSpec("utr", 2.0, 0.5, 10.0)]))
    features = np.array([[3.0], [3.0], [np.nan]])
    (part,) = predict_windows(model, WINDOWS, features)
    assert part.status == [OK, NO_BASES, NO_FEATURES]
    np.testing.assert_allclose(part.values[0], [3.0, 4.0], err_msg="(3 - 2) / 0.5 is added to both outputs")
    assert np.isnan(part.values[1:]).all()
    (defaults,) = predict_windows(model, WINDOWS)
    np.testing.assert_allclose(defaults.values[0], [11.0, 12.0])


@pytest.mark.parametrize("features", [np.zeros((2, 1)), np.zeros((3, 2)), np.zeros(3)])
def test_features_of_another_shape_are_refused(
    tmp_path: Path, composition: CompositionEncoder, features: np.ndarray
) -> None:
    model = load_model(save_tiny(tmp_path / "m", features=[FeatureSpec("utr")]))
    with pytest.raises(InputError, match=r"features of the shape .* `features` .*a row per window, the columns utr"):
        list(predict_windows(model, WINDOWS, features))


def test_features_that_the_model_does_not_take_are_refused(tiny: Path) -> None:
    with pytest.raises(InputError, match="takes no features"):
        list(predict_windows(load_model(tiny), WINDOWS, np.zeros((3, 1))))


@pytest.mark.parametrize("chunk", [1, 2, 64])
def test_chunks_and_the_cache_never_change_a_number(
    tiny_dnabert2: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    model = load_model(tiny_dnabert2)
    generator = np.random.default_rng(1)
    windows = ["".join(generator.choice(list("ACGT"), 30)) for _ in range(9)]
    expected = model.predict_sequences(windows)
    assert expected.std(axis=0).min() > 0.01
    monkeypatch.setattr(module, "WINDOWS_PER_CHUNK", chunk)
    cache = SegmentCache()
    for _ in range(2):
        parts = predict_windows(model, windows, options=ComputeOptions(2, "cpu"), cache=cache)
        found = np.concatenate([part.values for part in parts])
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert (cache.asked, cache.computed) == (54, 27)


def test_a_number_that_is_not_finite_is_an_error_not_a_skip(tiny: Path) -> None:
    model = load_model(tiny)
    with torch.no_grad():
        model.network.head.output.bias[1] = torch.nan
    with pytest.raises(RunError, match=r"not finite .* in window 2 .* weights are unusable"):
        list(predict_windows(model, ["N" * 30, "A" * 30]))


def test_bad_windows_are_named(tiny: Path) -> None:
    model = load_model(tiny)
    with pytest.raises(InputError, match=r"a window of 29 bp .* window 2 .* allowed: 30 bp"):
        list(predict_windows(model, ["A" * 30, "A" * 29]))
    with pytest.raises(InputError, match=r"letters 'R', 'a'.*upper-case A, C, G, T and N"):
        list(predict_windows(model, ["a" * 30, "R" * 30]))


@pytest.mark.parametrize("windows", [["N" * 300] * 3, ["N" * 300, "ACG" * 100, "N" * 300]])
def test_a_one_hot_model_passes_over_windows_without_a_base(windows: list[str]) -> None:
    torch.manual_seed(0)
    network = OneHotNetwork(XpressoCNN(length=300, n_features=0), 1)
    with network.session(ComputeOptions(2, "cpu")) as session:
        values, known = network.predict(windows, None, session)
    assert known.tolist() == [window[0] != "N" for window in windows]
    assert values.isfinite().flatten().tolist() == known.tolist()


def test_threads_that_share_a_model_get_the_numbers_of_one() -> None:
    model = load_model("texcnn-yeast")
    windows = random_windows(4, model.window.length)

    def values(first: int) -> npt.NDArray[np.float32]:
        return np.concatenate([part.values for part in predict_windows(model, windows[first:])])

    alone = [values(first) for first in range(2)]
    with ThreadPoolExecutor(2) as threads:
        for found, expected in zip(threads.map(values, range(2)), alone, strict=True):
            np.testing.assert_array_equal(found, expected)
