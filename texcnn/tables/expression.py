"""Measured expression: a matrix of genes x cell types, and its logarithm."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from texcnn.arguments import names_of
from texcnn.errors import InputError, unknown_name
from texcnn.files import check_is_file
from texcnn.tables.expression_binary import FORMS, GENE_ID, Choice, Matrix, read_h5ad, read_parquet
from texcnn.text.lines import BLANKS, CONTROL, PathLike
from texcnn.text.numbers import LARGEST, NumberColumns, no_number
from texcnn.text.table import TextTable

__all__ = ["GENE_ID", "read_expression"]

OTHER_COLUMNS = frozenset(
    {
        "gene_name", "gene name", "gene_symbol", "symbol", "hgnc_symbol", "description", "gene_type", "gene_biotype",
        "biotype", "transcript_id", "transcript_id(s)", "tx", "chr", "chrom", "chromosome", "start", "end", "strand",
        "length", "effective_length", "effectivelength", "eff_length", "entrez_id", "entrezgene", "id", "reference",
        "coverage", "locus", "fpkm_conf_lo", "fpkm_conf_hi", "stranded_first", "stranded_second",
    }
)  # fmt: skip
"""Names, in lower case, of columns that quantification programs write and that describe a gene."""

UNITS_OF_ONE_SAMPLE = ("tpm", "tpm_unstranded")
"""The units that are taken where a table holds one sample in several: the second is that of the GDC."""

OTHER_UNITS = frozenset(
    {
        "fpkm", "numreads", "expected_count", "est_counts", "posterior_mean_count", "pme_tpm", "pme_fpkm", "isopct",
        "unstranded", "fpkm_unstranded", "fpkm_uq_unstranded",
    }
)  # fmt: skip
"""Names, in lower case, of the other units that RSEM, salmon, kallisto, StringTie and the GDC write next to TPM."""

_LOG = logging.getLogger("texcnn")


def read_expression(
    path: PathLike, *, gene_column: str = GENE_ID, ignore: Sequence[str] = (), only: str | Sequence[str] | None = None
) -> pd.DataFrame:
    """Reads a matrix of expression.

    Text is any table of :class:`texcnn.text.table.TextTable`. AnnData may have either orientation: genes are in the
    axis whose table has ``gene_column``, as a column or as its index. Columns of text, and those that describe a gene
    or are another unit of the same sample (:data:`OTHER_COLUMNS`, :data:`OTHER_UNITS`), are passed over, which is
    logged: so tables of salmon, RSEM, StringTie, featureCounts, nf-core/rnaseq, the GDC and GCT are read as they are.

    Args:
        path: The file; ``.parquet`` and ``.h5ad`` are recognised by their endings, everything else is text.
        gene_column: Name of the column of gene ids. A table may call it by another usual name, AnnData by ``gene_ids``,
            where it has no ``gene_id``; see :func:`texcnn.text.table.find_gene_column`.
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
    readers = {".parquet": read_parquet, ".h5ad": read_h5ad}
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
        others = OTHER_COLUMNS | (OTHER_UNITS if lowered.intersection(UNITS_OF_ONE_SAMPLE) else set())
        passed.extend(name for _, name in left if name.lower() in others)
        return [place for place, name in left if name.lower() not in others]

    if path.suffix in readers:
        check_is_file(path)
    gene_ids, cell_types, values = readers.get(path.suffix, _read_text)(path, gene_column, choose, passed)
    if only is not None and passed:
        raise InputError(f"no numbers in the columns {', '.join(passed)}", where=path, allowed="columns of numbers")
    if passed:
        _LOG.info("%s: columns that are not expression of a cell type are passed over: %s", path, ", ".join(passed))
    gene_ids, cell_types = [name.strip(BLANKS) for name in gene_ids], [name.strip(BLANKS) for name in cell_types]
    _check_names("gene", gene_ids, path, "keep one row a gene")
    _check_names("cell type", cell_types, path, "give each column another name")
    if not gene_ids or not cell_types:
        raise InputError(
            f"no {'cell types' if gene_ids else 'genes'}"
            + (f"; passed over are {', '.join(passed)}" if passed else ""),
            where=path, allowed=FORMS,
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


def _check_names(kind: str, names: Sequence[str], path: Path, remedy: str) -> None:
    index = pd.Index(names)
    if "" in index:
        raise InputError(f"a {kind} has no name", where=path, remedy=remedy)
    unusable = next(filter(CONTROL.search, names), None)
    if unusable is not None:
        raise InputError(
            f"the name of a {kind} has a tab, a line end or another control character: {unusable!r}", where=path,
            allowed="a name that a text table can hold", remedy="give it another name",
        )  # fmt: skip
    twice = index[index.duplicated()]
    if len(twice):
        raise InputError(f"{len(twice)} duplicate names of a {kind}, such as '{twice[0]}'", where=path, remedy=remedy)
