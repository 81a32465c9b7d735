"""Computes a report's numbers from a table of predictions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from texcnn.errors import InputError
from texcnn.tables.columns import without_summaries
from texcnn.tables.predictions import Predictions
from texcnn.tables.readers import read_columns
from texcnn.text.numbers import to_number

TRUTH_COLUMNS = ("gene_id", "true_expression")

SHOWN_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

_LEAST_OWN_SHARE = 0.01
"""Smallest share of the variance between cell types at which they count as different."""

_FEWEST_GENES = 3
"""Genes that a correlation needs."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """How predictions and known values agree.

    Attributes:
        rows: Rows of the table that have both.
        true: Their known values.
        predicted: Their predictions, the mean over cell types.
        squared_pearson: Squared correlation; None where it is not defined.
        explained: 1 - SSE/SST, which also counts a wrong scale or offset; None where it is not defined.
    """

    rows: list[int]
    true: Values
    predicted: Values
    squared_pearson: float | None
    explained: float | None


def gene_means(predictions: Predictions) -> Values:
    """Returns each gene's mean over the cell types, without summaries such as a median."""
    values = predictions.values[:, without_summaries(predictions.description.cell_types)]
    return values.mean(axis=1) if values.size else np.zeros(len(values))


def stand_out(predictions: Predictions) -> tuple[npt.NDArray[np.int64], Values] | None:
    """Finds the cell type in which each gene stands out most from what gene and cell type explain.

    Expected is the gene's mean plus the cell type's offset; the excess is how far the value is above it.

    Returns:
        The cell type's place and its excess per gene; None where the model does not separate the cell types: their own
        part is less than a hundredth of the variance, or there are fewer than two.
    """
    places = np.array(without_summaries(predictions.description.cell_types))
    values = predictions.values[:, places]
    if values.shape[1] < 2 or not len(values):
        return None
    excess = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    if not excess.var() > _LEAST_OWN_SHARE * values.var():
        return None
    best = excess.argmax(axis=1)
    return places[best], excess[np.arange(len(values)), best]


def quantiles(values: Values) -> Values:
    """Returns ``(n_cell_types, 5)``: :data:`SHOWN_QUANTILES` of each column; no rows for a table without rows."""
    return np.quantile(values, SHOWN_QUANTILES, axis=0).T if len(values) else np.zeros((0, len(SHOWN_QUANTILES)))


def correlations(values: Values) -> tuple[list[int], Values] | None:
    """Correlates cell types over genes.

    Returns:
        An order of the columns in which similar ones are neighbours, and Pearson's correlation in that order, NaN where
        it is not defined; None for fewer than three rows or two columns.
    """
    if len(values) < _FEWEST_GENES or values.shape[1] < 2:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.asarray(np.corrcoef(values, rowvar=False))
    order = _similar_side_by_side(np.nan_to_num(correlation))
    return order, correlation[np.ix_(order, order)]


def compare_with_truth(predictions: Predictions, path: Path) -> Agreement:
    """Compares the mean over cell types with known values.

    Args:
        predictions: The table.
        path: TSV with ``gene_id`` and ``true_expression`` in the table's unit.

    Raises:
        InputError: The file cannot be read, holds a gene twice or a value that is not a number.
    """
    truth = read_columns(path, TRUTH_COLUMNS)
    repeated = truth["gene_id"][truth["gene_id"].duplicated()]
    if len(repeated):
        raise InputError(f"gene '{repeated.iloc[0]}' appears twice", where=path, allowed="one row per gene")
    numbers = [to_number(text) for text in truth["true_expression"]]
    for line, text, number in zip(truth.index, truth["true_expression"], numbers, strict=True):
        if number is None or not math.isfinite(number):
            raise InputError(f"'{text}' is not a number", where=f"{path}, line {line}, true_expression")
    known = dict(zip(truth["gene_id"], numbers, strict=True))
    gene_ids = predictions.frame["gene_id"].tolist()
    rows = [row for row, gene_id in enumerate(gene_ids) if gene_id in known]
    true = np.array([known[gene_ids[row]] for row in rows], np.float64)
    predicted = gene_means(predictions)[rows]
    spread = ((true - true.mean()) ** 2).sum() if len(true) else 0.0
    correlated = len(true) > 1 and spread > 0 and predicted.std() > 0
    return Agreement(
        rows,
        true,
        predicted,
        float(np.corrcoef(true, predicted)[0, 1] ** 2) if correlated else None,
        float(1 - ((true - predicted) ** 2).sum() / spread) if spread > 0 else None,
    )


def _similar_side_by_side(correlation: Values) -> list[int]:
    if len(correlation) < 3:
        return list(range(len(correlation)))
    distance = np.clip(1 - (correlation + correlation.T) / 2, 0, None)
    np.fill_diagonal(distance, 0)
    return [int(leaf) for leaf in leaves_list(linkage(squareform(distance, checks=False), "average"))]
