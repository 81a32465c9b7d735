"""k-mer counts: how often each k-mer occurs in a segment, as a multiple of what equal shares would be."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from texcnn.encoders.contributions import spread_over_bases
from texcnn.encoders.protocol import EncoderSpec
from texcnn.encoders.weights import EncoderFiles, require_option
from texcnn.errors import ModelError
from texcnn.segments.bases import BASES, UNKNOWN, base_codes, base_tokens, kmer_numbers, kmer_starts

_LARGEST_K = 6
"""4,096 numbers per segment."""


_COUNTS = 2**17
"""Bases of the rows that are counted together: their arrays stay in the processor's cache."""

_LETTERS = len(BASES) + 1


class KmerCountsEncoder:
    """Counts k-mers; there is nothing to learn.

    Attributes:
        name: The encoder's type and k.
        dim: Number of k-mers.
        k: Bases per k-mer.
        token_cost: As of :class:`texcnn.encoders.protocol.TokenCost`.

    Args:
        k: Bases per k-mer.

    Raises:
        ModelError: when ``k`` is not within 1 and 6.
    """

    token_cost: float = 1 / 64
    small_batches: ClassVar[bool] = True

    def __init__(self, k: int) -> None:
        if not 1 <= k <= _LARGEST_K:
            raise ModelError(f"unusable k-mer length {k}", allowed=f"1 to {_LARGEST_K}")
        self.name = f"kmer-counts-{k}"
        self.dim = 4**k
        self.k = k
        self._device = torch.device("cpu")
        words = np.indices((_LETTERS,) * k).reshape(k, -1)
        numbers = _words(words.T.flatten(), k, len(BASES))[::k]
        self._number_of_word = np.where((words == UNKNOWN).any(axis=0), self.dim, numbers).astype(np.int32)

    def tokenize(self, segments: Sequence[str]) -> list[bytes]:
        """Turns segments into one token per base: 0 to 3, and 4 for an unknown one."""
        return base_tokens(segments)

    def embed(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Returns float32 ``(n, 4**k)``: the share of each k-mer among those without an unknown base, times ``4**k``.

        So 1 is what equal shares would give, a size that a network learns from; zero where there is no known k-mer.
        """
        vectors = np.empty((len(tokens), self.dim), np.float32)
        rows = max(1, _COUNTS // self.dim)
        for start in range(0, len(tokens), rows):
            self._count(tokens[start : start + rows], vectors[start : start + rows])
        return torch.from_numpy(vectors).to(self._device)

    def _count(self, tokens: Sequence[Sequence[int]], vectors: npt.NDArray[np.float32]) -> None:
        """Writes the vectors of some rows, counted as one: an unknown base between two belongs to no k-mer."""
        ends = bytes([UNKNOWN])
        codes = np.frombuffer(ends.join([*map(bytes, tokens), ends * (self.k - 1)]), np.uint8)
        words = _words(codes, self.k, _LETTERS)
        bins = self.dim + 1  # the last one is for words that hold an unknown base
        starts = np.arange(len(tokens), dtype=np.int32) * bins
        rows = np.repeat(starts, [len(row) + 1 for row in tokens])[: len(words)]
        counts = np.bincount(self._number_of_word[words] + rows, minlength=len(tokens) * bins)
        known = counts.reshape(-1, bins)[:, : self.dim]
        equal_share = np.maximum(known.sum(axis=1, keepdims=True), 1).astype(np.float32) / self.dim
        np.divide(known, equal_share, out=vectors, dtype=np.float32, casting="same_kind")

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
        """Hex digest of the name, which is enough."""
        return hashlib.sha256(self.name.encode()).hexdigest()


def load_kmer_counts(spec: EncoderSpec, bundle: EncoderFiles | None = None) -> KmerCountsEncoder:
    """Makes the encoder of the option ``k``.

    Raises:
        ModelError: when it is missing or unusable.
    """
    return KmerCountsEncoder(require_option(spec, "k"))


def _words(codes: npt.NDArray[Any], k: int, base: int) -> npt.NDArray[np.int32]:
    """Returns each run of k codes, read as a number to a base; int32 ``(len(codes) - k + 1,)``."""
    length = len(codes) - k + 1
    words = codes[:length].astype(np.int32)
    for place in range(1, k):
        words = words * base + codes[place : place + length]
    return words
