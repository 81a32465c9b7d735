"""What is wrong with a VCF that htslib cannot read, and in which line: htslib itself reports it on stderr only."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

_GZIP_MAGIC = b"\x1f\x8b"
_BGZF_EXTRA = b"BC\x02\x00"
_HEADER_END = "#CHROM"
_COLUMNS = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")


def is_plain_gzip(path: Path) -> bool:
    """Whether a file is gzip but not BGZF, whose blocks say their size."""
    with path.open("rb") as handle:
        head = handle.read(16)
    return head.startswith(_GZIP_MAGIC) and head[12:16] != _BGZF_EXTRA


def why_not_opened(path: Path, error: str, is_regular: bool) -> str:
    """Returns the reason for which a file has no readable header."""
    if "EOF marker" in error:
        return "the file is truncated: its last BGZF block is missing"
    if not is_regular:
        return f"no VCF header can be read ({error})"
    try:
        header = [line for _, line in zip(range(1_000_000), _lines(path), strict=False) if line.startswith("#")]
    except (OSError, EOFError, zlib.error, UnicodeDecodeError):
        return f"the file is not a VCF or BCF, or is damaged ({error})"
    columns = next((line.rstrip("\r\n").split("\t") for line in header if line.startswith(_HEADER_END)), None)
    if not header:
        return "the file has no header"
    if columns is None:
        return "the header has no line that starts with #CHROM"
    twice = [name for name, times in Counter(columns[9:]).items() if times > 1]
    if twice:
        return f"the sample '{twice[0]}' is in the header more than once"
    if tuple(columns[: len(_COLUMNS)]) != ("#CHROM", *_COLUMNS[1:]):
        return f"the line #CHROM names the columns {', '.join(columns[:9])}: they are {', '.join(_COLUMNS)} by tabs"
    return f"the header cannot be read ({error})"


def find_fault(path: Path, n_read: int) -> tuple[str | None, int | None]:
    """Looks for what is wrong with the record after those that could be read.

    Args:
        path: The file.
        n_read: Records read before.

    Returns:
        What is wrong, and the line's number from 1; None where it is unknown, as for BCF and pipes.
    """
    if not path.is_file():
        return None, None
    records, n_columns = 0, 0
    try:
        for number, line in enumerate(_lines(path), start=1):
            line = line.rstrip("\r\n")
            if line.startswith("#"):
                n_columns = len(line.split("\t"))
                continue
            records += 1
            if records > n_read:
                return _fault(line, n_columns), number
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return "the file is truncated or damaged", None
    except (OSError, UnicodeDecodeError):
        pass
    return None, None


def _fault(line: str, n_columns: int) -> str | None:
    fields = line.split("\t")
    if not line.strip():
        return "the line is empty"
    if len(fields) != n_columns:
        return f"the line has {len(fields)} columns separated by tabs, the header {n_columns}"
    if not (fields[1].isascii() and fields[1].isdigit()):
        return f"POS '{fields[1]}' is not a whole number"
    return None


def _lines(path: Path) -> Iterator[str]:
    """The lines of a text file, plain or gzipped."""
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP_MAGIC
    with gzip.open(path, "rt") if packed else path.open("rt") as handle:
        yield from handle
