"""Every metric on many resamples of the genes, in one pass."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.floating]

_DRAWS_AT_ONCE = 100
"""Draws of 20,000 genes then take some tens of megabytes."""


def resampled_metrics(predicted: Values, true: Values, draws: int, seed: int, *, min_pairs: int) -> Values:
    """Computes squared Pearson, 1 - SSE/SST, Spearman and RMSE of each column on genes drawn with replacement.

    A resample is a count per gene, and each metric is computed from sums weighted by these counts, so that many are
    computed together; equal to the metrics of the drawn rows up to rounding.

    Args:
        predicted: ``(n_genes, n_columns)``; a pair with a NaN on either side is left out.
        true: The same shape, measured.
        draws: Number of resamples; each is one set of genes for every column.
        seed: Source of the draws.
        min_pairs: Fewer pairs have no metric.

    Returns:
        float64 ``(draws, n_columns, 4)``; NaN where a metric is not defined.
    """
    figures = np.full((draws, predicted.shape[1], 4), np.nan)
    known = ~np.isnan(predicted) & ~np.isnan(true)
    done = 0
    for counts in draw_counts(len(predicted), draws, seed):
        for column in range(predicted.shape[1]):
            rows = known[:, column]
            weights = counts[:, rows]
            with np.errstate(invalid="ignore", divide="ignore"):
                found = _figures(weights, predicted[rows, column], true[rows, column])
            found[weights.sum(axis=1) < min_pairs] = np.nan
            figures[done : done + len(counts), column] = found
        done += len(counts)
    return figures


def draw_counts(n: int, draws: int, seed: int) -> Iterator[Values]:
    """Yields how often each of ``n`` rows is drawn, float64 ``(up to 100, n)``, until there are all draws."""
    generator = np.random.default_rng(seed)
    for start in range(0, draws, _DRAWS_AT_ONCE):
        number = min(_DRAWS_AT_ONCE, draws - start)
        drawn = (generator.integers(n, size=n) for _ in range(number))
        yield np.stack([np.bincount(rows, minlength=n) for rows in drawn]).astype(np.float64)


def _figures(weights: Values, predicted: Values, true: Values) -> Values:
    if not len(predicted):
        return np.full((len(weights), 4), np.nan)
    n = weights.sum(axis=1)
    squared_errors = weights @ (true - predicted) ** 2
    # Centred first: sums of squares far from zero would lose the digits that their difference needs.
    left, right = predicted - predicted.mean(), true - true.mean()
    mean_left, mean_right = weights @ left / n, weights @ right / n
    scatter_left = weights @ left**2 - n * mean_left**2
    scatter_right = weights @ right**2 - n * mean_right**2
    shared = weights @ (left * right) - n * mean_left * mean_right
    varies_left, varies_right = varies(weights, predicted), varies(weights, true)
    both = varies_left & varies_right
    return np.stack(
        [
            np.where(both, np.minimum(shared**2 / (scatter_left * scatter_right), 1), np.nan),
            np.where(varies_right, 1 - squared_errors / scatter_right, np.nan),
            np.where(both, rank_correlation(weights, predicted, true), np.nan),
            np.sqrt(squared_errors / n),
        ],
        axis=1,
    )


def varies(weights: Values, values: Values) -> npt.NDArray[np.bool_]:
    """Returns whether the drawn values differ; exactly, as a scatter of zero is lost in rounding."""
    drawn = weights > 0
    lowest: Values = np.where(drawn, values, np.inf).min(axis=1)
    highest: Values = np.where(drawn, values, -np.inf).max(axis=1)
    return lowest < highest


def rank_correlation(weights: Values, left: Values, right: Values) -> Values:
    """Spearman's correlation within each resample, ``(draws,)``; the weights count each row's draws."""
    ranks_left, ranks_right = centred_ranks(weights, left), centred_ranks(weights, right)
    shared = (weights * ranks_left * ranks_right).sum(axis=1)
    scatters = (weights * ranks_left**2).sum(axis=1) * (weights * ranks_right**2).sum(axis=1)
    correlation: Values = np.clip(shared / np.sqrt(scatters), -1, 1)
    return correlation


def centred_ranks(weights: Values, values: Values) -> Values:
    """Returns each value's rank within each resample, ties by their mean rank, minus the mean of all ranks."""
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    in_group = np.add.reduceat(weights[:, np.argsort(group, kind="stable")], starts, axis=1)
    ranks = np.cumsum(in_group, axis=1) - (in_group - 1) / 2
    centred: Values = ranks[:, group] - (weights.sum(axis=1, keepdims=True) + 1) / 2
    return centred
