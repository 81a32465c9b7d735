"""A transcript's exons and coding bases to the parts of its mRNA."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from texcnn.errors import InputError

Blocks = tuple[tuple[int, int], ...]
"""Places on one chromosome, 0-based half-open, in genome order, without overlap."""


@dataclass(frozen=True, slots=True)
class Mrna:
    """The parts of a coding transcript.

    Attributes:
        exons: Its exons.
        utr5: Exonic bases before the first coding one, along the strand; empty where there are none.
        cds: The coding bases, the stop codon among them.
        utr3: Exonic bases after the last coding one.
    """

    exons: Blocks
    utr5: Blocks
    cds: Blocks
    utr3: Blocks

    @classmethod
    def of(cls, exons: Sequence[int], coding: Sequence[int], strand: str) -> Self:
        """Cuts a transcript into its parts.

        Args:
            exons: start, end, start, end, ... of the exons in any order. May be empty or lack coding bases: these
                count as exonic in any case, for annotations that have CDS rows alone.
            coding: The same of the CDS and the stop codon. Overlapping and touching blocks count once (a ribosomal
                frameshift splits a CDS where no intron is).
            strand: ``+`` or ``-``.

        Raises:
            InputError: There is no coding base.
        """
        if not coding:
            raise InputError("the transcript has no CDS", allowed="coding transcripts")
        cds = _merge(coding)
        all_exons = _merge([*exons, *coding])
        before = _clip(all_exons, all_exons[0][0], cds[0][0])
        after = _clip(all_exons, cds[-1][1], all_exons[-1][1])
        utr5, utr3 = (after, before) if strand == "-" else (before, after)
        return cls(all_exons, utr5, cds, utr3)

    @property
    def intron_length(self) -> int:
        """Bases of all introns together, those in the UTRs among them."""
        return self.exons[-1][1] - self.exons[0][0] - n_bases(self.exons)

    @property
    def n_coding_exons(self) -> int:
        """Exons with at least one coding base."""
        starts = [start for start, _ in self.exons]
        return len({bisect_right(starts, start) for start, _ in self.cds})


def n_bases(blocks: Blocks) -> int:
    """Bases of all blocks together."""
    return sum(end - start for start, end in blocks)


def _merge(numbers: Sequence[int]) -> Blocks:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(zip(numbers[::2], numbers[1::2], strict=True)):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def _clip(blocks: Blocks, first: int, last: int) -> Blocks:
    return tuple((max(start, first), min(end, last)) for start, end in blocks if start < last and end > first)
