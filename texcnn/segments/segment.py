"""A window cut into consecutive segments, and which of them carry enough bases to be read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from texcnn.errors import InputError


@dataclass(frozen=True)
class Segments:
    """The segments of one window, in the direction of transcription.

    Attributes:
        bases: The bases of each segment.
        n_fraction: Share of each segment that is not ``A``, ``C``, ``G`` or ``T``; float32 ``(n_segments,)``.
        mask: True where a segment is usable; bool ``(n_segments,)``.
    """

    bases: tuple[str, ...]
    n_fraction: NDArray[np.float32]
    mask: NDArray[np.bool_]

    @property
    def usable(self) -> list[str]:
        """The bases of the usable segments."""
        return [bases for bases, keep in zip(self.bases, self.mask, strict=True) if keep]

    @property
    def usable_numbers(self) -> list[int]:
        """The numbers of the usable segments."""
        return np.flatnonzero(self.mask).tolist()

    def __len__(self) -> int:
        """Number of segments."""
        return len(self.bases)


@dataclass(frozen=True, slots=True)
class PlacedSegment:
    """A segment whose vector depends on where in its window it lies.

    Attributes:
        bases: Upper-case ``ACGTN``.
        readers: Numbers of the encoders that read it, ascending.
        before: Bases before it, for encoders that read these as well.
        after: Bases after it, as many.
    """

    bases: str
    readers: tuple[int, ...]
    before: str = ""
    after: str = ""

    def __len__(self) -> int:
        """Number of bases that it holds."""
        return len(self.before) + len(self.bases) + len(self.after)

    def with_context(self, context: int) -> str:
        """Returns its bases and some on either side, N where it holds none."""
        before, after = self.before[max(len(self.before) - context, 0) :], self.after[:context]
        return "N" * (context - len(before)) + before + self.bases + after + "N" * (context - len(after))


AnySegment = str | PlacedSegment
"""A segment, or the bases of one whose vector they alone decide."""


@dataclass(frozen=True)
class SegmentSpec:
    """How windows are cut.

    Attributes:
        length: Bases per segment. 500 bases are 495 6-mers, inside DNABERT's 512 positions.
        max_n_fraction: A segment with a larger share of unknown bases is masked, so that no embedding is made up
            for it.

    Raises:
        InputError: if the length is not positive or the fraction not within 0 and 1.
    """

    length: int = 500
    max_n_fraction: float = 0.5

    def __post_init__(self) -> None:
        """Checks both values."""
        if self.length < 1:
            raise InputError(
                f"unusable segment length {self.length}", where="SegmentSpec", allowed="a whole number from 1"
            )
        if not 0 <= self.max_n_fraction <= 1:
            raise InputError(
                f"unusable max_n_fraction {self.max_n_fraction}", where="SegmentSpec", allowed="0 to 1, both included"
            )

    def n_segments(self, window_length: int) -> int:
        """Returns how many segments a window of that many bases is cut into; the last one may be shorter."""
        return -(-window_length // self.length)

    def is_usable(self, segment: str) -> bool:
        """Returns whether a segment has enough known bases.

        Everything but ACGT counts, not only N: a letter that no encoder knows must not pass for a base.
        """
        return _unknown(segment) / len(segment) <= self.max_n_fraction

    def split(self, sequence: str) -> Segments:
        """Cuts a window of upper-case ``ACGTN``.

        The last segment is shorter where the window is not a multiple of the length; its share of unknown bases is of
        its own length.
        """
        bases = tuple(sequence[start : start + self.length] for start in range(0, len(sequence), self.length))
        n_fraction = np.array([_unknown(segment) / len(segment) for segment in bases], dtype=np.float64)
        return Segments(bases, n_fraction.astype(np.float32), n_fraction <= self.max_n_fraction)


def _unknown(segment: str) -> int:
    return len(segment) - sum(map(segment.count, "ACGT"))
