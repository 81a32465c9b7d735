"""Matrices of expression in Parquet and AnnData: gene ids, names of cell types, values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from texcnn.errors import InputError
from texcnn.text.table import find_gene_column

if TYPE_CHECKING:
    import anndata

GENE_ID = "gene_id"

FORMS = "a text table, .parquet or .h5ad: a column gene_id, then one column of numbers per cell type"

_GENE_IDS_OF_SCANPY = "gene_ids"

Matrix = tuple[list[str], list[str], npt.NDArray[np.float64]]
"""Gene ids, cell types and values ``(n_genes, n_cell_types)``."""

Choice = Callable[[Sequence[str], str], list[int]]
"""Names of all columns and that of the gene ids to the places of the cell types."""


def read_parquet(path: Path, gene_column: str, choose: Choice, passed: list[str]) -> Matrix:
    """Reads a Parquet table.

    Args:
        path: The file.
        gene_column: Name of the column or index of gene ids.
        choose: Chooses the cell types among the columns.
        passed: Names of columns without numbers are added to it.

    Raises:
        InputError: The file cannot be read, or has no column of gene ids.
    """
    try:
        stored = pq.read_table(path)
        for place, name in enumerate(stored.column_names):
            if pa.types.is_decimal(stored.schema.field(place).type):
                stored = stored.set_column(place, name, stored.column(place).cast(pa.float64()))
        frame = stored.to_pandas()
    except Exception as error:  # damaged bytes make the library raise almost anything
        raise InputError(f"unreadable Parquet: {error}", where=path) from error
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    elif (
        not pd.api.types.is_numeric_dtype(frame.index.dtype)
        and find_gene_column(list(map(str, frame)), gene_column) is None
    ):
        frame.insert(0, "", frame.index, allow_duplicates=True)  # of gene ids, as pandas writes one without a name
    names = [str(name) for name in frame.columns]
    gene = _gene_column(names, gene_column, path)
    kept = choose(names, names[gene])
    numeric = [place for place in kept if _holds_numbers(frame.dtypes.iloc[place])]
    passed.extend(names[place] for place in kept if place not in numeric)
    values = frame.iloc[:, numeric]
    return (
        _texts(frame.iloc[:, gene]),
        [names[place] for place in numeric],
        values.to_numpy(np.float64, na_value=np.nan),
    )


def read_h5ad(path: Path, gene_column: str, choose: Choice, _: list[str]) -> Matrix:
    """Reads an AnnData in either orientation; see :func:`read_parquet`.

    Raises:
        InputError: The file cannot be read, no axis or both have gene ids, or X holds no numbers.
    """
    import anndata  # takes a second to load, which no other format waits for

    try:
        table = anndata.read_h5ad(path)
    except Exception as error:  # another HDF5 file, or one of a newer anndata: the library raises almost anything
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(
            f"unreadable AnnData: {reason}", where=path, allowed="AnnData as written by anndata.AnnData.write_h5ad",
            remedy="if a newer anndata wrote it, update anndata",
        ) from error  # fmt: skip
    if table.X is None:
        layers = ", ".join(table.layers) or "none"
        raise InputError(
            f"the AnnData has no X; its layers are {layers}", where=path, remedy="copy the layer to use to X"
        )
    for wanted in (gene_column, _GENE_IDS_OF_SCANPY) if gene_column == GENE_ID else (gene_column,):
        found = [axes for axes in (table, table.T) if wanted in axes.obs.columns or axes.obs.index.name == wanted]
        if len(found) == 2:
            raise InputError(
                f"obs and var both have '{wanted}'", where=path, allowed="gene ids in the table of the genes' axis only"
            )
        if found:
            return _genes_of_anndata(found[0], wanted, choose, path)
    raise InputError(
        f"neither obs nor var has '{gene_column}'", where=path,
        allowed="gene ids as a column or as the named index of the genes' axis",
        remedy="such as with: data.var.index.name = 'gene_id'",
    )  # fmt: skip


def _genes_of_anndata(table: anndata.AnnData, gene_column: str, choose: Choice, path: Path) -> Matrix:
    """Reads an AnnData whose obs are genes."""
    ids = table.obs[gene_column] if gene_column in table.obs.columns else table.obs.index
    if not _holds_numbers(table.X.dtype):
        raise InputError(f"X holds no matrix of numbers: its type is {table.X.dtype}", where=path)
    try:
        kept = table.to_df()
        kept = kept.iloc[:, choose([str(name) for name in kept.columns], gene_column)]
        values = kept.to_numpy(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"X holds no matrix of numbers: {error}", where=path) from error
    return _texts(ids), [str(name) for name in kept.columns], values


def _holds_numbers(dtype: Any) -> bool:
    """Whether a type is one of numbers; yes and no are none."""
    return pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)


def _texts(ids: pd.Series | pd.Index) -> list[str]:
    """Gene ids as text, an empty one where there is none."""
    return ["" if pd.isna(gene_id) else str(gene_id).strip() for gene_id in ids]


def _gene_column(names: Sequence[str], gene_column: str, where: object) -> int:
    place = find_gene_column(names, gene_column)
    if place is None:
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise InputError(
            f"no column '{gene_column}' among {shown}", where=where, allowed=FORMS,
            remedy="rename the column of gene ids, or say its name",
        )  # fmt: skip
    return place
