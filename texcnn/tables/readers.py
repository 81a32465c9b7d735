"""Lists and small tables that users bring: names, and columns of text."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from texcnn.errors import InputError


def read_names(path: Path) -> list[str]:
    """Reads one name per line: the first column of a tab-separated file, blank lines and ``#`` comments left out.

    Raises:
        InputError: when the file cannot be read or has no name.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()  # spreadsheets put a mark first
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"unreadable list of genes: {error}", where=path, allowed="text, a name per line") from error
    names = [line.partition("\t")[0].strip() for line in lines]
    names = [name for name in names if name and not name.startswith("#")]
    if not names:
        raise InputError("the list of genes is empty", where=path, allowed="an id or name per line")
    return names


def read_text(path: Path, *, allowed: str) -> pd.DataFrame:
    """Reads a TSV, every cell as text.

    Args:
        path: The table.
        allowed: What it should hold, for the message.

    Raises:
        InputError: when the file is missing, empty or no table.
    """
    try:
        return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        raise InputError("the file does not exist", where=path) from error
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"unreadable table: not a readable TSV ({error})", where=path, allowed=allowed) from error


def read_columns(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """Reads columns of a TSV as text.

    Raises:
        InputError: when the file is missing, empty, or lacks a column.
    """
    allowed = f"the columns {' and '.join(columns)}"
    frame = read_text(path, allowed=allowed)
    missing = [column for column in columns if column not in frame]
    if missing:
        raise InputError(f"missing columns: {', '.join(missing)}", where=path, allowed=allowed)
    return frame[list(columns)]
