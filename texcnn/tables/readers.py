"""Lists and small tables that users bring: names, columns of text, and the genes that were skipped."""

from __future__ import annotations

import pandas as pd

from texcnn.errors import InputError
from texcnn.genome.gene import Skipped
from texcnn.tables.columns import SKIPPED_COLUMNS
from texcnn.text.lines import PathLike, numbered_lines
from texcnn.text.table import TextTable


def read_names(path: PathLike) -> list[str]:
    """Reads one name per line: the first column of a tab-separated file, blank lines and ``#`` comments left out.

    Raises:
        InputError: when the file cannot be read, a line has no name in its first column, or there is no name.
    """
    names: list[str] = []
    for number, line in numbered_lines(path):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name = line.partition("\t")[0].strip()
        if len(name) > 1 and name[0] == name[-1] == '"':
            name = name[1:-1].strip()
        if not name:
            raise InputError(
                "a line of the list has no name in its first column", where=f"{path}, line {number}",
                allowed="an id or name per line, before the first tab",
            )  # fmt: skip
        names.append(name)
    if not names:
        raise InputError("the list of genes is empty", where=path, allowed="an id or name per line")
    return names


def read_skipped(path: PathLike) -> list[Skipped]:
    """Reads what :func:`texcnn.tables.writers.write_skipped` wrote.

    Raises:
        InputError: when the file is missing, unreadable or has other columns.
    """
    table = TextTable(path, comments=False)
    if table.names != SKIPPED_COLUMNS:
        raise InputError("not a list of skipped genes", where=path, allowed="the columns gene_id and reason")
    return [Skipped(*fields) for _, fields in table.rows()]


def read_columns(path: PathLike, columns: tuple[str, ...]) -> pd.DataFrame:
    """Reads columns of a text table as text; see :class:`texcnn.text.table.TextTable`.

    Returns:
        One row per row of the table, indexed by line number.

    Raises:
        InputError: when the file is missing, empty, or lacks a column.
    """
    table = TextTable(path)
    missing = [column for column in columns if column not in table.names]
    if missing:
        raise InputError(
            f"missing columns: {', '.join(missing)}", where=path, allowed=f"the columns {' and '.join(columns)}"
        )
    return table.text(columns)
