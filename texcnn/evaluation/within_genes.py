"""Whether a model knows where a gene is expressed: the correlation across cell types, as a mean over genes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from texcnn.evaluation.bootstrap import draw_counts
from texcnn.evaluation.metrics import MIN_PAIRS, check_same

Values = npt.NDArray[np.float64]


def within_gene_metrics(
    predicted: pd.DataFrame, true: pd.DataFrame, *, bootstrap: int = 0, seed: int = 0
) -> pd.DataFrame:
    """Computes the mean over genes of the Pearson correlation across cell types.

    Differences between genes do not count: a model that predicts the same value in all cell types has no figure.

    Args:
        predicted: Genes x cell types.
        true: The same genes and cell types in the same order.
        bootstrap: Number of draws of genes with replacement for the 95 % interval; 0 for none.
        seed: Source of the draws.

    Returns:
        One row, ``n_genes pearson pearson_low pearson_high``. Genes with fewer than three pairs without NaN, or with
        the same value in all cell types on either side, are not counted; without any gene the figures are NaN.

    Raises:
        ValueError: The frames have different genes or cell types.
    """
    check_same(predicted, true)
    found = _correlations(predicted.to_numpy(np.float64), true.to_numpy(np.float64))
    found = found[~np.isnan(found)]
    mean = low = high = float("nan")
    if len(found):
        mean = float(found.mean())
        if bootstrap:
            draws = np.concatenate([counts @ found / len(found) for counts in draw_counts(len(found), bootstrap, seed)])
            low, high = (float(bound) for bound in np.percentile(draws, [2.5, 97.5]))
    row = {"n_genes": len(found), "pearson": mean, "pearson_low": low, "pearson_high": high}
    return pd.DataFrame([row])


def _correlations(predicted: Values, true: Values) -> Values:
    """Pearson's correlation of each row, ``(n_rows,)``; NaN where it is not defined."""
    known = ~np.isnan(predicted) & ~np.isnan(true)
    n_known = known.sum(axis=1)
    defined = n_known >= MIN_PAIRS
    centred: list[Values] = []
    for values in (predicted, true):
        # Exactly: a scatter of zero is lost in rounding.
        defined &= np.where(known, values, np.inf).min(axis=1) < np.where(known, values, -np.inf).max(axis=1)
        means = np.where(known, values, 0).sum(axis=1) / np.maximum(n_known, 1)
        centred.append(np.where(known, values - means[:, None], 0))
    left, right = (values[defined] for values in centred)
    found = np.full(len(true), np.nan)
    found[defined] = (left * right).sum(axis=1) / np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    return found
