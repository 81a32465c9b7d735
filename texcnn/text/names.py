"""Lists of names that users bring, such as those of genes."""

from __future__ import annotations

from texcnn.errors import InputError
from texcnn.text.lines import BLANKS, PathLike, numbered_lines

_SPREADSHEET_ERRORS = ("#N/A", "#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!")
"""They look like comments, and the gene would be lost."""


def read_names(path: PathLike) -> list[str]:
    """Reads one name per line: the first column of a tab-separated file, blank lines and ``#`` comments left out.

    Raises:
        InputError: when the file cannot be read, a line has no name in its first column, or there is no name.
    """
    names: list[str] = []
    for number, line in numbered_lines(path):
        if line.strip(BLANKS) in _SPREADSHEET_ERRORS:
            raise InputError(
                f"'{line.strip(BLANKS)}' is a spreadsheet's error, not a name", where=f"{path}, line {number}",
                remedy="look what the spreadsheet has there, and save the list again",
            )  # fmt: skip
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
