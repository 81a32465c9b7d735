"""Lists that users write by hand."""

from __future__ import annotations

from pathlib import Path

from texcnn.errors import InputError


def read_names(path: Path) -> list[str]:
    """Reads one name per line: the first column of a tab-separated file, blank lines and ``#`` comments left out.

    Raises:
        InputError: when the file cannot be read or has no name.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"unreadable list of genes: {error}", where=path, allowed="text, a name per line") from error
    names = [line.partition("\t")[0].strip() for line in lines]
    names = [name for name in names if name and not name.startswith("#")]
    if not names:
        raise InputError("the list of genes is empty", where=path, allowed="an id or name per line")
    return names
