"""What is wrong with a FASTA that cannot be indexed, and in which line."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from texcnn.errors import InputError

_GZIP_MAGIC = b"\x1f\x8b"
_NO_LETTER = re.compile(rb"[^!-/:-~]|[;>]")
"""What no line of bases holds: blanks, digits, control characters, bytes beyond ASCII, the start of a header."""

_INDEX_AGAIN = "import sys, pysam; pysam.faidx(*sys.argv[1:])"
_HTSLIB_MESSAGE = re.compile(r"^\[[EW]::\w+\] *(.+)$", re.MULTILINE)


def unusable(fasta: Path, reason: str) -> InputError:
    """Builds the error for a FASTA whose bases cannot be found: the first fault of its lines.

    Args:
        fasta: The file, plain or BGZF.
        reason: What indexing failed with, for where the lines show no fault.
    """
    fault = next(find_faults(fasta), None)
    return InputError(
        f"the FASTA cannot be used: {fault[1] if fault else reason}"
        + (f" ({reason})" if fault and reason.startswith("htslib") else ""),
        where=f"{fasta}, line {fault[0]}" if fault else fasta,
        allowed="UTF-8 names, each once; below each, lines of letters, all but the last of one length",
        remedy="write the file again, such as with: seqkit seq -w 60 FASTA",
    )


def find_faults(fasta: Path) -> Iterator[tuple[int, str]]:
    """Yields the line and the kind of each fault for which a FASTA cannot be indexed, in the order of the file."""
    with fasta.open("rb") as raw:
        packed = raw.read(2) == _GZIP_MAGIC
    with gzip.open(fasta) if packed else fasta.open("rb") as lines:
        names: dict[bytes, int] = {}
        shown, width, usual_end, ended, empty_since = "", 0, 0, "", 0
        number = 0
        for number, ended_line in enumerate(lines, start=1):
            line = ended_line.rstrip(b"\r\n")
            if b"\r" in line:
                yield number, "lines end in CR alone, as of an old Macintosh"
                return
            if line.startswith(b">"):
                if empty_since:
                    yield empty_since, f"the sequence '{shown}' has no bases"
                name = (line[1:].split(maxsplit=1) or [b""])[0]
                shown, width, ended, empty_since = name.decode("utf-8", "backslashreplace"), 0, "", number
                yield from _faults_of_name(name, number, names)
                continue
            if line:
                empty_since = 0
            if wrong := _NO_LETTER.search(line):
                yield number, f"{_kind(wrong[0])} among the bases of '{shown}'"
            if ended and line:
                yield number, f"a line of '{shown}' follows {ended}"
            if width and len(line) > width:
                yield number, f"a line of '{shown}' is longer than the one before: {len(line)} letters after {width}"
            end = len(ended_line) - len(line)
            if width and end > usual_end:
                yield number, f"a line of '{shown}' ends in CR LF, the one before in LF"
            if not width:
                width, usual_end = len(line), end
            if len(line) < width or not line:
                ended = ended or "a shorter or an empty one"
            elif end < usual_end:
                ended = ended or "one that ends in LF, not in CR LF"
        if empty_since:
            yield number, f"the sequence '{shown}' has no bases"


def htslib_reason(arguments: list[str]) -> str:
    """Returns htslib's own words: it writes them to standard error, so indexing is tried again in another process."""
    tried = subprocess.run(
        [sys.executable, "-c", _INDEX_AGAIN, *arguments], capture_output=True, text=True, check=False
    )
    messages = _HTSLIB_MESSAGE.findall(tried.stderr)
    return messages[0].strip() if messages else "Could not build fai index"


def _faults_of_name(name: bytes, number: int, names: dict[bytes, int]) -> Iterator[tuple[int, str]]:
    if not name:
        yield number, "a sequence has no name"
    elif name in names:
        yield (
            number,
            f"the file holds a name twice: '{name.decode('utf-8', 'backslashreplace')}', first in line {names[name]}",
        )
    names.setdefault(name, number)
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        yield number, f"the name '{name.decode('utf-8', 'backslashreplace')}' is not UTF-8"


def _kind(byte: bytes) -> str:
    if byte.isdigit():
        return f"the digit {byte.decode()}"
    if byte in b" \t":
        return "a blank"
    return f"the byte 0x{byte.hex()}" if byte not in b";>" else f"the character {byte.decode()}"
