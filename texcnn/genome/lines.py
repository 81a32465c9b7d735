"""Lines of a text file, plain or gzipped, with their numbers."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from texcnn.errors import InputError

_GZIP_MAGIC = b"\x1f\x8b"


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yields each line without its end, numbered from 1.

    Compression is told from the first bytes, not from the name.

    Args:
        path: A text file in UTF-8, plain, gzip or BGZF.

    Raises:
        InputError: The file is missing, empty, unreadable, truncated or not text.
    """
    number = 0
    try:
        with path.open("rb") as raw:
            magic = raw.read(2)
        if not magic:
            raise InputError("the file is empty", where=path)
        opener = gzip.open if magic == _GZIP_MAGIC else open
        with opener(path, "rt", encoding="utf-8-sig") as handle:
            for number, line in enumerate(handle, start=1):
                yield number, line.rstrip("\n")
    except FileNotFoundError as error:
        raise InputError("the file does not exist", where=path) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"the gzip file is truncated or damaged ({error})", where=f"{path}, after line {number}",
            remedy="fetch or compress it anew; gzip -t tests it",
        ) from error  # fmt: skip
    except UnicodeDecodeError as error:
        raise InputError(
            "the file is not text", where=f"{path}, after line {number}", allowed="UTF-8 text, plain or gzipped"
        ) from error
    except OSError as error:
        raise InputError(f"the file cannot be read ({error.strerror})", where=path) from error
