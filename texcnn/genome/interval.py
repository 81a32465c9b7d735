"""Where something lies on the genome: intervals and variants that check themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from texcnn.errors import InputError

_INTERVAL = re.compile(r"(?P<chrom>.+?):(?P<start>-?\d+)-(?P<end>-?\d+)(?::(?P<strand>[+.-]))?")
_VARIANT = re.compile(r"(?P<chrom>.+):(?P<pos>\d+):(?P<ref>[^:>]+)>(?P<alt>[^:>]+)")
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


@dataclass(frozen=True, slots=True)
class Variant:
    """A replacement of reference bases by others, as a VCF row states it.

    Attributes:
        chrom: Name of the chromosome.
        pos: Position of the first reference base, 1-based.
        ref: Reference bases, upper-case ``ACGTN``.
        alt: Bases in their place, upper-case ``ACGTN``.
        id: Name of the variant, ``.`` where it has none.

    Raises:
        InputError: The position is below 1, an allele is empty or not ``ACGTN``, or both alleles are equal.
    """

    chrom: str
    pos: int
    ref: str
    alt: str
    id: str = "."

    def __post_init__(self) -> None:
        """Checks the fields."""
        where = f"variant {self}"
        if not self.chrom:
            raise InputError("a variant has no chromosome name", where=where)
        if self.pos < 1:
            raise InputError(f"position {self.pos} is below 1", where=where, allowed="1-based positions, as in VCF")
        for kind, bases in (("reference allele", self.ref), ("alternative allele", self.alt)):
            if not bases:
                raise InputError(f"the {kind} is empty", where=where, remedy="write the base before it, as VCF does")
            _check_bases(kind, bases, where=where)
        if self.ref == self.alt:
            raise InputError("the reference and the alternative allele are equal", where=where)

    def __str__(self) -> str:
        """``chrom:pos:ref>alt``, as ``from_str`` reads it."""
        return f"{self.chrom}:{self.pos}:{self.ref}>{self.alt}"

    @property
    def interval(self) -> Interval:
        """The reference bases the variant replaces."""
        return Interval(self.chrom, self.pos - 1, self.pos - 1 + len(self.ref))

    @classmethod
    def from_str(cls, text: str) -> Self:
        """Reads ``chrom:pos:ref>alt`` (1-based); lower-case bases are upper-cased.

        Raises:
            InputError: The text has another form.
        """
        match = _VARIANT.fullmatch(text)
        if match is None:
            raise InputError(f"'{text}' is not a variant", allowed="chrom:pos:ref>alt, such as chr1:123:A>G")
        return cls(match["chrom"], int(match["pos"]), match["ref"].upper(), match["alt"].upper())


def _check_bases(kind: str, bases: str, *, where: str | None) -> None:
    wrong = sorted(set(bases) - set("ACGTN"))
    if wrong:
        raise InputError(
            f"unusable letters in the {kind}: {', '.join(map(repr, wrong))}", where=where, allowed="A, C, G, T and N"
        )
