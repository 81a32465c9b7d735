"""Bases of many small, near places, without opening the FASTA's blocks again for each."""

from __future__ import annotations

from functools import lru_cache

from texcnn.genome.interval import Interval, reverse_complement
from texcnn.genome.reference import Reference

_BLOCK = 1 << 16
_BLOCKS = 32
"""2 MB of bases: enough for the genes of one region and for variants that come in any order around them."""


class CachedBases:
    """Reads bases of the plus strand by blocks and keeps the last ones.

    Args:
        reference: The genome.
    """

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self._block = lru_cache(_BLOCKS)(self._read)

    def fetch(self, chrom: str, start: int, end: int) -> str:
        """Returns upper-case bases of ``start`` to ``end``, 0-based half-open; N beyond the chromosome's ends."""
        if start >= end:
            return ""
        length = self.reference.lengths[chrom]
        inside_start, inside_end = min(max(start, 0), length), max(min(end, length), 0)
        if inside_start >= inside_end:
            return "N" * (end - start)
        first, last = inside_start // _BLOCK, (inside_end - 1) // _BLOCK
        bases = "".join(self._block(chrom, block) for block in range(first, last + 1))
        found = bases[inside_start - first * _BLOCK : inside_end - first * _BLOCK]
        return "N" * (inside_start - start) + found + "N" * (end - inside_end)

    def fetch_stranded(self, interval: Interval) -> str:
        """Returns the bases of an interval on its strand; N beyond the chromosome's ends."""
        bases = self.fetch(interval.chrom, interval.start, interval.end)
        return reverse_complement(bases) if interval.strand == "-" else bases

    def _read(self, chrom: str, block: int) -> str:
        start = block * _BLOCK
        return self.reference.fetch(Interval(chrom, start, min(start + _BLOCK, self.reference.lengths[chrom])))
