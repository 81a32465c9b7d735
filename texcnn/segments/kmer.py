"""DNABERT's tokens: overlapping k-mers, with a vocabulary that is computed, not read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import product

import numpy as np

from texcnn.errors import InputError

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS = "ATCG"
"""The order in which DNABERT's vocabulary files count."""

_LARGEST_K = 12


class KmerTokenizer:
    """Overlapping k-mers with stride 1 as ``[CLS] k-mers [SEP]``, numbered as in DNABERT's ``vocab.txt``.

    The five special tokens come first, then every k-mer as the Cartesian product over ``A``, ``T``, ``C``, ``G``: an id
    is 5 plus the k-mer read as a number to base 4. A k-mer with any other letter is ``[UNK]``, so that one ``N`` costs
    k tokens. A segment of L bases gives L - k + 1 k-mers; one shorter than k gives none, and is ``[CLS] [SEP]`` alone.
    Lower case reads as upper case.

    Attributes:
        k: Bases per token.
        unk_id, cls_id, sep_id, pad_id, mask_id: Ids of the special tokens.
        vocab_size: Number of tokens, special ones included.
        fingerprint: sha256 of the vocabulary's definition.

    Args:
        k: Bases per token; DNABERT was published for 3 to 6.

    Raises:
        InputError: if ``k`` is not within 1 and 12.
    """

    pad_id, unk_id, cls_id, sep_id, mask_id = range(len(SPECIAL_TOKENS))

    def __init__(self, k: int) -> None:
        if not 1 <= k <= _LARGEST_K:
            raise InputError(f"unusable k-mer length {k}", where="KmerTokenizer", allowed=f"1 to {_LARGEST_K}")
        self.k = k
        self.vocab_size = len(SPECIAL_TOKENS) + 4**k
        self.fingerprint = hashlib.sha256(f"{' '.join(SPECIAL_TOKENS)} {LETTERS} {k}".encode()).hexdigest()
        # Any other letter counts 4**k, which lifts every number it takes part in out of the vocabulary.
        self._digits = np.full(256, 4**k, dtype=np.int64)
        for digit, letter in enumerate(LETTERS):
            self._digits[[ord(letter), ord(letter.lower())]] = digit

    def encode(self, segments: Sequence[str]) -> list[list[int]]:
        """Turns segments into token ids, ``[CLS]`` and ``[SEP]`` included."""
        return [[self.cls_id, *self._kmer_ids(segment), self.sep_id] for segment in segments]

    def spans(self, segment: str) -> list[tuple[int, int]]:
        """Returns the bases of each token of :meth:`encode`, half-open; ``(0, 0)`` for special tokens."""
        kmers = [(start, start + self.k) for start in range(len(segment) - self.k + 1)]
        return [(0, 0), *kmers, (0, 0)]

    def tokens(self) -> list[str]:
        """Returns the vocabulary in the order of its ids, as ``vocab.txt`` lists it."""
        return [*SPECIAL_TOKENS, *map("".join, product(LETTERS, repeat=self.k))]

    def _kmer_ids(self, segment: str) -> list[int]:
        """Ids of one segment's k-mers."""
        n_kmers = len(segment) - self.k + 1
        if n_kmers < 1:
            return []
        digits = self._digits[np.frombuffer(segment.encode("ascii", errors="replace"), dtype=np.uint8)]
        numbers = np.zeros(n_kmers, dtype=np.int64)
        for offset in range(self.k):
            numbers = 4 * numbers + digits[offset : offset + n_kmers]
        ids = np.where(numbers < 4**self.k, numbers + len(SPECIAL_TOKENS), self.unk_id)
        return ids.tolist()
