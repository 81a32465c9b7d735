"""Measured expression: a matrix of genes x cell types, and its logarithm."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from texcnn.arguments import names_of
from texcnn.errors import InputError, unknown_name
from texcnn.text.lines import PathLike
from texcnn.text.numbers import LARGEST, NumberColumns, no_number
from texcnn.text.table import TextTable

GENE_ID = "gene_id"


OTHER_COLUMNS = frozenset(
    {
        "gene_name", "gene name", "gene_symbol", "symbol", "hgnc_symbol", "description", "gene_type", "gene_biotype",
        "biotype", "transcript_id", "transcript_id(s)", "tx", "chr", "chrom", "chromosome", "start", "end", "strand",
        "length", "effective_length", "effectivelength", "entrez_id", "entrezgene",
    }
)  # fmt: skip
"""Names, in lower case, of columns that quantification programs write and that describe a gene."""

UNIT_OF_ONE_SAMPLE = "tpm"
"""The unit that is taken where a table holds one sample in several."""

OTHER_UNITS = frozenset({"fpkm", "numreads", "expected_count", "posterior_mean_count", "pme_tpm", "pme_fpkm", "isopct"})
"""Names, in lower case, of the other units that RSEM and salmon write next to TPM."""

_LOG = logging.getLogger("texcnn")
_FORMS = "a text table, .parquet or .h5ad: a column gene_id, then one column of numbers per cell type"


def read_expression(
    path: PathLike, *, gene_column: str = GENE_ID, ignore: Sequence[str] = (), only: str | Sequence[str] | None = None
) -> pd.DataFrame:
    """Reads a matrix of expression.

    Text is any table of :class:`texcnn.text.table.TextTable`. AnnData may have either orientation: genes are in the
    axis whose table has ``gene_column``, as a column or as its index. Columns of text, and those that describe a gene
    or are another unit of the same sample (:data:`OTHER_COLUMNS`, :data:`OTHER_UNITS`), are passed over, which is
    logged: so tables of salmon, RSEM, featureCounts, nf-core/rnaseq and GCT are read as they are.

    Args:
        path: The file; ``.parquet`` and ``.h5ad`` are recognised by their endings, everything else is text.
        gene_column: Name of the column of gene ids. A text table may call it by another usual name
            (:data:`texcnn.text.table.GENE_COLUMNS`) where it has no ``gene_id``.
        ignore: Columns that may be there and are not cell types, such as a gene's symbol.
        only: The one column to read, or several; what the others hold does not matter then.

    Returns:
        float64, one row per gene (index ``gene_id``) and one column per cell type, both in the file's order. An empty
        cell, ``NA`` or ``NaN`` is NaN. ``attrs["passed_over"]`` names the columns that were passed over.

    Raises:
        InputError: when the file is missing, unreadable or empty, has no column of gene ids, no other or not the one
            asked for, a gene or a cell type appears twice, or a cell is not a finite number.
    """
    path = Path(path)
    readers = {".parquet": _read_parquet, ".h5ad": _read_h5ad}
    passed: list[str] = []

    def choose(names: Sequence[str], gene: str) -> list[int]:
        """Returns the places of the cell types among the columns."""
        if only is not None:
            for wanted in names_of(only):
                if wanted not in names:
                    raise unknown_name("column", wanted, [name for name in names if name != gene], where=path)
            return [place for place, name in enumerate(names) if name in names_of(only)]
        left = [(place, name) for place, name in enumerate(names) if name not in (gene, *ignore)]
        lowered = {name.lower() for _, name in left}
        others = OTHER_COLUMNS | (OTHER_UNITS if UNIT_OF_ONE_SAMPLE in lowered and lowered & OTHER_UNITS else set())
        passed.extend(name for _, name in left if name.lower() in others)
        return [place for place, name in left if name.lower() not in others]

    if path.suffix in readers:
        _check_binary(path)
    gene_ids, cell_types, values = readers.get(path.suffix, _read_text)(path, gene_column, choose, passed)
    if only is not None and passed:
        raise InputError(f"no numbers in the columns {', '.join(passed)}", where=path, allowed="columns of numbers")
    if passed:
        _LOG.info("%s: columns that are not expression of a cell type are passed over: %s", path, ", ".join(passed))
    _check_names("gene", gene_ids, path, "keep one row a gene")
    _check_names("cell type", cell_types, path, "give each column another name")
    if not gene_ids or not cell_types:
        raise InputError(
            f"no {'cell types' if gene_ids else 'genes'}"
            + (f"; passed over are {', '.join(passed)}" if passed else ""),
            where=path, allowed=_FORMS,
        )  # fmt: skip
    with np.errstate(invalid="ignore"):
        unusable = np.argwhere(np.abs(values) > LARGEST)
    if len(unusable):
        row, column = unusable[0]
        where = f"{path}, gene {gene_ids[row]}, column {cell_types[column]}"
        raise no_number(str(values[row, column]), where)
    frame = pd.DataFrame(values, index=pd.Index(gene_ids, name=GENE_ID), columns=pd.Index(cell_types))
    frame.attrs["passed_over"] = tuple(passed)
    return frame


Matrix = tuple[list[str], list[str], npt.NDArray[np.float64]]
"""Gene ids, cell types and values ``(n_genes, n_cell_types)``."""

Choice = Callable[[Sequence[str], str], list[int]]
"""Names of all columns and that of the gene ids to the places of the cell types."""


def _read_text(path: Path, gene_column: str, choose: Choice, passed: list[str]) -> Matrix:
    table = TextTable(path)
    gene = table.gene_column(gene_column)
    kept = choose(table.names, table.names[gene])
    names = [table.names[place] for place in kept]
    numbers = NumberColumns(path, names, text=len(names) > 1)
    gene_ids: list[str] = []
    for number, fields in table.rows():
        if not fields[gene]:
            raise InputError("a gene has no name", where=f"{path}, line {number}, column {table.names[gene]}")
        gene_ids.append(fields[gene])
        numbers.add(number, [fields[place] for place in kept])
    passed.extend(names[place] for place in numbers.of_text)
    cell_types = [name for place, name in enumerate(names) if place not in numbers.of_text]
    return gene_ids, cell_types, numbers.values()


def _check_binary(path: Path) -> None:
    """Refuses what can be no Parquet or AnnData file: both are read at many places."""
    if not path.exists():
        raise InputError("the file does not exist", where=f"expression matrix '{path}'")
    if not path.is_file():
        raise InputError(
            f"a table in {path.suffix} cannot be read from a pipe or folder", where=path, allowed="a regular file"
        )


def _read_parquet(path: Path, gene_column: str, choose: Choice, passed: list[str]) -> Matrix:
    try:
        frame = pq.read_table(path).to_pandas()
    except Exception as error:  # damaged bytes make the library raise almost anything
        raise InputError(f"unreadable Parquet: {error}", where=path) from error
    if frame.index.name is not None:
        frame = frame.reset_index()
    names = [str(name) for name in frame.columns]
    gene = _gene_column(names, gene_column, path)
    kept = choose(names, gene_column)
    numeric = [place for place in kept if pd.api.types.is_numeric_dtype(frame.dtypes.iloc[place])]
    passed.extend(names[place] for place in kept if place not in numeric)
    values = frame.iloc[:, numeric]
    return (
        [str(gene_id).strip() for gene_id in frame.iloc[:, gene]],
        [names[place] for place in numeric],
        values.to_numpy(np.float64, na_value=np.nan),
    )


def _read_h5ad(path: Path, gene_column: str, choose: Choice, _: list[str]) -> Matrix:
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
    for axes in (table, table.T):
        genes = axes.obs
        if gene_column in genes.columns or genes.index.name == gene_column:
            ids = genes[gene_column] if gene_column in genes.columns else genes.index
            try:
                kept = axes.to_df()
                kept = kept.iloc[:, choose([str(name) for name in kept.columns], gene_column)]
                values = kept.to_numpy(np.float64)
            except (TypeError, ValueError) as error:
                raise InputError(f"X holds no matrix of numbers: {error}", where=path) from error
            return [str(gene_id).strip() for gene_id in ids], [str(name) for name in kept.columns], values
    raise InputError(
        f"neither obs nor var has '{gene_column}'", where=path,
        allowed="gene ids as a column or as the named index of the genes' axis",
    )  # fmt: skip


def _gene_column(names: Sequence[str], gene_column: str, where: object) -> int:
    if gene_column not in names:
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise InputError(
            f"no column '{gene_column}' among {shown}", where=where, allowed=_FORMS,
            remedy="rename the column of gene ids, or name it",
        )  # fmt: skip
    return names.index(gene_column)


def _check_names(kind: str, names: Sequence[str], path: Path, remedy: str) -> None:
    index = pd.Index(names)
    if "" in index:
        raise InputError(f"a {kind} has no name", where=path, remedy=remedy)
    twice = index[index.duplicated()]
    if len(twice):
        raise InputError(f"{len(twice)} duplicate names of a {kind}, such as '{twice[0]}'", where=path, remedy=remedy)
