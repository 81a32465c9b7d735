"""k-mer counts: how often each k-mer occurs in a segment, as a multiple of what equal shares would be."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from torch import Tensor

from texcnn.encoders.contributions import spread_over_bases
from texcnn.encoders.protocol import EncoderSpec
from texcnn.encoders.weights import EncoderFiles, require_option
from texcnn.errors import ModelError
from texcnn.segments.bases import base_codes, kmer_numbers, kmer_starts

_LARGEST_K = 6
"""4,096 numbers per segment."""


class KmerCountsEncoder:
    """Counts k-mers; there is nothing to learn.

    Args:
        k: Bases per k-mer.

    Raises:
        ModelError: when ``k`` is not within 1 and 6.
    """

    def __init__(self, k: int) -> None:
        if not 1 <= k <= _LARGEST_K:
            raise ModelError(f"unusable k-mer length {k}", allowed=f"1 to {_LARGEST_K}")
        self.name = f"kmer-counts-{k}"
        self.dim = 4**k
        self.k = k
        self._device = torch.device("cpu")

    def tokenize(self, segments: Sequence[str]) -> list[list[int]]:
        """Turns segments into their k-mers' numbers."""
        return [kmer_numbers(base_codes(segment), self.k).tolist() for segment in segments]

    def embed(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Returns float32 ``(n, 4**k)``: the share of each k-mer among those without an unknown base, times ``4**k``.

        So 1 is what equal shares would give, a size that a network learns from; zero where there is no known k-mer.
        """
        shares = [np.bincount(np.asarray(row, np.int64), minlength=self.dim) / max(len(row), 1) for row in tokens]
        values = (np.array(shares) * self.dim).astype(np.float32).reshape(-1, self.dim)
        return torch.from_numpy(values).to(self._device)

    def base_contributions(self, segment: str, gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Returns gradient x input of the counts, each k-mer's spread over its bases."""
        codes = base_codes(segment)
        numbers = kmer_numbers(codes, self.k)
        spans = [(start, start + self.k) for start in kmer_starts(codes, self.k).tolist()]
        gradients = gradients.cpu()
        return spread_over_bases(gradients[:, numbers] * (self.dim / max(len(numbers), 1)), spans, len(segment))

    def to(self, device: torch.device) -> Self:
        """Chooses where the vectors go."""
        self._device = device
        return self

    def fingerprint(self) -> str:
        """Hex digest of the name, which says all."""
        return hashlib.sha256(self.name.encode()).hexdigest()


def load_kmer_counts(spec: EncoderSpec, bundle: EncoderFiles | None = None) -> KmerCountsEncoder:
    """Makes the encoder of the option ``k``.

    Raises:
        ModelError: when it is missing or unusable.
    """
    return KmerCountsEncoder(require_option(spec, "k"))
