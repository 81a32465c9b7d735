"""Which encoders read which segments of a window, and what they are given of the bases around them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from texcnn.encoders.protocol import Encoder, Placed
from texcnn.segments.segment import AnySegment, PlacedSegment, SegmentSpec


class Placing:
    """What encoders need to know about the place of a segment; nothing unless one of them is ``Placed``.

    Args:
        encoders: In the order of their vectors.
    """

    def __init__(self, encoders: Sequence[Encoder]) -> None:
        self._placed = [encoder if isinstance(encoder, Placed) else None for encoder in encoders]
        self._readers: dict[int, tuple[tuple[int, ...], int]] = {}

    def cut(self, window: str, numbers: Sequence[int], spec: SegmentSpec) -> list[AnySegment]:
        """Cuts segments out of a window.

        Args:
            window: Upper-case ``ACGTN``.
            numbers: Which segments.
            spec: How it is cut.

        Returns:
            Their bases; where an encoder reads some segments only, or bases around them, what it needs to know as well.
        """
        length = spec.length
        if not any(self._placed):
            return [window[number * length : (number + 1) * length] for number in numbers]
        return [self._place(window, number, number * length, (number + 1) * length) for number in numbers]

    def readers(self, number: int) -> tuple[tuple[int, ...], int]:
        """Returns which encoders read the segment of that number, and how many bases on either side of it they do."""
        if number not in self._readers:
            readers = [i for i, each in enumerate(self._placed) if each is None or reads_segment(each, number)]
            context = max((each.context for i in readers if (each := self._placed[i]) is not None), default=0)
            self._readers[number] = tuple(readers), context
        return self._readers[number]

    def read_by(self, index: int, segments: Sequence[AnySegment]) -> Sequence[int]:
        """Returns the places of those segments that one of the encoders reads."""
        if self._placed[index] is None:
            return range(len(segments))
        return [place for place, each in enumerate(segments) if isinstance(each, str) or index in each.readers]

    def bases(self, index: int, segments: Sequence[AnySegment]) -> list[str]:
        """Returns what one of the encoders tokenises of segments."""
        placed = self._placed[index]
        context = placed.context if placed is not None else 0
        ends = "N" * context
        return [ends + each + ends if isinstance(each, str) else each.with_context(context) for each in segments]

    def _place(self, window: str, number: int, start: int, stop: int) -> PlacedSegment:
        readers, context = self.readers(number)
        before, after = window[max(start - context, 0) : start], window[stop : stop + context]
        return PlacedSegment(window[start:stop], readers, before, after)


def reads_segment(encoder: Placed, number: int) -> bool:
    """Whether an encoder reads the segment of that number in a window."""
    return encoder.segments is None or encoder.segments[0] <= number < encoder.segments[1]


def laid_out(vectors: Tensor, places: Sequence[int], n: int) -> Tensor:
    """Puts vectors in their places among ``n``, which are ascending; the others are zero."""
    if len(places) == n:
        return vectors
    found = torch.zeros(n, vectors.shape[1])
    found[list(places)] = vectors
    return found
