"""What a report says in numbers, computed from a table of predictions."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from texcnn.errors import InputError
from texcnn.genome.skipped import Skipped
from texcnn.tables.columns import TableDescription
from texcnn.tables.readers import read_columns
from texcnn.text.table import to_number

TRUTH_COLUMNS = ("gene_id", "true_expression")

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Predictions:
    """A table of predictions in memory.

    Attributes:
        description: How it came about.
        frame: One row per gene, as written by ``texcnn predict``.
        values: float64 ``(n_genes, n_cell_types)`` in the table's unit.
    """

    description: TableDescription
    frame: pd.DataFrame
    values: Values


@dataclass(frozen=True)
class Agreement:
    """How predictions and known values agree.

    Attributes:
        gene_ids: The genes that have both.
        true: Their known values.
        predicted: Their predictions, the mean over cell types.
        squared_pearson: Squared correlation; None where it is not defined.
        explained: 1 - SSE/SST, which also counts a wrong scale or offset; None where it is not defined.
    """

    gene_ids: list[str]
    true: Values
    predicted: Values
    squared_pearson: float | None
    explained: float | None


def read_predictions(path: Path) -> Predictions:
    """Reads a Parquet table of predictions.

    Raises:
        InputError: The file is missing, unreadable, or not written by ``texcnn predict``.
    """
    if not path.is_file():
        raise InputError("the file does not exist", where=path)
    try:
        table = pq.read_table(path)
    except pa.ArrowInvalid as error:
        raise InputError(
            f"unreadable Parquet: {error}", where=path, allowed="Parquet written by texcnn predict"
        ) from error
    description = TableDescription.from_parquet(table.schema, path)
    frame = table.to_pandas()
    return Predictions(description, frame, frame[list(description.cell_types)].to_numpy(np.float64))


def count_reasons(skipped: Sequence[Skipped]) -> list[tuple[str, int]]:
    """Counts reasons, most frequent first; names and numbers within a reason are left out."""
    kinds = (re.sub(r"'[^']*'|\d+(\.\d+)?", "…", entry.reason) for entry in skipped)
    return Counter(kinds).most_common()


def highest_genes(predictions: Predictions, count: int) -> pd.DataFrame:
    """The genes with the highest mean over cell types: the table's own columns, and ``mean``."""
    table = _gene_columns(predictions).assign(mean=predictions.values.mean(axis=1))
    return table.sort_values("mean", ascending=False, kind="stable").head(count)


def most_specific_genes(predictions: Predictions, count: int) -> pd.DataFrame:
    """The genes whose expression in one cell type stands out most from what gene and cell type explain.

    Expected is the gene's mean plus the cell type's offset; ``excess`` is how far the value lies above it.

    Returns:
        The table's own columns, ``cell_type``, its ``value`` and ``excess``; no rows for fewer than two cell types.
    """
    genes, values = _gene_columns(predictions), predictions.values
    if values.shape[1] < 2 or not len(values):
        return genes.iloc[:0].assign(cell_type="", value=0.0, excess=0.0)
    excess = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    rows, best = np.arange(len(values)), excess.argmax(axis=1)
    table = genes.assign(
        cell_type=np.array(predictions.description.cell_types)[best],
        value=values[rows, best],
        excess=excess[rows, best],
    )
    return table.sort_values("excess", ascending=False, kind="stable").head(count)


def compare_with_truth(predictions: Predictions, path: Path) -> Agreement:
    """Compares the mean over cell types with known values.

    Args:
        predictions: The table.
        path: TSV with ``gene_id`` and ``true_expression`` in the table's unit.

    Raises:
        InputError: The file cannot be read, holds a gene twice or a value that is no number.
    """
    truth = read_columns(path, TRUTH_COLUMNS)
    repeated = truth["gene_id"][truth["gene_id"].duplicated()]
    if len(repeated):
        raise InputError(f"gene '{repeated.iloc[0]}' stands twice", where=path, allowed="one row per gene")
    numbers = [to_number(text) for text in truth["true_expression"]]
    for line, text, number in zip(truth.index, truth["true_expression"], numbers, strict=True):
        if number is None or not math.isfinite(number):
            raise InputError(f"'{text}' is no number", where=f"{path}, line {line}, true_expression")
    known = dict(zip(truth["gene_id"], numbers, strict=True))
    both = predictions.frame["gene_id"].isin(known).to_numpy()
    gene_ids = predictions.frame["gene_id"][both].tolist()
    true = np.array([known[gene] for gene in gene_ids], np.float64)
    predicted = predictions.values[both].mean(axis=1)
    spread = ((true - true.mean()) ** 2).sum() if len(true) else 0.0
    correlated = len(true) > 1 and spread > 0 and predicted.std() > 0
    return Agreement(
        gene_ids,
        true,
        predicted,
        float(np.corrcoef(true, predicted)[0, 1] ** 2) if correlated else None,
        float(1 - ((true - predicted) ** 2).sum() / spread) if spread > 0 else None,
    )


def _gene_columns(predictions: Predictions) -> pd.DataFrame:
    return predictions.frame.drop(columns=list(predictions.description.cell_types))
