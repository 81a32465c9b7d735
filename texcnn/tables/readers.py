"""Small tables that users bring: columns of text."""

from __future__ import annotations

import pandas as pd

from texcnn.errors import InputError
from texcnn.text.lines import PathLike
from texcnn.text.table import GENE_COLUMNS, TextTable


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
