"""Vectors of the segments of some windows, and which of them are masked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from texcnn.segments.segment import Segments


@dataclass(frozen=True)
class Embeddings:
    """Segment vectors of some windows.

    Attributes:
        values: float32 ``(n_windows, n_segments, dim)``; zero where masked.
        mask: bool ``(n_windows, n_segments)``, True where the segment has enough known bases.
    """

    values: Tensor
    mask: Tensor

    @classmethod
    def of_cut(cls, cut: Sequence[Segments], vectors: Tensor) -> Self:
        """Lays out the vectors of cut windows' usable segments, float32 ``(n, dim)``, one window after another."""
        if not cut:
            return cls(torch.zeros(0, 0, vectors.shape[1]), torch.zeros(0, 0, dtype=torch.bool))
        mask = torch.stack([torch.from_numpy(segments.mask) for segments in cut])
        if len(vectors) == mask.numel():  # nothing is masked: no copy
            return cls(vectors.view(*mask.shape, vectors.shape[1]), mask)
        values = torch.zeros(*mask.shape, vectors.shape[1])
        values[mask] = vectors
        return cls(values, mask)
