"""Predictions and measured expression of the same genes and cell types, and a list of all that is in one only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import pandas as pd
import pyarrow.parquet as pq

from texcnn.errors import InputError, unknown_name
from texcnn.features.table import find_rows
from texcnn.files import check_is_file, description_path, skipped_path
from texcnn.genome.annotation import without_version
from texcnn.genome.skipped import read_skipped
from texcnn.tables.columns import EXTRA_COLUMNS, METADATA_KEY, gene_columns, spread_columns
from texcnn.tables.expression import read_expression
from texcnn.tables.split import TEST, read_parts
from texcnn.text.lines import PathLike
from texcnn.typed_json import check_fields, parse_object

UNKNOWN = "unknown unit"


@dataclass(frozen=True)
class PredictionTable:
    """Predictions in memory.

    Attributes:
        values: Genes x cell types.
        model: The model's name; the file's where the table does not say.
        unit: Unit of the values; :data:`UNKNOWN` where it does not say.
        skipped: Gene id (without version) to the reason why it has no prediction.
    """

    values: pd.DataFrame
    model: str
    unit: str
    skipped: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Joined:
    """What can be compared.

    Attributes:
        predicted: Genes x cell types, under the expression matrix's names.
        true: The same genes and cell types.
        missing: ``kind name missing_in reason``; ``kind`` is ``gene`` or ``cell type``.
        left_out: Measured genes that the split keeps out of the comparison on purpose: part to number.
    """

    predicted: pd.DataFrame
    true: pd.DataFrame
    missing: pd.DataFrame
    left_out: dict[str, int] = field(default_factory=dict)


def read_prediction_table(path: PathLike, *, only: str | None = None) -> PredictionTable:
    """Reads a table of ``texcnn predict``, or any of genes x cell types, and its list of skipped genes.

    Args:
        path: The table.
        only: The one column to read; what the others hold does not matter then.

    Raises:
        InputError: when the table cannot be used, or has a gene twice, as one row per transcript does.
    """
    path = Path(path)
    description = _description(path)
    ignored = (
        *gene_columns(transcripts=True, extra=EXTRA_COLUMNS)[1:],
        *spread_columns(description.get("cell_types", ())),
    )
    values = read_expression(path, ignore=ignored, only=only)
    skipped: dict[str, str] = {}
    if skipped_path(path).is_file():
        listed = read_skipped(skipped_path(path))
        skipped = {without_version(entry.gene_id): entry.reason for entry in listed}
    return PredictionTable(values, description.get("model", path.name), description.get("unit", UNKNOWN), skipped)


def read_split(path: PathLike) -> dict[str, str]:
    """Reads which part each gene is in: TSV with ``gene_id`` and ``split``, which is train, valid or test.

    Returns:
        Gene id (without version) to its part.

    Raises:
        InputError: when the file cannot be used, names another part, puts a gene into two, or has no test gene.
    """
    parts = read_parts(path)
    if TEST not in parts.values():
        raise InputError("no gene is in the part 'test'", where=path, allowed="genes to evaluate on are 'test'")
    return parts


def join(
    predictions: PredictionTable,
    expression: pd.DataFrame,
    *,
    cell_types: Sequence[str] = (),
    split: Mapping[str, str] | None = None,
) -> Joined:
    """Brings predictions and measured values together by gene id and name of the cell type.

    Ensembl version suffixes are understood. A single column on either side is taken for the same cell type, whatever
    its name.

    Args:
        predictions: What was predicted.
        expression: Genes x cell types, in the predictions' unit.
        cell_types: Only these; all that both sides have when empty.
        split: Gene id (without version) to its part; only test genes are kept. None keeps all genes.

    Returns:
        Genes in the order of the expression matrix, cell types in that of the predictions.

    Raises:
        InputError: when a cell type is unknown, no cell type or gene is in both, or one gene has several predictions.
    """
    missing: list[tuple[str, str, str, str]] = []
    pairs = _cell_types(predictions.values, expression, cell_types, missing)
    genes = {str(gene_id): row for row, gene_id in enumerate(expression.index)}
    found: dict[int, str] = {}
    for gene_id, row in zip(predictions.values.index, find_rows(genes, list(predictions.values.index)), strict=True):
        if row is None:
            missing.append(("gene", gene_id, "expression", "no row in the expression matrix"))
        elif row in found:
            raise InputError(
                f"'{found[row]}' and '{gene_id}' are two predictions of one gene", where="predictions",
                allowed="one row per gene",
            )  # fmt: skip
        else:
            found[row] = gene_id
    kept: list[int] = []
    left_out: dict[str, int] = {}
    for gene_id, row in genes.items():
        bare = without_version(gene_id)
        part = TEST if split is None else split.get(bare)
        if part is not None and part != TEST:
            left_out[part] = left_out.get(part, 0) + 1
        elif row not in found:
            reason = predictions.skipped.get(bare, "no row in the predictions")
            missing.append(("gene", gene_id, "predictions", reason))
        elif part is None:
            missing.append(("gene", gene_id, "split", "in no part of the split"))
        else:
            kept.append(row)
    tables = {without_version(gene_id) for gene_id in (*expression.index, *predictions.values.index)}
    for gene_id in (gene_id for gene_id, part in (split or {}).items() if part == TEST and gene_id not in tables):
        missing.append(("gene", gene_id, "both", "a test gene of the split that neither table has"))
    if not kept:
        raise InputError(
            "no gene to evaluate on", where="predictions, expression and split",
            allowed="genes of the same ids in each",
            remedy=f"predictions have genes such as '{predictions.values.index[0]}', "
            f"the expression matrix '{expression.index[0]}'",
        )  # fmt: skip
    true = expression.iloc[kept][list(pairs.values())]
    predicted = predictions.values.loc[[found[row] for row in kept], list(pairs)].astype(float)
    predicted.index, predicted.columns = true.index, true.columns
    listed = pd.DataFrame(missing, columns=["kind", "name", "missing_in", "reason"], dtype=str)
    return Joined(predicted, true, listed, left_out)


def _cell_types(
    predicted: pd.DataFrame, expression: pd.DataFrame, wanted: Sequence[str], missing: list[tuple[str, str, str, str]]
) -> dict[str, str]:
    """Predicted cell type to its column of the expression matrix."""
    ours, theirs = list(predicted.columns), list(expression.columns)
    if len(ours) == len(theirs) == 1 and not wanted:
        return {ours[0]: theirs[0]}
    for name in wanted:
        for side, names in (("predictions", ours), ("expression matrix", theirs)):
            if name not in names:
                raise unknown_name("cell type", name, names, where=side)
    if wanted:
        return {name: name for name in dict.fromkeys(wanted)}
    common = {name: name for name in ours if name in theirs}
    if not common:
        raise InputError(
            "no cell type is in both tables", where=f"predictions ({', '.join(ours[:5])}, ...)",
            allowed=", ".join(theirs), remedy="give the columns of both the same names",
        )  # fmt: skip
    missing += [("cell type", name, "expression", "no such column") for name in ours if name not in common]
    missing += [("cell type", name, "predictions", "no such column") for name in theirs if name not in common]
    return common


_DESCRIBED = {
    "model": str,
    "unit": str,
    "cell_types": list[str],
}
"""What is used of a table's description."""


def _description(path: Path) -> dict[str, Any]:
    """The table's description; empty for a table of another program, whose values can be judged too."""
    if path.suffix in (".parquet", ".h5ad"):
        check_is_file(path)
    try:
        if path.suffix == ".parquet":
            text = (pq.read_schema(path).metadata or {}).get(METADATA_KEY, b"{}")
        elif path.suffix == ".h5ad":
            with h5py.File(path) as file:
                text = file["uns/texcnn"][()] if "uns/texcnn" in file else b"{}"
        else:
            meta = description_path(path)
            text = meta.read_bytes() if meta.is_file() else b"{}"
        values = parse_object(text, where=path, error=InputError)
        check_fields(_DESCRIBED, values, where=path, error=InputError)
        return values
    except (OSError, TypeError, ValueError) as error:
        raise InputError(
            f"unreadable description of the predictions: {error}", where=path, allowed="as texcnn predict writes it",
            remedy="predict again",
        ) from error  # fmt: skip
