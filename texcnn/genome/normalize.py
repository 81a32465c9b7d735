"""The smallest change of the genome that a variant states, and how far it can be moved without changing anything."""

from __future__ import annotations

from dataclasses import dataclass

from texcnn.genome.cached_bases import CachedBases
from texcnn.genome.interval import reverse_complement

_LOOKED_AT = 64
"""Bases read at a time while an indel is moved through a repeat."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Bases of one chromosome's plus strand replaced by others, without bases that both alleles share at an end.

    Attributes:
        chrom: Name of the chromosome in the FASTA.
        start: First replaced base, 0-based; an insertion is before it.
        end: The base after the last replaced one; ``start`` for an insertion.
        alt: Bases that replace them; empty for a deletion.
        left: Bases by which an insertion or deletion can be moved to the left and still give the same sequence.
        right: The same to the right.
    """

    chrom: str
    start: int
    end: int
    alt: str
    left: int = 0
    right: int = 0

    def moved(self, by: int) -> Edit:
        """Returns the same change stated further right, or left where ``by`` is negative.

        Args:
            by: From ``-left`` to ``right``.
        """
        if not -self.left <= by <= self.right:
            raise ValueError(f"{self} cannot be moved by {by}")
        if not by:
            return self
        turn = by % len(self.alt) if self.alt else 0
        alt = self.alt[turn:] + self.alt[:turn]
        return Edit(self.chrom, self.start + by, self.end + by, alt, self.left + by, self.right - by)

    def mirrored(self, length: int) -> Edit:
        """Returns the same change on the reverse complement of a chromosome of ``length`` bases."""
        start, end = length - self.end, length - self.start
        return Edit(self.chrom, start, end, reverse_complement(self.alt), self.right, self.left)


def trim(start: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Removes bases that two alleles share: first at the start, then at the end.

    In this order an indel never reaches the base before it that VCF writes, which may have its own variant.

    Returns:
        The position of the first base kept, and both alleles' remaining bases; one of them may be empty.
    """
    before = 0
    while before < min(len(ref), len(alt)) and ref[before] == alt[before]:
        before += 1
    start, ref, alt = start + before, ref[before:], alt[before:]
    after = 0
    while after < min(len(ref), len(alt)) and ref[-1 - after] == alt[-1 - after]:
        after += 1
    return start, ref[: len(ref) - after], alt[: len(alt) - after]


def to_edit(bases: CachedBases, chrom: str, start: int, ref: str, alt: str) -> Edit:
    """Turns alleles that agree with the genome into their smallest change.

    Args:
        bases: The genome.
        chrom: Name of the chromosome in it.
        start: Place of the first base of ``ref``, 0-based.
        ref: Upper-case bases of the genome; may be empty.
        alt: Upper-case bases that replace them, different from ``ref``; may be empty.

    Returns:
        The change where the alleles state it, and how far it can be moved.
    """
    start, ref, alt = trim(start, ref, alt)
    end = start + len(ref)
    if ref and alt:
        return Edit(chrom, start, end, alt)
    return Edit(
        chrom, start, end, alt, _room(bases, chrom, start, ref or alt, -1), _room(bases, chrom, end, ref or alt, 1)
    )


def is_normalized(start: int, ref: str, alt: str, edit: Edit) -> bool:
    """Whether alleles are trimmed and left-aligned as ``bcftools norm`` and VCF's specification want them."""
    anchor = 1 if edit.start == edit.end or not edit.alt else 0
    if start == edit.start - anchor:
        return edit.left == 0 and len(ref) == edit.end - edit.start + anchor and len(alt) == len(edit.alt) + anchor
    # At the chromosome's first base there is none before, so the base after the change is written instead.
    return edit.start == start == 0 and anchor == 1 and len(ref) == edit.end + 1 and len(alt) == len(edit.alt) + 1


def _room(bases: CachedBases, chrom: str, place: int, unit: str, direction: int) -> int:
    """How far a unit that is inserted or deleted at ``place`` slides: as long as the next base repeats it."""
    length = bases.reference.lengths[chrom]
    room = 0
    while True:
        if direction < 0:
            found = bases.fetch(chrom, max(place - room - _LOOKED_AT, 0), place - room)[::-1]
        else:
            found = bases.fetch(chrom, place + room, min(place + room + _LOOKED_AT, length))
        for base in found:
            turn = room % len(unit)
            if base != (unit[-1 - turn] if direction < 0 else unit[turn]):
                return room
            room += 1
        if len(found) < _LOOKED_AT:
            return room
