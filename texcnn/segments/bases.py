"""Bases as numbers: codes of one byte each, one-hot channels, and k-mers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from texcnn.errors import InputError

if TYPE_CHECKING:  # features of genes are counted without torch, which takes seconds to load
    from torch import Tensor

BASES = "ACGT"
UNKNOWN = 4
"""The code of every letter that is not a base."""

_CODE = np.full(256, UNKNOWN, dtype=np.uint8)
_CODE[[ord(base) for base in BASES]] = range(4)


def base_codes(sequence: str) -> NDArray[np.uint8]:
    """Returns 0 to 3 for A, C, G and T, and :data:`UNKNOWN` for every other letter, uint8 ``(length,)``."""
    return _CODE[np.frombuffer(sequence.encode("ascii", "replace"), dtype=np.uint8)]


def base_tokens(segments: Sequence[str]) -> list[bytes]:
    """Returns the codes of each segment, a byte per base."""
    codes = base_codes("".join(segments)).tobytes()
    ends = accumulate(map(len, segments), initial=0)
    return [codes[start:stop] for start, stop in pairwise(ends)]


def stack_codes(sequences: Sequence[str]) -> Tensor:
    """Returns the codes of sequences of one length, uint8 ``(n, length)``.

    Raises:
        InputError: if there is no sequence, or the lengths differ.
    """
    lengths = {len(sequence) for sequence in sequences}
    if len(lengths) != 1:
        raise InputError(
            f"one-hot encoding needs sequences of one length, found {sorted(lengths) or 'no sequence'}",
            allowed="at least one sequence, all of the same length",
            remedy="pad shorter sequences with N",
        )
    import torch

    return torch.from_numpy(base_codes("".join(sequences)).reshape(len(sequences), lengths.pop()))


def one_hot(codes: Tensor) -> Tensor:
    """Turns codes into a channel per base in the order A, C, G, T.

    Args:
        codes: uint8 ``(n, length)``.

    Returns:
        float32 ``(n, 4, length)`` on the device of the codes; an unknown base is all zero.
    """
    import torch

    return torch.stack([codes == base for base in range(4)], dim=1).float()


def kmer_numbers(codes: NDArray[np.uint8], k: int) -> NDArray[np.int64]:
    """Returns the overlapping k-mers of a sequence, each read as a number to base 4, without those of unknown bases.

    Args:
        codes: uint8 ``(length,)``.
        k: Bases per k-mer.

    Returns:
        int64, from 0 to ``4**k - 1``, in the order of the sequence.
    """
    if len(codes) < k:
        return np.zeros(0, dtype=np.int64)
    words = np.lib.stride_tricks.sliding_window_view(codes, k)
    numbers = words.astype(np.int64) @ (4 ** np.arange(k - 1, -1, -1))
    return numbers[kmer_starts(codes, k)]


def kmer_starts(codes: NDArray[np.uint8], k: int) -> NDArray[np.int64]:
    """Returns where the k-mers of :func:`kmer_numbers` start, int64."""
    if len(codes) < k:
        return np.zeros(0, dtype=np.int64)
    words = np.lib.stride_tricks.sliding_window_view(codes, k)
    return np.flatnonzero((words != UNKNOWN).all(axis=1))
