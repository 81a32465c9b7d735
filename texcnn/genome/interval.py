"""Positions on the genome: intervals that check themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from texcnn.errors import InputError

_INTERVAL = re.compile(r"(?P<chrom>.+?):(?P<start>-?\d+)-(?P<end>-?\d+)(?::(?P<strand>[+.-]))?")
_COMPLEMENT = str.maketrans("ACGTNacgtn", "TGCANtgcan")


def reverse_complement(bases: str) -> str:
    """Reverse complement of ``ACGTN`` bases; the case of each base is kept.

    Raises:
        InputError: A letter is not one of ``ACGTN``.
    """
    _check_bases("bases", bases.upper(), where=None)
    return bases.translate(_COMPLEMENT)[::-1]


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of one chromosome, 0-based half-open.

    Attributes:
        chrom: Name of the chromosome.
        start: First base. It may be negative: a window can hang over the chromosome's start.
        end: The base after the last one; always greater than ``start``.
        strand: ``+``, ``-``, or ``.`` where there is none.

    Raises:
        InputError: The chromosome is unnamed, the interval is empty or the strand unknown.
    """

    chrom: str
    start: int
    end: int
    strand: str = "+"

    def __post_init__(self) -> None:
        """Checks the fields."""
        if not self.chrom:
            raise InputError("an interval has no chromosome name", where=f"interval {self}")
        if self.start >= self.end:
            raise InputError(
                f"start {self.start} is not below end {self.end}", where=f"interval {self}", allowed="start < end"
            )
        if self.strand not in ("+", "-", "."):
            raise InputError(f"unknown strand '{self.strand}'", where=f"interval {self}", allowed="+, - or .")

    def __len__(self) -> int:
        """Number of bases."""
        return self.end - self.start

    def __str__(self) -> str:
        """``chrom:start-end:strand``, 0-based half-open, as ``from_str`` reads it."""
        return f"{self.chrom}:{self.start}-{self.end}:{self.strand}"

    @classmethod
    def from_str(cls, text: str) -> Self:
        """Reads ``chrom:start-end`` or ``chrom:start-end:strand`` (0-based half-open; no strand means ``+``).

        Raises:
            InputError: The text has another form.
        """
        match = _INTERVAL.fullmatch(text)
        if match is None:
            raise InputError(f"'{text}' is not an interval", allowed="chrom:start-end or chrom:start-end:strand")
        return cls(match["chrom"], int(match["start"]), int(match["end"]), match["strand"] or "+")


def _check_bases(kind: str, bases: str, *, where: str | None) -> None:
    wrong = sorted(set(bases) - set("ACGTN"))
    if wrong:
        raise InputError(
            f"unusable letters in the {kind}: {', '.join(map(repr, wrong))}", where=where, allowed="A, C, G, T and N"
        )
