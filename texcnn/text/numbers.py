"""Numbers of text tables: finite, missing, or refused with row and column."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from texcnn.errors import InputError
from texcnn.text.lines import BLANKS

LARGEST = float(np.finfo(np.float32).max)
"""Numbers are computed with in float32: a larger one would become infinite."""

_MISSING = frozenset({"", "na", "nan"})
_OTHER_NOTATION = re.compile(
    r"[-+\u2212]?\s*(?:\d{1,3}(?:[,.'\u2019\xa0\u202f ]\d{3})+(?:[.,]\d+)?|\d*[.,]?\d+(?:[eE][-+]?\d+)?)\s*%?"
)
"""Numbers as people write them: with a decimal comma, separators of thousands, another minus, a sign of percent, or in
digits of another script."""


class NumberColumns:
    """Numbers of some columns of a table, collected row by row.

    Args:
        path: The table, for messages.
        names: Names of the columns.
        text: Whether some columns may hold only text; they are left out of the result.
    """

    def __init__(self, path: Path, names: Sequence[str], *, text: bool = False) -> None:
        self._path = path
        self._names = list(names)
        self._may_be_text = text
        self._has_number = np.zeros(len(names), bool)
        self._first_text: dict[int, tuple[int, str]] = {}
        self._words: set[int] = set()
        self._rows: list[npt.NDArray[np.float64]] = []

    def add(self, number: int, cells: Sequence[str]) -> None:
        """Adds a row.

        Args:
            number: Its line.
            cells: One per column; an empty one, ``NA`` or ``NaN`` is NaN.

        Raises:
            InputError: A cell is neither a finite number of float32 nor missing, in a column that has numbers.
        """
        row = _all_numbers(cells)
        if row is None:
            row = np.array([self._cell(number, place, text) for place, text in enumerate(cells)], np.float64)
        with np.errstate(invalid="ignore"):
            wrong = np.flatnonzero(np.abs(row) > LARGEST)
        if len(wrong):
            raise self._no_number(number, int(wrong[0]), cells[wrong[0]])
        self._has_number |= ~np.isnan(row)
        for place, (line, text) in self._first_text.items():
            if self._has_number[place]:
                raise self._no_number(line, place, text)
        self._rows.append(row)

    @property
    def of_text(self) -> list[int]:
        """Places of the columns that hold text and no number.

        Raises:
            InputError: All text of a column is numbers in another notation, such as with a decimal comma.
        """
        for place in sorted(self._first_text.keys() - self._words):
            raise self._no_number(self._first_text[place][0], place, self._first_text[place][1])
        return sorted(self._first_text)

    def values(self) -> npt.NDArray[np.float64]:
        """Returns ``(n_rows, n_columns)`` without the columns of text."""
        kept = [place for place in range(len(self._names)) if place not in self._first_text]
        return np.array(self._rows, np.float64).reshape(len(self._rows), len(self._names))[:, kept]

    def _cell(self, number: int, place: int, text: str) -> float:
        value = to_number(text)
        if value is None:
            if not self._may_be_text:
                raise self._no_number(number, place, text)
            self._first_text.setdefault(place, (number, text))
            if place not in self._words and not _OTHER_NOTATION.fullmatch(text):
                self._words.add(place)
            return math.nan
        return value

    def _no_number(self, number: int, place: int, text: str) -> InputError:
        return no_number(text, f"{self._path}, line {number}, column {self._names[place]}")


def to_number(text: str) -> float | None:
    """Returns a cell's number, NaN for an empty cell, ``NA`` or ``NaN``, None for text.

    Python's own reading is too generous for data: it takes ``1_000``, digits of other scripts and control
    characters.
    """
    text = text.strip(BLANKS)
    if text.lower() in _MISSING:
        return math.nan
    if not text.isascii() or "_" in text or not text.isprintable():
        return None
    try:
        return float(text)
    except ValueError:
        return None


def no_number(text: str, where: str) -> InputError:
    """Builds the error for a cell that is not a number, or too large a one."""
    value = to_number(text)
    if value is None or "inf" in text.lower():
        what = f"'{text}' is not a finite number"
    else:
        what = f"'{text}' is too large: numbers go up to {LARGEST:.3g}"
    return InputError(
        what, where=where, allowed="a finite number, or an empty cell or NA where there is none",
        remedy="write numbers in the digits 0 to 9 with a decimal point, and without separators of thousands"
        if value is None and _OTHER_NOTATION.fullmatch(text) else None,
    )  # fmt: skip


def _all_numbers(cells: Sequence[str]) -> npt.NDArray[np.float64] | None:
    """The numbers of a row in which nothing is missing and nothing is text; several times as fast as cell by cell."""
    joined = "".join(cells)
    if not joined.isascii() or "_" in joined or not joined.isprintable():
        return None
    try:
        return np.array([float(cell) for cell in cells], np.float64)
    except ValueError:
        return None
