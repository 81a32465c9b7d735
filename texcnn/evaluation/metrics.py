"""How predictions and measured expression agree, with intervals over genes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import NearConstantInputWarning, pearsonr, spearmanr

from texcnn.evaluation.bootstrap import resampled_metrics

Values = npt.NDArray[np.floating]
Metric = Callable[[Values, Values], float]

MIN_PAIRS = 3
"""Two points are always on a line: fewer than three mean nothing."""

ALL_CELL_TYPES = "mean over cell types"
"""Name of the row of :func:`cell_type_metrics` that averages the others."""


def squared_pearson(predicted: Values, true: Values) -> float:
    """Squared Pearson correlation, the figure that the field calls R2; a wrong scale or offset does not count.

    Args:
        predicted: ``(n,)``.
        true: ``(n,)``, in any unit.

    Returns:
        From 0 to 1 over the pairs without NaN; NaN for fewer than three such pairs, or where either side is constant.

    Raises:
        ValueError: The two have different shapes or more than one dimension.
    """
    predicted, true = _pairs(predicted, true)
    if not (_varies(predicted) and _varies(true)):
        return float("nan")
    with warnings.catch_warnings():
        # Values that differ only in their last digits have a correlation too, though an unreliable one.
        warnings.simplefilter("ignore", NearConstantInputWarning)
        return float(pearsonr(predicted, true).statistic) ** 2


def one_minus_sse_sst(predicted: Values, true: Values) -> float:
    """1 - SSE/SST, the coefficient of determination (scikit-learn's ``r2_score``); scale and offset count.

    Args:
        predicted: ``(n,)``.
        true: ``(n,)``, in the unit of ``predicted``; SST is the scatter around its mean.

    Returns:
        At most 1, and below 0 where the mean of ``true`` would have been the better prediction, over the pairs without
        NaN. NaN for fewer than three such pairs, or where ``true`` is constant; a constant prediction is a bad one, but
        it has a figure.

    Raises:
        ValueError: The two have different shapes or more than one dimension.
    """
    predicted, true = _pairs(predicted, true)
    if not _varies(true):
        return float("nan")
    return float(1 - ((true - predicted) ** 2).sum() / ((true - true.mean()) ** 2).sum())


def spearman(predicted: Values, true: Values) -> float:
    """Spearman's rank correlation, ties by their mean rank.

    Args:
        predicted: ``(n,)``.
        true: ``(n,)``, in any unit.

    Returns:
        From -1 to 1 over the pairs without NaN; NaN for fewer than three such pairs, or where either side is constant.

    Raises:
        ValueError: The two have different shapes or more than one dimension.
    """
    predicted, true = _pairs(predicted, true)
    if not (_varies(predicted) and _varies(true)):
        return float("nan")
    return float(spearmanr(predicted, true).statistic)


def rmse(predicted: Values, true: Values) -> float:
    """Root of the mean squared error.

    Args:
        predicted: ``(n,)``.
        true: ``(n,)``, in the unit of ``predicted``.

    Returns:
        In that unit, from 0 up, over the pairs without NaN; NaN for fewer than three such pairs.

    Raises:
        ValueError: The two have different shapes or more than one dimension.
    """
    predicted, true = _pairs(predicted, true)
    if len(true) < MIN_PAIRS:
        return float("nan")
    return float(np.sqrt(((true - predicted) ** 2).mean()))


METRICS: MappingProxyType[str, Metric] = MappingProxyType(
    {
        "squared_pearson": squared_pearson,
        "one_minus_sse_sst": one_minus_sse_sst,
        "spearman": spearman,
        "rmse": rmse,
    }
)
"""Every metric by the name of its column."""

UNIT_METRICS = ("one_minus_sse_sst", "rmse")
"""Those that mean nothing where predictions have another unit than the measured values."""


def cell_type_metrics(
    predicted: pd.DataFrame, true: pd.DataFrame, *, bootstrap: int = 0, seed: int = 0
) -> pd.DataFrame:
    """Computes each metric per cell type, over genes.

    Args:
        predicted: Genes x cell types.
        true: The same genes and cell types in the same order.
        bootstrap: Number of draws of genes with replacement for the 95 % intervals (percentiles 2.5 and 97.5 over the
            draws in which the metric is defined); 0 for none. Each draw is one set of genes for every cell type, so
            that the interval of their mean takes into account that cell types are correlated.
        seed: Source of the draws.

    Returns:
        One row per cell type, then, for two or more, one of :data:`ALL_CELL_TYPES`, the mean of the figures that are
        defined: ``cell_type n_genes``, then ``<metric> <metric>_low <metric>_high``; bounds are NaN without draws.
        ``n_genes`` counts pairs without NaN; of the mean, genes with a pair in any cell type.

    Raises:
        ValueError: The frames have different genes or cell types.
    """
    check_same(predicted, true)
    left, right = predicted.to_numpy(np.float64), true.to_numpy(np.float64)
    point = _figures(left, right)
    draws = _with_means(resampled_metrics(left, right, bootstrap, seed, min_pairs=MIN_PAIRS))
    known = ~np.isnan(left) & ~np.isnan(right)
    names, counts = [str(name) for name in true.columns], known.sum(axis=0).tolist()
    if len(names) > 1:
        names.append(ALL_CELL_TYPES)
        counts.append(int(known.any(axis=1).sum()))
    columns: dict[str, object] = {"cell_type": names, "n_genes": counts}
    for index, name in enumerate(METRICS):
        columns[name] = point[: len(names), index]
        columns[f"{name}_low"], columns[f"{name}_high"] = (
            [_percentile(draws[:, row, index], percent) for row in range(len(names))] for percent in (2.5, 97.5)
        )
    return pd.DataFrame(columns)


def gene_metrics(predicted: pd.DataFrame, true: pd.DataFrame) -> pd.DataFrame:
    """Computes each metric per gene, across cell types: does the model know where a gene is expressed?

    Args:
        predicted: Genes x cell types.
        true: The same genes and cell types in the same order.

    Returns:
        One row per gene: ``gene_id n_cell_types``, then one column per metric; NaN for fewer than three cell types, or
        for a gene with the same value in all of them.

    Raises:
        ValueError: The frames have different genes or cell types.
    """
    check_same(predicted, true)
    left, right = predicted.to_numpy(np.float64), true.to_numpy(np.float64)
    figures = _figures(left.T, right.T)[: len(left)]
    table = pd.DataFrame(figures, columns=pd.Index(list(METRICS)))
    table.insert(0, "gene_id", [str(gene_id) for gene_id in true.index])
    table.insert(1, "n_cell_types", (~np.isnan(left) & ~np.isnan(right)).sum(axis=1))
    return table


def _figures(predicted: Values, true: Values) -> Values:
    """Every metric of every column, and their means in a last row."""
    figures = np.array(
        [[metric(left, right) for metric in METRICS.values()] for left, right in zip(predicted.T, true.T, strict=True)]
    ).reshape(-1, len(METRICS))
    return _with_means(figures)


def _with_means(figures: Values) -> Values:
    """Adds the mean of the defined figures of ``(..., columns, metrics)`` as a last row."""
    known = ~np.isnan(figures)
    n_known = known.sum(axis=-2, keepdims=True)
    means = np.full(n_known.shape, np.nan)
    np.divide(np.where(known, figures, 0).sum(axis=-2, keepdims=True), n_known, out=means, where=n_known > 0)
    return np.concatenate([figures, means], axis=-2)


def _percentile(draws: Values, percent: float) -> float:
    known = draws[~np.isnan(draws)]
    return float(np.percentile(known, percent)) if known.size else float("nan")


def _pairs(predicted: Values, true: Values) -> tuple[Values, Values]:
    left, right = np.asarray(predicted, np.float64), np.asarray(true, np.float64)
    if left.shape != right.shape or left.ndim != 1:
        raise ValueError(f"predicted {left.shape} and true {right.shape} must be two arrays (n,) of one length")
    known = ~np.isnan(left) & ~np.isnan(right)
    return left[known], right[known]


def _varies(values: Values) -> bool:
    return len(values) >= MIN_PAIRS and bool((values != values[0]).any())


def check_same(predicted: pd.DataFrame, true: pd.DataFrame) -> None:
    """Refuses frames of different genes or cell types.

    Raises:
        ValueError: They differ, or their order does.
    """
    if not (predicted.index.equals(true.index) and predicted.columns.equals(true.columns)):
        raise ValueError("predicted and true must have the same genes and cell types in the same order")
