"""Vectors of the windows just before, so that neighbouring genes' common segments are embedded once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


class SegmentMemory:
    """The vectors of one chunk of windows, for use in the next one.

    Genes come in the order of the genome in all but odd annotations, so the chunk before holds nearly all that can be
    reused: for human RefSeq, genes or transcripts, as much as a memory of everything would (docs/usage.md). It does
    not grow, and what is computed in a chunk depends on that chunk and the one before alone, so that a run that goes
    on after a kill computes the same batches, and the same bits, as one that never stopped.

    Attributes:
        asked: Usable segments of all windows so far.
        computed: Those that were not equal to another one of the same or the previous chunk.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.computed = 0
        self._rows: dict[str, int] = {}
        self._vectors = torch.zeros(0, 0)

    def remember(self, segments: Sequence[str], vectors: Tensor) -> None:
        """Takes over a chunk that was computed elsewhere.

        Args:
            segments: Its usable segments.
            vectors: float32 ``(len(segments), dim)``.
        """
        first: dict[str, int] = {}
        for row, segment in enumerate(segments):
            first.setdefault(segment, row)
        self._vectors = vectors[list(first.values())]
        self._rows = {segment: row for row, segment in enumerate(first)}

    def embed(self, segments: Sequence[str], compute: Callable[[Sequence[str]], Tensor]) -> Tensor:
        """Returns the vectors of the next chunk's usable segments, and forgets the chunk before.

        Args:
            segments: Usable segments, in any order, repeated or not.
            compute: Embeds distinct segments.

        Returns:
            float32 ``(len(segments), dim)``.
        """
        distinct = dict.fromkeys(segments)
        new = [segment for segment in distinct if segment not in self._rows]
        known = [segment for segment in distinct if segment in self._rows]
        old = self._vectors[[self._rows[segment] for segment in known]]
        fresh = compute(new)
        self._vectors = torch.cat([old, fresh]) if known else fresh
        self._rows = {segment: row for row, segment in enumerate([*known, *new])}
        self.asked += len(segments)
        self.computed += len(new)
        return self._vectors[[self._rows[segment] for segment in segments]]
