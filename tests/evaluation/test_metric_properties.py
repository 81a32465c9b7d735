"""Figures of any numbers against SciPy and scikit-learn, and what must hold for all of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import r2_score, root_mean_squared_error

from texcnn.evaluation.bootstrap import centred_ranks, draw_counts, rank_correlation, resampled_metrics, varies
from texcnn.evaluation.metrics import (
    METRICS,
    MIN_PAIRS,
    cell_type_metrics,
    gene_metrics,
    one_minus_sse_sst,
    rmse,
    spearman,
    squared_pearson,
)
from texcnn.evaluation.variants import figures

NUMBERS = st.integers(-20, 20).map(float)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=MIN_PAIRS, max_size=25).map(lambda pairs: np.array(pairs).T)


@settings(max_examples=40)
@given(pairs=PAIRS)
def test_figures_are_those_of_other_libraries(pairs: np.ndarray) -> None:
    predicted, true = pairs
    assert rmse(predicted, true) == pytest.approx(root_mean_squared_error(true, predicted))
    if len(set(true)) > 1:
        assert one_minus_sse_sst(predicted, true) == pytest.approx(r2_score(true, predicted))
    else:
        assert np.isnan(one_minus_sse_sst(predicted, true))
    if len(set(true)) > 1 and len(set(predicted)) > 1:
        assert squared_pearson(predicted, true) == pytest.approx(stats.pearsonr(predicted, true).statistic ** 2)
        assert spearman(predicted, true) == pytest.approx(stats.spearmanr(predicted, true).statistic)
    else:
        assert np.isnan(squared_pearson(predicted, true))
        assert np.isnan(spearman(predicted, true))


@given(pairs=PAIRS, scale=st.sampled_from([-3.0, 0.5, 2.0]), offset=NUMBERS)
def test_what_each_figure_forgives(pairs: np.ndarray, scale: float, offset: float) -> None:
    predicted, true = pairs
    changed = scale * predicted + offset
    np.testing.assert_allclose(squared_pearson(changed, true), squared_pearson(predicted, true), atol=1e-9)
    sign = np.sign(scale)
    np.testing.assert_allclose(spearman(changed, true), sign * spearman(predicted, true), atol=1e-9)
    np.testing.assert_allclose(rmse(predicted + offset, true + offset), rmse(predicted, true), atol=1e-9)
    bounded = squared_pearson(predicted, true)
    if not np.isnan(bounded):
        assert one_minus_sse_sst(predicted, true) <= bounded + 1e-9, "the best scale and offset cannot be beaten"


@given(pairs=PAIRS, seed=st.integers(0, 9), draws=st.integers(0, 5))
def test_a_resample_has_the_figures_of_its_rows(pairs: np.ndarray, seed: int, draws: int) -> None:
    predicted, true = pairs
    found = resampled_metrics(predicted[:, None], true[:, None], draws, seed, min_pairs=MIN_PAIRS)
    assert found.shape == (draws, 1, 4)
    counts = np.concatenate([np.zeros((0, len(true))), *draw_counts(len(true), draws, seed)])
    for row, drawn in zip(found[:, 0], counts, strict=True):
        rows = np.repeat(np.arange(len(true)), drawn.astype(int))
        expected = [metric(predicted[rows], true[rows]) for metric in METRICS.values()]
        np.testing.assert_allclose(row, expected, atol=1e-8)


@given(n=st.integers(1, 30), draws=st.integers(0, 250), seed=st.integers(0, 3))
def test_draws_are_of_as_many_rows_and_the_same_each_time(n: int, draws: int, seed: int) -> None:
    parts = list(draw_counts(n, draws, seed))
    assert sum(map(len, parts)) == draws
    for part, again in zip(parts, draw_counts(n, draws, seed), strict=True):
        assert (part.sum(axis=1) == n).all()
        assert (part >= 0).all()
        np.testing.assert_array_equal(part, again)


@given(
    values=st.lists(NUMBERS, min_size=1, max_size=12), counts=st.lists(st.integers(0, 3), min_size=12, max_size=12)
)  # fmt: skip
def test_ranks_of_repeated_rows(values: list[float], counts: list[int]) -> None:
    weights = np.array(counts[: len(values)], float)[None]
    assume(weights.sum() > 0)
    rows = np.repeat(np.arange(len(values)), counts[: len(values)])
    expected = stats.rankdata(np.array(values)[rows])
    found = centred_ranks(weights, np.array(values))[0]
    np.testing.assert_allclose(found[rows], expected - expected.mean(), atol=1e-9)
    drawn = np.array(values)[rows]
    assert varies(weights, np.array(values)).tolist() == [len(set(drawn)) > 1]
    if len(set(drawn)) > 1:
        np.testing.assert_allclose(rank_correlation(weights, np.array(values), np.array(values)), 1)


@given(scores=st.lists(NUMBERS, min_size=2, max_size=20), seed=st.integers(0, 5))
def test_auroc_is_the_share_of_pairs_in_the_right_order(scores: list[float], seed: int) -> None:
    truth = np.random.default_rng(seed).random(len(scores)) < 0.5
    assume(truth.any())
    assume(not truth.all())
    array = np.array(scores)
    pairs = [(yes, no) for yes in array[truth] for no in array[~truth]]
    expected = np.mean([(yes > no) + 0.5 * (yes == no) for yes, no in pairs])
    assert figures.auroc(np.ones((1, len(scores))), array, truth.astype(float))[0] == pytest.approx(expected)


@given(pairs=PAIRS)
def test_signs_that_are_right(pairs: np.ndarray) -> None:
    scores, truth = pairs
    expected = np.mean(
        [0.5 if score == 0 else float(score * true > 0) for score, true in zip(scores, truth, strict=True)]
    )
    assert figures.sign_accuracy(np.ones((1, len(scores))), scores, truth)[0] == pytest.approx(expected)


@settings(max_examples=30)
@given(
    values=st.lists(st.lists(st.one_of(NUMBERS, st.just(np.nan)), min_size=3, max_size=3), min_size=1, max_size=12),
    seed=st.integers(0, 5),
)
def test_rows_and_columns_of_tables_are_judged_on_their_own_pairs(values: list[list[float]], seed: int) -> None:
    true = pd.DataFrame(values, [f"g{row}" for row in range(len(values))], list("abc"))
    predicted = true * 0.5 + np.random.default_rng(seed).normal(size=true.shape).round(1)
    per_type, per_gene = cell_type_metrics(predicted, true), gene_metrics(predicted, true)
    for metric, compute in METRICS.items():
        expected = [compute(predicted[name].to_numpy(), true[name].to_numpy()) for name in "abc"]
        np.testing.assert_allclose(per_type[metric][:3], expected, atol=1e-9)
        mean = np.nanmean(expected) if np.isfinite(expected).any() else np.nan
        np.testing.assert_allclose(per_type[metric][3], mean, atol=1e-9)
        rows = [compute(left, right) for left, right in zip(predicted.to_numpy(), true.to_numpy(), strict=True)]
        np.testing.assert_allclose(per_gene[metric], rows, atol=1e-9)
    assert per_type["n_genes"].tolist() == [*true.notna().sum(), true.notna().any(axis=1).sum()]
    assert per_gene["n_cell_types"].tolist() == true.notna().sum(axis=1).tolist()
