"""k-mer counts: how often each k-mer occurs in a segment, as a multiple of what equal shares would be."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
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
        places: Equal parts of a segment that are counted one by one; a k-mer counts where it starts.

    Raises:
        ModelError: when ``k`` is not within 1 and 6, or ``places`` not a whole number from 1.
    """

    def __init__(self, k: int, places: int = 1) -> None:
        if not 1 <= k <= _LARGEST_K:
            raise ModelError(f"unusable k-mer length {k}", allowed=f"1 to {_LARGEST_K}")
        if type(places) is not int or places < 1:
            raise ModelError(f"unusable number of places {places}", allowed="a whole number from 1")
        self.name = f"kmer-counts-{k}" + (f"-in-{places}" if places > 1 else "")
        self.dim = 4**k * places
        self.k, self.places = k, places
        self._device = torch.device("cpu")

    def tokenize(self, segments: Sequence[str]) -> list[list[int]]:
        """Turns segments into their k-mers' numbers, those of the second place after those of the first."""
        return [self._numbers(base_codes(segment)).tolist() for segment in segments]

    def _numbers(self, codes: NDArray[np.uint8]) -> NDArray[np.int64]:
        numbers = kmer_numbers(codes, self.k)
        if self.places == 1:
            return numbers
        return numbers + 4**self.k * (kmer_starts(codes, self.k) * self.places // len(codes))

    def embed(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Returns float32 ``(n, 4**k * places)``: each k-mer's share of a place's known ones, times ``4**k``.

        So 1 is what equal shares would give, a size that a network learns from; zero where there is no known k-mer.
        """
        counts = [np.bincount(np.asarray(row, np.int64), minlength=self.dim) for row in tokens]
        places = np.array(counts).reshape(len(tokens), self.places, -1)
        shares = places / places.sum(axis=2, keepdims=True).clip(1) * 4**self.k
        return torch.from_numpy(shares.astype(np.float32).reshape(-1, self.dim)).to(self._device)

    def base_contributions(self, segment: str, gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Returns gradient x input of the counts, each k-mer's spread over its bases."""
        codes = base_codes(segment)
        numbers = self._numbers(codes)
        spans = [(start, start + self.k) for start in kmer_starts(codes, self.k).tolist()]
        known = np.bincount(numbers // 4**self.k, minlength=self.places)
        scales = torch.from_numpy((4**self.k / known.clip(1)).astype(np.float32)[numbers // 4**self.k])
        return spread_over_bases(gradients.cpu()[:, numbers] * scales, spans, len(segment))

    def to(self, device: torch.device) -> Self:
        """Chooses where the vectors go."""
        self._device = device
        return self

    def fingerprint(self) -> str:
        """Hex digest of the name, which says all."""
        return hashlib.sha256(self.name.encode()).hexdigest()


def load_kmer_counts(spec: EncoderSpec, bundle: EncoderFiles | None = None) -> KmerCountsEncoder:
    """Makes the encoder of the option ``k`` and, where it is given, ``places``.

    Raises:
        ModelError: when ``k`` is missing or one is unusable.
    """
    return KmerCountsEncoder(require_option(spec, "k"), spec.options.get("places", 1))
