"""Figures of predicted effects against scikit-learn, SciPy and resamples drawn one by one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from texcnn.evaluation.variants import figures
from texcnn.evaluation.variants.figures import figure, mean_figure


@pytest.fixture
def drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores with ties, a truth, and clusters of unlike sizes."""
    generator = np.random.default_rng(4)
    scores = generator.normal(size=60).round(1)
    truth = scores * 0.4 + generator.normal(size=60)
    return scores, truth, np.sort(generator.integers(12, size=60))


def test_figures_of_all_rows_are_the_usual_ones(drawn: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    scores, truth, _ = drawn
    ones = np.ones((1, 60))
    assert figures.spearman(ones, scores, truth)[0] == pytest.approx(spearmanr(scores, truth).statistic)
    sizes = spearmanr(np.abs(scores), np.abs(truth)).statistic
    assert figures.spearman_size(ones, scores, truth)[0] == pytest.approx(sizes)
    positive = (truth > 0.3).astype(float)
    assert figures.auroc(ones, scores, positive)[0] == pytest.approx(roc_auc_score(positive, scores))
    assert figures.auroc(ones, -scores, positive)[0] == pytest.approx(1 - roc_auc_score(positive, scores))


def test_signs() -> None:
    scores = np.array([3.0, -2.0, 0.0, 1.0, -1.0, 0.5, 0.4, 0.3, 0.2, 0.1])
    truth = np.array([1.0, 1.0, 1.0, -1.0, -1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    ones = np.ones((1, 10))
    assert figures.sign_accuracy(ones, scores, truth)[0] == pytest.approx((1 + 0.5 + 1 + 5) / 10)
    assert figures.sign_accuracy_top_tenth(ones, scores, truth)[0] == 1  # the first alone
    weights = np.array([[0.0, 1, 1, 1, 1, 1, 1, 1, 1, 2]])
    assert figures.sign_accuracy_top_tenth(weights, scores, truth)[0] == 0  # now the second is the largest


@pytest.mark.parametrize("name", ["spearman", "spearman_size", "auroc", "sign_accuracy", "sign_accuracy_top_tenth"])
def test_a_weight_is_a_repeated_row(name: str, drawn: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    scores, truth, _ = drawn
    compute = getattr(figures, name)
    if name == "sign_accuracy_top_tenth":
        # A tie at the edge of the top tenth would be cut in another place.
        scores = scores + np.arange(60) * 1e-4
    counts = np.random.default_rng(1).integers(3, size=60)
    rows = np.repeat(np.arange(60), counts)
    weighted = compute(counts[None].astype(float), scores, truth)[0]
    repeated = compute(np.ones((1, len(rows))), scores[rows], truth[rows])[0]
    assert weighted == pytest.approx(repeated, abs=0.2 if name == "sign_accuracy_top_tenth" else 1e-12)


def test_intervals_are_of_whole_clusters(drawn: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    scores, truth, clusters = drawn
    found = figure(figures.spearman, scores, truth, clusters, draws=150, seed=7)
    assert found.n == 60
    assert found.value == pytest.approx(spearmanr(scores, truth).statistic)
    generator = np.random.default_rng(7)
    names = np.unique(clusters)
    one_by_one = []
    for _ in range(150):
        chosen = names[generator.integers(len(names), size=len(names))]
        rows = np.concatenate([np.flatnonzero(clusters == name) for name in chosen])
        one_by_one.append(spearmanr(scores[rows], truth[rows]).statistic)
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(one_by_one, [2.5, 97.5])))
    single = figure(figures.spearman, scores, truth, np.arange(60), draws=150, seed=7)
    assert single.low != found.low


def test_what_is_not_known_is_left_out_and_what_is_not_defined_is_none() -> None:
    scores = np.array([1.0, 2.0, np.nan, 3.0, 4.0])
    truth = np.array([1.0, 2.0, 5.0, np.nan, 4.0])
    found = figure(figures.spearman, scores, truth, np.arange(5), draws=0, seed=0)
    assert (found.value, found.n) == (1.0, 3)
    assert np.isnan(found.low)
    assert np.isnan(figure(figures.spearman, scores[:2], truth[:2], np.arange(2), draws=9, seed=0).value)
    assert np.isnan(figure(figures.spearman, np.ones(5), np.arange(5.0), np.arange(5), draws=9, seed=0).value)
    assert np.isnan(figure(figures.auroc, np.arange(5.0), np.ones(5), np.arange(5), draws=9, seed=0).value)


def test_a_mean_over_groups_has_an_interval_of_groups() -> None:
    found = mean_figure([0.0, 1.0, np.nan], draws=400, seed=0)
    assert (found.value, found.low, found.high, found.n) == (0.5, 0.0, 1.0, 2)
    assert mean_figure([], draws=10, seed=0).n == 0
