"""Figures of predicted effects, computed on many resamples of genes or elements, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from texcnn.evaluation.bootstrap import centred_ranks, draw_counts, rank_correlation, varies

Values = npt.NDArray[np.floating]
WeightedFigure = Callable[[Values, Values, Values], Values]
"""``(weights (draws, n), scores (n,), truth (n,)) -> (draws,)``; a weight counts how often a row is drawn."""

FEWEST = 3
"""Fewest rows that a figure is computed from."""

TOP = 0.1
"""Share of the rows with the largest scores that ``sign_accuracy_top_tenth`` is about."""


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % interval; NaN where it is not defined.

    Attributes:
        value: On all rows.
        low: Percentile 2.5 over the resamples.
        high: Percentile 97.5.
        n: Rows.
    """

    value: float
    low: float
    high: float
    n: int


def spearman(weights: Values, scores: Values, truth: Values) -> Values:
    """Spearman's rank correlation, ties by their mean rank."""
    both = varies(weights, scores) & varies(weights, truth)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(both, rank_correlation(weights, scores, truth), np.nan)


def spearman_size(weights: Values, scores: Values, truth: Values) -> Values:
    """Spearman's correlation of sizes, signs left out."""
    return spearman(weights, np.abs(scores), np.abs(truth))


def sign_accuracy(weights: Values, scores: Values, truth: Values) -> Values:
    """Share of rows whose sign is right; a score of 0 counts half."""
    with np.errstate(invalid="ignore"):
        return weights @ _right(scores, truth) / weights.sum(axis=1)


def sign_accuracy_top_tenth(weights: Values, scores: Values, truth: Values) -> Values:
    """The same among the tenth of the rows with the largest scores."""
    order = np.argsort(-np.abs(scores), kind="stable")
    sorted_weights = weights[:, order]
    before = np.cumsum(sorted_weights, axis=1) - sorted_weights
    total = sorted_weights.sum(axis=1, keepdims=True)
    taken = sorted_weights * (before < TOP * total)
    with np.errstate(invalid="ignore"):
        return taken @ _right(scores, truth)[order] / taken.sum(axis=1)


def auroc(weights: Values, scores: Values, truth: Values) -> Values:
    """Probability that a random positive row (``truth`` above 0) has a larger score than another; ties count half."""
    positive = truth > 0
    n_positive, n_all = weights[:, positive].sum(axis=1), weights.sum(axis=1)
    ranks = (weights * centred_ranks(weights, scores))[:, positive].sum(axis=1)
    wins = ranks + n_positive * (n_all - n_positive) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return wins / (n_positive * (n_all - n_positive))


def figure(
    compute: WeightedFigure, scores: Values, truth: Values, clusters: npt.NDArray[np.int64], *, draws: int, seed: int
) -> Figure:
    """Computes a figure, and its interval from resamples of whole clusters.

    Args:
        compute: The figure.
        scores: ``(n,)``; a row with NaN on either side is left out.
        truth: ``(n,)``.
        clusters: ``(n,)``: rows of one number, such as those of one gene, are drawn together.
        draws: Number of resamples; 0 for no interval.
        seed: Source of the draws.
    """
    known = ~np.isnan(scores) & ~np.isnan(truth)
    scores, truth = scores[known], truth[known]
    _, members = np.unique(clusters[known], return_inverse=True)
    if len(scores) < FEWEST:
        return Figure(np.nan, np.nan, np.nan, len(scores))
    value = float(compute(np.ones((1, len(scores))), scores, truth)[0])
    if np.isnan(value):
        return Figure(np.nan, np.nan, np.nan, len(scores))
    found = [compute(weights, scores, truth) for weights in _weights(members, draws, seed)]
    return Figure(value, *interval(np.concatenate(found) if found else np.zeros(0)), len(scores))


def mean_figure(values: list[float], *, draws: int, seed: int) -> Figure:
    """Averages a figure over groups, with an interval from resamples of the groups."""
    known = np.array([value for value in values if not np.isnan(value)])
    if not len(known):
        return Figure(np.nan, np.nan, np.nan, 0)
    means = [counts @ known / len(known) for counts in draw_counts(len(known), draws, seed)]
    return Figure(float(known.mean()), *interval(np.concatenate(means) if means else np.zeros(0)), len(known))


def interval(draws: Values) -> tuple[float, float]:
    """Percentiles 2.5 and 97.5 of the draws in which a figure is defined."""
    known = draws[~np.isnan(draws)]
    if not len(known):
        return np.nan, np.nan
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)


def _weights(members: npt.NDArray[np.int64], draws: int, seed: int) -> Iterator[Values]:
    for counts in draw_counts(int(members.max()) + 1, draws, seed):
        yield counts[:, members]


def _right(scores: Values, truth: Values) -> Values:
    return np.where(scores == 0, 0.5, (np.sign(scores) == np.sign(truth)).astype(float))
