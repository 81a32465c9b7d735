"""Gene x TF tables of either layout: a matrix, or a list of pairs."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from texcnn.errors import InputError, unknown_name
from texcnn.features import TF_LAYOUTS
from texcnn.text.lines import PathLike
from texcnn.text.numbers import LARGEST, NumberColumns, no_number, to_number
from texcnn.text.table import Row, TextTable

_LOG = logging.getLogger("texcnn")

_GENE_COLUMNS = ("gene_id", "ensembl_id", "ensembl_gene_id", "gene", "target", "target_gene")
_TF_COLUMNS = ("tf", "source", "regulator", "transcription_factor")


@dataclass(frozen=True)
class TfTable:
    """A matrix of genes and transcription factors.

    Attributes:
        gene_ids: One per row, all different.
        tfs: One per column, all different.
        values: float64 ``(n_genes, n_tfs)``, such as 0/1 or weights; NaN where the file has none.
    """

    gene_ids: tuple[str, ...]
    tfs: tuple[str, ...]
    values: npt.NDArray[np.float64]


def read_tf_table(
    path: PathLike, *, layout: str = "auto", gene_column: str | None = None, tf_column: str | None = None
) -> TfTable:
    """Reads a table with a header, separated by tabs or commas; see :class:`texcnn.text.table.TextTable`.

    A *wide* table has a row per gene: columns of text first (the gene's id, and what else names it), then one column of
    numbers per TF. Only the first column, or one without a single number, counts as text; one further to the right is
    passed over, which is logged. A *long* one has a row per
    pair: gene, TF and perhaps a weight (1 without one); a pair that is not listed is 0 for the genes that are. ``auto``
    takes a table for long if it has two or three columns and text in the first two.

    Args:
        path: The file.
        layout: ``auto``, ``wide`` or ``long``.
        gene_column: Name of the gene ids' column. None takes the only column of text, or one of a usual name.
        tf_column: Name of the TFs' column in a long table; None takes one of a usual name.

    Returns:
        Genes and TFs in the order of the file.

    Raises:
        InputError: when the file is missing, empty or unreadable, it is not clear what a column holds, a row has too
            few or too many fields, a value is not a finite number, or a gene, a TF or a pair appears twice.
    """
    if layout not in TF_LAYOUTS:
        raise unknown_name("layout", layout, TF_LAYOUTS)
    table, rows = _read(path)
    path, header = table.path, list(table.names)
    n_text = _leading_text(rows, len(header))
    if layout == "auto":
        layout = "long" if len(header) in (2, 3) and n_text >= 2 else "wide"
    if layout == "long":
        return _from_long(header, rows, path, gene_column, tf_column)
    if tf_column is not None:
        raise InputError("a wide table has no column of TFs", where=f"`tf_column`, {path}", allowed="a long `layout`")
    return _from_wide(header, rows, path, n_text, gene_column)


def _read(path: PathLike) -> tuple[TextTable, list[Row]]:
    """The table, its header read, and its rows."""
    table = TextTable(path)
    table.refuse_twice(table.names)
    if "" in table.names:
        raise InputError(
            "a column has no name", where=f"{path}, line {table.header_line}", allowed="columns of different names"
        )
    rows = list(table.rows())
    if not rows:
        raise InputError("the table has no rows", where=path, allowed="a header and one row or more")
    return table, rows


def _leading_text(rows: list[Row], n_columns: int) -> int:
    """Columns of text at the left; the first one always is, even if its ids look like numbers."""
    for column in range(1, n_columns):
        cells = [to_number(fields[column]) for _, fields in rows]
        if any(cell is not None and not math.isnan(cell) for cell in cells) or None not in cells:
            return column
    return n_columns


def _from_wide(header: list[str], rows: list[Row], path: Path, n_text: int, gene_column: str | None) -> TfTable:
    gene = _choose("gene_column", gene_column, header[:n_text], _GENE_COLUMNS, path)
    numbers = NumberColumns(path, header[n_text:], text=True)
    seen: dict[str, int] = {}
    for number, fields in rows:
        gene_id = _name(fields[gene], header[gene], path, number)
        if gene_id in seen:
            raise InputError(
                f"the gene '{gene_id}' appears in lines {seen[gene_id]} and {number}", where=path,
                remedy="keep one row a gene",
            )  # fmt: skip
        seen[gene_id] = number
        numbers.add(number, fields[n_text:])
    tfs = tuple(name for place, name in enumerate(header[n_text:]) if place not in numbers.of_text)
    if not tfs:
        raise InputError(
            "no column of numbers", where=path, allowed="text columns, then a column of numbers per TF",
            remedy="a list of gene and TF pairs is read with a long `layout`",
        )  # fmt: skip
    if numbers.of_text:
        passed = ", ".join(header[n_text + place] for place in numbers.of_text)
        _LOG.warning("%s: the columns %s hold text and no number, and are passed over", path, passed)
    return TfTable(tuple(seen), tfs, numbers.values())


def _from_long(
    header: list[str], rows: list[Row], path: Path, gene_column: str | None, tf_column: str | None
) -> TfTable:
    if len(header) not in (2, 3):
        raise InputError(
            f"a list of pairs has {len(header)} columns", where=path, allowed="2 or 3: gene, TF and perhaps a weight"
        )
    gene = _choose("gene_column", gene_column, header, _GENE_COLUMNS, path)
    tf = _choose("tf_column", tf_column, header, _TF_COLUMNS, path)
    if gene == tf:
        raise InputError("one column cannot be both gene and TF", where=path, allowed=", ".join(header))
    weight = next((place for place in range(len(header)) if place not in (gene, tf)), None)
    pairs: dict[tuple[str, str], float] = {}
    for number, fields in rows:
        pair = (_name(fields[gene], header[gene], path, number), _name(fields[tf], header[tf], path, number))
        if pair in pairs:
            raise InputError(
                f"the pair of '{pair[0]}' and '{pair[1]}' appears twice", where=f"{path}, line {number}",
                remedy="keep one row a pair",
            )  # fmt: skip
        pairs[pair] = 1.0 if weight is None else _number(fields[weight], path, number, header[weight])
    genes = {gene_id: row for row, gene_id in enumerate(dict.fromkeys(gene_id for gene_id, _ in pairs))}
    tfs = {name: column for column, name in enumerate(dict.fromkeys(name for _, name in pairs))}
    values = np.zeros((len(genes), len(tfs)))
    for (gene_id, name), value in pairs.items():
        values[genes[gene_id], tfs[name]] = value
    return TfTable(tuple(genes), tuple(tfs), values)


def _choose(kind: str, wanted: str | None, names: list[str], usual: Sequence[str], path: Path) -> int:
    option = f"`{kind}`"
    if wanted is not None:
        if wanted not in names:
            raise unknown_name("column", wanted, names, where=f"{option}, {path}")
        return names.index(wanted)
    if len(names) == 1:
        return 0
    lowered = [name.lower() for name in names]
    found = [name for name in usual if lowered.count(name) == 1]
    if not found:
        raise InputError(
            f"it is not clear which column holds the {'gene ids' if kind == 'gene_column' else 'TFs'}", where=path,
            allowed=", ".join(names), remedy=f"name it with {option}",
        )  # fmt: skip
    return lowered.index(found[0])


def _name(text: str, column: str, path: Path, number: int) -> str:
    if not text:
        raise InputError("a name is empty", where=f"{path}, line {number}, column {column}")
    return text


def _number(text: str, path: Path, number: int, column: str) -> float:
    value = to_number(text)
    if value is None or abs(value) > LARGEST:
        raise no_number(text, f"{path}, line {number}, column {column}")
    return value
