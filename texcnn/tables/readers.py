"""Lists and small tables that users bring: names, and columns of text."""

from __future__ import annotations

import pandas as pd

from texcnn.errors import InputError
from texcnn.text.lines import BLANKS, PathLike, numbered_lines
from texcnn.text.table import GENE_COLUMNS, TextTable


def read_names(path: PathLike) -> list[str]:
    """Reads one name per line: the first column of a tab-separated file, blank lines and ``#`` comments left out.

    Raises:
        InputError: when the file cannot be read, a line has no name in its first column, or there is no name.
    """
    names: list[str] = []
    for number, line in numbered_lines(path):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name = line.partition("\t")[0].strip(BLANKS)
        if len(name) > 1 and name[0] == name[-1] == '"':
            name = name[1:-1].strip(BLANKS)
        if not name:
            raise InputError(
                "a line of the list has no name in its first column", where=f"{path}, line {number}",
                allowed="an id or name per line, before the first tab",
            )  # fmt: skip
        names.append(name)
    if not names:
        raise InputError("the list of genes is empty", where=path, allowed="an id or name per line")
    return names


def read_columns(path: PathLike, columns: tuple[str, ...]) -> pd.DataFrame:
    """Reads columns of a text table as text; see :class:`texcnn.text.table.TextTable`.

    A column ``gene_id`` may have another usual name in the table (:func:`texcnn.text.table.find_gene_column`).

    Returns:
        One row per row of the table, indexed by line number.

    Raises:
        InputError: when the file is missing, empty, or lacks a column.
    """
    table = TextTable(path)
    gene = table.names[table.gene_column()] if GENE_COLUMNS[0] in columns else ""
    written = [gene if column == GENE_COLUMNS[0] else column for column in columns]
    missing = [column for column in written if column not in table.names]
    if missing:
        raise InputError(
            f"missing columns: {', '.join(missing)}", where=path, allowed=f"the columns {' and '.join(columns)}"
        )
    return table.text(written).set_axis(list(columns), axis="columns")
