"""Vectors of segments seen before, by their bases, within a bound of memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from texcnn.errors import InputError
from texcnn.segments.segment import AnySegment

DEFAULT_CACHE_BYTES = 256 * 2**20
"""Room for the segments of some 5,000 windows with 320 numbers a segment, or 2,500 with DNABERT-2's 768."""

_FLOAT_BYTES = 4
_NO_SLOT = -1


class SegmentCache:
    """Vectors by bases; when the memory is used up, the least recently used are dropped.

    It belongs to one set of encoders and one number type: use a new one for others.

    Attributes:
        max_bytes: Bound of what vectors and bases take.
        asked: Segments requested so far.
        computed: Those of them that were computed; the others were in the cache, or equal to another one of their call.

    Args:
        max_bytes: As above. 0 keeps nothing.

    Raises:
        InputError: when the bound is negative.
    """

    def __init__(self, max_bytes: int = DEFAULT_CACHE_BYTES) -> None:
        if max_bytes < 0:
            raise InputError(f"unusable bound {max_bytes} of a cache", where="`max_bytes`", allowed="0 bytes or more")
        self.max_bytes = max_bytes
        self.asked = 0
        self.computed = 0
        self.nbytes = 0
        self._slots: OrderedDict[AnySegment, int] = OrderedDict()
        """The row of each segment, the least recently used first."""
        self._vectors = torch.zeros(0, 0)
        """One block for all vectors: single blocks, hundreds of thousands, would leave gaps."""
        self._free: list[int] = []

    def __len__(self) -> int:
        """Number of segments in the cache."""
        return len(self._slots)

    def __contains__(self, segment: AnySegment) -> bool:
        """Whether a segment's vector is here."""
        return segment in self._slots

    def embed(self, segments: Sequence[AnySegment], compute: Callable[[Sequence[AnySegment]], Tensor]) -> Tensor:
        """Returns the vectors of segments; computes those that are missing, each distinct one once.

        Args:
            segments: In any order, repeated or not.
            compute: Embeds distinct segments, float32 ``(n, dim)``.

        Returns:
            float32 ``(len(segments), dim)``. It does not depend on the cache's content or bound.
        """
        distinct = dict.fromkeys(segments)
        known = self.found(distinct)
        new = [segment for segment in distinct if segment not in known]
        fresh = compute(new)
        vectors = torch.cat([torch.stack(list(known.values())), fresh]) if known else fresh
        row_of = {segment: row for row, segment in enumerate([*known, *new])}
        self.count(asked=len(segments), computed=len(new))
        self.put(new, fresh)
        return vectors[[row_of[segment] for segment in segments]]

    def found(self, segments: Iterable[AnySegment]) -> dict[AnySegment, Tensor]:
        """Returns copies of the vectors that are here; they are then the last ones to be dropped."""
        found = {segment: self._slots[segment] for segment in segments if segment in self._slots}
        for segment in found:
            self._slots.move_to_end(segment)
        vectors = self._vectors.index_select(0, torch.tensor(list(found.values()), dtype=torch.int64))
        return dict(zip(found, vectors, strict=True))

    def clear(self) -> None:
        """Drops all vectors, and keeps the counts."""
        self._slots.clear()
        self._vectors, self._free, self.nbytes = torch.zeros(0, 0), [], 0

    def count(self, *, asked: int, computed: int) -> None:
        """Counts requested segments, and those of them that were computed."""
        self.asked += asked
        self.computed += computed

    def put(self, segments: Sequence[AnySegment], vectors: Tensor) -> None:
        """Takes over vectors that were computed elsewhere.

        Args:
            segments: Their bases; of equal ones the first counts.
            vectors: float32 ``(len(segments), dim)``.
        """
        if self.max_bytes == 0 or not len(segments):
            return
        size = vectors.shape[1] * _FLOAT_BYTES
        rows: dict[AnySegment, int] = {}
        for row, segment in enumerate(segments):
            if segment in self._slots:
                self._slots.move_to_end(segment)
                continue
            rows[segment] = row
            self._slots[segment] = _NO_SLOT
            self.nbytes += size + len(segment)
        while self.nbytes > self.max_bytes:
            dropped, slot = self._slots.popitem(last=False)
            self.nbytes -= size + len(dropped)
            if slot == _NO_SLOT:
                del rows[dropped]
            else:
                self._free.append(slot)
        self._keep(rows, vectors)

    def _keep(self, rows: dict[AnySegment, int], vectors: Tensor) -> None:
        """Copies vectors into free rows of the block."""
        if not rows:
            return
        if not len(self._vectors):
            # Memory that nothing was written to yet is not taken from the system.
            with torch.inference_mode(False):  # kept for later calls, some of them in that mode and some not
                self._vectors = torch.empty(self.max_bytes // (vectors.shape[1] * _FLOAT_BYTES), vectors.shape[1])
            self._free = list(range(len(self._vectors)))[::-1]
        slots = [self._free.pop() for _ in rows]
        self._slots.update(zip(rows, slots, strict=True))
        kept = vectors if len(rows) == len(vectors) else vectors[list(rows.values())]
        self._vectors.index_copy_(0, torch.tensor(slots), kept)
