"""The lines of a ``.fai``, and whether they are those of a FASTA."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from texcnn.errors import InputError
from texcnn.genome.fasta_text import read_texts

_DIGITS = 19
"""Numbers of fewer digits fit into 64 bits."""

_CHECKED_RECORDS = 1000
"""An index of more records (a draft assembly's scaffolds) is checked on this many, spread evenly."""


@dataclass(frozen=True, slots=True)
class FastaRecord:
    """One line of a ``.fai``: a sequence, where it starts in the text and how its lines are laid out."""

    name: str
    length: int
    offset: int
    line_bases: int
    line_width: int

    @property
    def end(self) -> int:
        """Offset just behind the last base."""
        if self.length == 0:
            return self.offset
        full_lines, rest = divmod(self.length - 1, self.line_bases)
        return self.offset + full_lines * self.line_width + rest + 1


def read_fai(fai: Path) -> list[FastaRecord]:
    """Reads the lines of an index.

    Raises:
        InputError: The file cannot be read.
        ValueError: It is not an index.
    """
    records: list[FastaRecord] = []
    try:
        text = fai.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("the index is not text") from error
    except OSError as error:
        raise InputError(f"the index of the FASTA cannot be read ({error.strerror})", where=fai) from error
    for number, line in enumerate(text.split("\n"), start=1):
        if not line:
            continue
        name, *fields = line.rstrip("\r").split("\t")
        numbers = [int(field) for field in fields[:4] if field.isascii() and field.isdigit() and len(field) < _DIGITS]
        if len(numbers) < 4 or not name or (numbers[0] and not 0 < numbers[2] <= numbers[3]):
            raise ValueError(f"its line {number} is not a line of a .fai")
        records.append(FastaRecord(name, *numbers))
    if not records:
        raise ValueError("it lists no sequence")
    return records


def check_agreement(fasta: Path, gzi: Path | None, records: list[FastaRecord]) -> None:
    """Checks that headers are where the index has them, and that nothing follows the last sequence.

    Raises:
        ValueError: They do not, or the text cannot be read there.
    """
    _check_line_ends(fasta, gzi, records)
    ordered = sorted(records, key=lambda record: record.offset)
    pairs = list(itertools.pairwise(ordered))
    pairs = pairs[:: max(1, len(pairs) // _CHECKED_RECORDS)]
    last = ordered[-1]
    gaps = [(0, ordered[0].offset), *((previous.end, record.offset - previous.end) for previous, record in pairs)]
    tails = [(last.end, 1 << power) for power in range(17)]
    texts = read_texts(fasta, gzi, [*gaps, (last.end - 1, 1), *tails])
    for gap, record in zip(texts, [ordered[0], *(record for _, record in pairs)], strict=False):
        _check_header(gap, record)
    base, rest = texts[len(gaps)], texts[len(gaps) + 1 :]
    # Letters and marks of gaps; a digit or a line end is of another file.
    if last.length and (base is None or base.isspace() or base.isdigit()):
        raise ValueError(f"the file ends before the last base of '{last.name}'")
    if any(text is not None and text.strip() for text in rest):
        raise ValueError(f"text follows the last sequence, '{last.name}'")


def _check_line_ends(fasta: Path, gzi: Path | None, records: list[FastaRecord]) -> None:
    """Checks that only a line end follows the bases of a line: htslib skips bytes that are not letters."""
    with_more = [record for record in records if record.length and record.line_width - record.line_bases > 1]
    with_more = with_more[:: max(1, len(with_more) // _CHECKED_RECORDS)]
    ends = read_texts(fasta, gzi, [(record.offset + record.line_bases, 1) for record in with_more])
    for record, end in zip(with_more, ends, strict=True):
        if record.line_width - record.line_bases > len("\r\n") or end not in (b"\r", b" ", b"\t"):
            raise ValueError(f"the lines of '{record.name}' hold more than bases and a line end")


def _check_header(gap: bytes | None, record: FastaRecord) -> None:
    """Checks that the text between two sequences is the header of the second and no more."""
    header = b"" if gap is None else gap.strip()
    words = header[1:].split()
    if not (gap and gap.endswith(b"\n") and header.startswith(b">") and header.count(b"\n") == 0):
        raise ValueError(f"no header is before '{record.name}'")
    if not words or words[0] != record.name.encode():
        raise ValueError(f"another header is before '{record.name}'")
