"""Measured expression: a matrix of genes x cell types, and its logarithm."""

from __future__ import annotations

import csv
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import anndata
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from texcnn.errors import InputError, unknown_name
from texcnn.genome.lines import numbered_lines
from texcnn.tables.units import LOG10_OFFSET, UNIT_TRANSFORMS

GENE_ID = "gene_id"

LARGEST_LOGARITHM = 25.0
"""log2 of 32 million: a matrix in RPKM or TPM whose highest value is below it has most likely been logged already."""

_LOG = logging.getLogger("texcnn")
_MISSING = frozenset({"", "na", "nan"})
_FORMS = "TSV or TSV.gz with a header, .parquet or .h5ad: a column gene_id, then one column of numbers per cell type"


def read_expression(
    path: Path, *, gene_column: str = GENE_ID, ignore: Sequence[str] = (), only: str | None = None
) -> pd.DataFrame:
    """Reads a matrix of expression.

    Text has a header and is separated by tabs, plain or gzipped; a trailing tab does not make a column. AnnData may lie
    either way: genes are in the axis whose table has ``gene_column``, as a column or as its index.

    Args:
        path: The file; ``.parquet`` and ``.h5ad`` are told by their endings, everything else is text.
        gene_column: Name of the column of gene ids.
        ignore: Columns that may be there and are no cell types, such as a gene's symbol.
        only: The one column to read; what the others hold does not matter then.

    Returns:
        float64, one row per gene (index ``gene_id``) and one column per cell type, both in the file's order. An empty
        cell, ``NA`` or ``NaN`` is NaN.

    Raises:
        InputError: when the file is missing, unreadable or empty, has no column of gene ids, no other or not the one
            asked for, a gene or a cell type stands twice, or a cell is no finite number.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("the file does not exist", where=f"expression matrix '{path}'")
    readers = {".parquet": _read_parquet, ".h5ad": _read_h5ad}

    def choose(names: Sequence[str]) -> list[int]:
        """Returns the places of the cell types among the columns."""
        if only is not None and only not in names:
            raise unknown_name("column", only, names, where=path)
        chosen = {*names} - {gene_column, *ignore} if only is None else {only}
        return [place for place, name in enumerate(names) if name in chosen]

    gene_ids, cell_types, values = readers.get(path.suffix, _read_text)(path, gene_column, choose)
    _check_names("gene", gene_ids, path, "keep one row a gene")
    _check_names("cell type", cell_types, path, "give each column a name of its own")
    if not gene_ids or not cell_types:
        raise InputError(f"no {'cell types' if gene_ids else 'genes'}", where=path, allowed=_FORMS)
    infinite = np.argwhere(np.isinf(values))
    if len(infinite):
        row, column = infinite[0]
        raise InputError(
            "a value is infinite", where=f"{path}, gene {gene_ids[row]}, column {cell_types[column]}",
            allowed="finite numbers, or an empty cell",
        )  # fmt: skip
    return pd.DataFrame(values, index=pd.Index(gene_ids, name=GENE_ID), columns=pd.Index(cell_types))


def transform_expression(frame: pd.DataFrame, transform: str, *, where: object) -> pd.DataFrame:
    """Brings expression to the unit that models are trained on.

    Args:
        frame: Genes x cell types, as of :func:`read_expression`.
        transform: One of :data:`texcnn.tables.units.UNIT_TRANSFORMS`.
        where: The file, for messages.

    Returns:
        The frame, or log10(x + 0.1) of it; NaN stays NaN. Values that look like logarithms already are logged as a
        warning.

    Raises:
        InputError: when the transform is unknown, or a value is negative and has no logarithm.
    """
    if transform not in UNIT_TRANSFORMS:
        raise unknown_name("unit transform", transform, UNIT_TRANSFORMS)
    if transform == "none":
        return frame
    values = frame.to_numpy(np.float64)
    negative = np.argwhere(values < 0)
    if len(negative):
        row, column = negative[0]
        raise InputError(
            f"{len(negative)} negative values, such as {values[row, column]:g} of gene {frame.index[row]} in "
            f"'{frame.columns[column]}'",
            where=where,
            allowed="RPKM, TPM or the like, from 0 up",
            remedy="if the values are logarithms already, choose the transform 'none'",
        )
    known = values[~np.isnan(values)]
    if known.size and known.max() < LARGEST_LOGARITHM:
        _LOG.warning(
            "%s: the highest value is %g, so the values may be logarithms already; choose the transform 'none' if so",
            where,
            known.max(),
        )
    return pd.DataFrame(np.log10(values + LOG10_OFFSET), index=frame.index, columns=frame.columns)


Matrix = tuple[list[str], list[str], npt.NDArray[np.float64]]
"""Gene ids, cell types and values ``(n_genes, n_cell_types)``."""

Choice = Callable[[Sequence[str]], list[int]]
"""Names of columns to the places of those that are cell types."""


def _read_text(path: Path, gene_column: str, choose: Choice) -> Matrix:
    rows = _fields(path)
    header = next(rows)[1]
    if header and not header[-1].strip():
        header.pop()
    gene = _gene_column(header, gene_column, f"{path}, line 1")
    kept = choose(header)
    cell_types = [header[place] for place in kept]
    gene_ids: list[str] = []
    values: list[npt.NDArray[np.float64]] = []
    for number, fields in rows:
        if len(fields) == len(header) + 1 and not fields[-1].strip():
            fields.pop()
        if len(fields) != len(header):
            raise InputError(
                f"the row has {len(fields)} fields, the header {len(header)}",
                where=f"{path}, line {number}",
                remedy="give the column of gene ids a name too" if len(fields) == len(header) + 1 else None,
            )
        gene_ids.append(fields[gene].strip())
        values.append(_numbers([fields[place] for place in kept], cell_types, path, number))
    return gene_ids, cell_types, np.array(values).reshape(len(gene_ids), len(cell_types))


def _fields(path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, line in numbered_lines(path):
        if line.strip() or number == 1:
            # The reader undoes the quotes that R writes round names.
            yield number, next(csv.reader([line], delimiter="\t"), [])


def _numbers(fields: Sequence[str], cell_types: Sequence[str], path: Path, number: int) -> npt.NDArray[np.float64]:
    row = np.empty(len(fields))
    for place, text in enumerate(fields):
        try:
            row[place] = np.nan if text.strip().lower() in _MISSING else float(text)
        except ValueError as error:
            raise InputError(
                f"'{text}' is not a number", where=f"{path}, line {number}, column {cell_types[place]}",
                allowed="a number, or an empty cell or NA where there is none",
            ) from error  # fmt: skip
    return row


def _read_parquet(path: Path, gene_column: str, choose: Choice) -> Matrix:
    try:
        frame = pq.read_table(path).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"unreadable Parquet: {error}", where=path) from error
    if frame.index.name is not None:
        frame = frame.reset_index()
    names = [str(name) for name in frame.columns]
    gene = _gene_column(names, gene_column, path)
    values = frame.iloc[:, choose(names)]
    text = [str(name) for name, kind in values.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    if text:
        raise InputError(
            f"no numbers in the columns {', '.join(text[:5])}", where=path, allowed="gene ids, then numbers"
        )
    return (
        frame.iloc[:, gene].astype(str).tolist(),
        [str(name) for name in values.columns],
        values.to_numpy(np.float64, na_value=np.nan),
    )


def _read_h5ad(path: Path, gene_column: str, choose: Choice) -> Matrix:
    try:
        table = anndata.read_h5ad(path)
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"unreadable AnnData: {error}", where=path) from error
    for axes in (table, table.T):
        genes = axes.obs
        if gene_column in genes.columns or genes.index.name == gene_column:
            ids = genes[gene_column] if gene_column in genes.columns else genes.index
            kept = axes.to_df()
            kept = kept.iloc[:, choose([str(name) for name in kept.columns])]
            return (
                [str(gene_id) for gene_id in ids],
                [str(name) for name in kept.columns],
                kept.to_numpy(np.float64),
            )
    raise InputError(
        f"neither obs nor var has '{gene_column}'", where=path,
        allowed="gene ids as a column or as the named index of the genes' axis",
    )  # fmt: skip


def _gene_column(names: Sequence[str], gene_column: str, where: object) -> int:
    if gene_column not in names:
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise InputError(
            f"no column '{gene_column}' among {shown}", where=where, allowed=_FORMS,
            remedy="rename the column of gene ids, or say its name",
        )  # fmt: skip
    return names.index(gene_column)


def _check_names(kind: str, names: Sequence[str], path: Path, remedy: str) -> None:
    index = pd.Index(names)
    if "" in index:
        raise InputError(f"a {kind} has no name", where=path, remedy=remedy)
    twice = index[index.duplicated()]
    if len(twice):
        raise InputError(f"{len(twice)} duplicate names of a {kind}, such as '{twice[0]}'", where=path, remedy=remedy)
