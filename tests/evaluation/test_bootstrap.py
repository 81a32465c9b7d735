"""Metrics of many resamples at once are those of the drawn rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from texcnn.evaluation import bootstrap
from texcnn.evaluation.bootstrap import resampled_metrics
from texcnn.evaluation.metrics import METRICS, MIN_PAIRS, cell_type_metrics

DRAWS, SEED = 25, 7


def awkward(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns: plain; many ties; far from zero; NaN on both sides; a constant prediction; a constant truth; all NaN."""
    rng = np.random.default_rng(1)
    true = rng.normal(size=(n, 7))
    predicted = true + rng.normal(size=true.shape)
    predicted[:, 1], true[:, 1] = predicted[:, 1].round(), true[:, 1].round()
    predicted[:, 2] += 1e6
    true[:, 2] += 1e6
    predicted[::3, 3], true[::4, 3] = np.nan, np.nan
    predicted[:, 4] = 0.1
    true[:, 5] = 0.1
    true[:, 6] = np.nan
    return predicted, true


def one_by_one(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    generator = np.random.default_rng(SEED)
    figures = []
    for _ in range(DRAWS):
        rows = generator.integers(len(true), size=len(true))
        columns = zip(predicted[rows].T, true[rows].T, strict=True)
        figures.append([[metric(left, right) for metric in METRICS.values()] for left, right in columns])
    return np.array(figures)


@pytest.mark.parametrize("n", [3, 5, 40])
def test_equal_to_the_metrics_of_the_drawn_rows(n: int) -> None:
    predicted, true = awkward(n)
    found = resampled_metrics(predicted, true, DRAWS, SEED, min_pairs=MIN_PAIRS)
    expected = one_by_one(predicted, true)
    assert found.shape == (DRAWS, 7, 4)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    assert np.isnan(expected[:, 4, [0, 2]]).all()
    assert np.isnan(expected[:, 5, :3]).all()
    assert not np.isnan(expected[:, 4, 3]).any()


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    predicted, true = awkward(20)
    whole = resampled_metrics(predicted, true, DRAWS, SEED, min_pairs=MIN_PAIRS)
    monkeypatch.setattr(bootstrap, "_DRAWS_AT_ONCE", 4)
    np.testing.assert_allclose(resampled_metrics(predicted, true, DRAWS, SEED, min_pairs=MIN_PAIRS), whole, rtol=1e-12)


def test_the_table_has_percentiles_of_the_draws() -> None:
    predicted, true = awkward(40)
    names = [str(column) for column in range(7)]
    table = cell_type_metrics(
        pd.DataFrame(predicted, columns=names), pd.DataFrame(true, columns=names), bootstrap=DRAWS, seed=SEED
    ).set_index("cell_type")
    expected = one_by_one(predicted, true)
    for place, name in enumerate(METRICS):
        for column in (0, 1, 3):
            low, high = np.percentile(expected[:, column, place], [2.5, 97.5])
            assert table.loc[str(column), f"{name}_low"] == pytest.approx(low, abs=1e-9)
            assert table.loc[str(column), f"{name}_high"] == pytest.approx(high, abs=1e-9)
        mean = np.nanmean(expected[:, :, place], axis=1)
        assert table.loc["mean over cell types", f"{name}_low"] == pytest.approx(np.percentile(mean, 2.5), abs=1e-6)
