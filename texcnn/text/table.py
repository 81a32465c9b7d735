"""Text tables with a header, as programs and spreadsheets write them: rows with their line numbers.

Every table of text that a user brings is read here: features, splits, groups, TF tables, expression, predictions of
others, lists of genes and of skipped genes.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from texcnn.errors import InputError, unknown_name
from texcnn.text.lines import BLANKS, PathLike, numbered_lines

GENE_COLUMNS = ("gene_id", "geneid", "gene id", "gene_ids", "ensembl_gene_id", "ensembl_id", "gene", "name")
"""Usual names of the column of gene ids, in any case, best first.

featureCounts has Geneid, StringTie and Expression Atlas Gene ID, scanpy gene_ids, GCT and salmon Name.
"""

_GCT = ("#1.0", "#1.1", "#1.2")
_GCT_WITH_METADATA = "#1.3"

_SEPARATORS = {"\t": "tabs", ",": "commas", ";": "semicolons"}
_QUOTED = re.compile(r'"[^"]*"')

Row = tuple[int, list[str]]
"""A line's number and its fields."""


def find_gene_column(names: Sequence[str], wanted: str = GENE_COLUMNS[0]) -> int | None:
    """Returns the place of the column of gene ids; None where there is none.

    It is the wanted one, else one of :data:`GENE_COLUMNS`, else a nameless first one, as of pandas' index.
    """
    lowered = [name.lower() for name in names]
    usual = GENE_COLUMNS if wanted == GENE_COLUMNS[0] and wanted not in names else ()
    for name in (wanted, *(names[lowered.index(name)] for name in usual if name in lowered)):
        if name in names:
            return names.index(name)
    return 0 if usual and names and not names[0] else None


class TextTable:
    """A table that is read row by row, once.

    Fields are separated by tabs, or where the header has no tab by commas or by semicolons, whichever it has first.
    Lines that are blank or start with ``#`` are ignored, and so are empty fields behind the last column, the quotes
    around a field and the first two lines of a GCT. Names and fields have no blanks around them.

    Args:
        path: The file; see :func:`texcnn.text.lines.numbered_lines`.
        comments: Whether a line that starts with ``#`` is a comment.

    Attributes:
        path: The file.
        names: Names of the columns; a name may be empty or occur twice.
        header_line: The header's line number.

    Raises:
        InputError: The file cannot be read or has no header.
    """

    def __init__(self, path: PathLike, *, comments: bool = True) -> None:
        self.path = Path(path)
        self._comments = comments
        self._lines = self._data_lines()
        self.header_line, header = next(self._lines, (0, ""))
        if not self.header_line:
            raise InputError("the table has no header", where=self.path, allowed="a line of column names, then rows")
        marks = [mark for mark in _QUOTED.sub("", header) if mark in ",;"]
        self._delimiter = "\t" if "\t" in header or not marks else marks[0]
        names = [name.strip(BLANKS) for name in self._quoted(header) or header.split(self._delimiter)]
        names[0] = names[0].removeprefix("#").strip(BLANKS) if comments else names[0]
        self.names = tuple(_cut(names, max((place for place, name in enumerate(names, 1) if name), default=1)))
        self._nameless = "last column" if len(self.names) < len(names) else "column of gene ids"

    def rows(self) -> Iterator[Row]:
        """Yields each row's line number and its fields, one per column; a second call yields nothing.

        Raises:
            InputError: A row has too few or too many fields.
        """
        width = len(self.names)
        for number, line in self._lines:
            fields = line.split(self._delimiter)
            if '"' in line:
                quoted = self._quoted(line)
                fields = quoted if quoted is not None and len(_cut(quoted, width)) == width else fields
            fields = _cut(fields, width)
            if len(fields) != width:
                raise InputError(
                    f"the row has {len(fields)} fields, the header {width}", where=f"{self.path}, line {number}",
                    remedy=self._remedy(line, len(fields)),
                )  # fmt: skip
            yield number, [field.strip(BLANKS) for field in fields]

    def column(self, name: str, *, option: str | None = None) -> int:
        """Finds a column by its name.

        Args:
            name: The name.
            option: What the name was given as, for the message.

        Raises:
            InputError: No column or more than one has this name.
        """
        if name not in self.names:
            where = f"{self.path}, line {self.header_line}"
            raise unknown_name("column", name, self.names, where=where if option is None else f"{option}, {where}")
        self.refuse_twice([name])
        return self.names.index(name)

    def gene_column(self, wanted: str = GENE_COLUMNS[0]) -> int:
        """Finds the column of gene ids, as :func:`find_gene_column` does; R writes no name above the names of its rows.

        Raises:
            InputError: There is none, or the name occurs twice.
        """
        place = find_gene_column(self.names, wanted)
        if place is not None:
            self.refuse_twice([self.names[place]] if self.names[place] else [])
            return place
        if wanted == GENE_COLUMNS[0] and self._rows_have_one_more():
            self.names = ("", *self.names)
            return 0
        shown = ", ".join(self.names[:5]) + (", ..." if len(self.names) > 5 else "")
        raise InputError(
            f"no column '{wanted}' among {shown}", where=f"{self.path}, line {self.header_line}",
            allowed="a header that names the column of gene ids", remedy="rename the column of gene ids, or name it",
        )  # fmt: skip

    def refuse_twice(self, names: Sequence[str]) -> None:
        """Checks that none of these names is that of several columns.

        Raises:
            InputError: One is.
        """
        twice = [name for name in names if self.names.count(name) > 1]
        if twice:
            raise InputError(
                f"the column '{twice[0]}' appears twice", where=f"{self.path}, line {self.header_line}",
                allowed="columns of different names",
            )  # fmt: skip

    def text(self, columns: Sequence[str]) -> pd.DataFrame:
        """Reads columns as text.

        Returns:
            One row per row of the table, indexed by line number.

        Raises:
            InputError: A column is missing or occurs twice, or a row has too few or too many fields.
        """
        places = [self.column(name) for name in columns]
        rows = list(self.rows())
        return pd.DataFrame(
            [[fields[place] for place in places] for _, fields in rows],
            columns=list(columns), index=pd.Index([number for number, _ in rows], dtype=int), dtype=str,
        )  # fmt: skip

    def _data_lines(self) -> Iterator[tuple[int, str]]:
        """Lines that are neither blank nor comments; a commented header counts where it is the first with fields."""
        lines = numbered_lines(self.path)
        at_header = True
        for number, line in lines:
            if not line.strip():
                continue
            if line[0] == "#" and self._comments:
                if at_header and line.rstrip() in _GCT:
                    next(lines, None)  # the table's size
                elif at_header and line.rstrip() == _GCT_WITH_METADATA:
                    raise InputError(
                        "the file is GCT 1.3, whose columns and rows of metadata cannot be distinguished from values",
                        where=self.path, allowed="GCT 1.2", remedy="save it as GCT 1.2, or as a table with gene_id",
                    )  # fmt: skip
                elif (
                    at_header
                    and len(first := re.split(r"[\t,;]", line[1:])) > 1
                    and first[0].strip().lower() in GENE_COLUMNS
                ):
                    at_header = False
                    yield number, line
                continue
            at_header = False
            yield number, line

    def _rows_have_one_more(self) -> bool:
        """Whether the first row has one field more than the header, which names all of its own."""
        if self._nameless == "last column":
            return False
        number, line = next(self._lines, (0, ""))
        if not number:
            return False
        self._lines = itertools.chain([(number, line)], self._lines)
        wider = len(self.names) + 1
        return len(_cut(self._quoted(line) or line.split(self._delimiter), wider)) == wider

    def _remedy(self, line: str, n_fields: int) -> str | None:
        """What to do about a row of too few or too many fields."""
        if n_fields == len(self.names) + 1:
            return f"give the {self._nameless} a name too"
        if line.count('"') % 2:
            return "if a field in quotes goes on in the next line, write it in one line"
        other = [
            name for mark, name in _SEPARATORS.items() if n_fields == 1 and mark in line and mark != self._delimiter
        ]
        return (
            f"the header has {_SEPARATORS[self._delimiter]} between its columns, the row {other[0]}" if other else None
        )

    def _quoted(self, line: str) -> list[str] | None:
        """The fields of a line with quotes; None where they do not come in pairs, and are letters like others then."""
        try:
            return next(csv.reader([line], delimiter=self._delimiter, strict=True))
        except csv.Error:
            return None


def _cut(fields: list[str], width: int) -> list[str]:
    """Leaves out empty fields behind the last column: Roadmap's tables end each row with a tab."""
    return fields if len(fields) <= width or any(field.strip() for field in fields[width:]) else fields[:width]
