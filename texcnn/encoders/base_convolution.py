"""Convolutions over one-hot bases as sums of table rows: each word of three bases is multiplied out once.

A convolution over four channels, one of them set, multiplies mostly by zero. What three neighbouring bases add to every
filter is one of 125 rows (an unknown base is the fifth letter, and adds nothing), so that a filter of six bases is the
sum of two rows. The numbers are those of the convolution, added in another order. On a CPU it is 20 to 200 times as
fast for 128 filters of six bases: the more, the larger the batch, whose arrays PyTorch's convolution asks of the system
again each time.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag, pad

from texcnn.segments.bases import BASES, UNKNOWN

_LETTERS = len(BASES) + 1
_WORD = 3
_CPU_NUMBERS = 2**20
"""Numbers of the largest array on a CPU. 4 MiB stay in the processor's cache; from 20 MiB on the time tripled, as each
array was new memory of the system."""


def convolve(codes: Tensor, weight: Tensor, padding: tuple[int, int]) -> Tensor:
    """Convolves one-hot bases.

    Args:
        codes: uint8 ``(n, length)``: 0 to 3, and 4 for an unknown base, which is zero in every channel.
        weight: float32 ``(filters, 4, width)``, as of ``nn.Conv1d``.
        padding: Unknown bases on the left and on the right.

    Returns:
        float32 ``(n, length + padding - width + 1, filters)``.
    """
    width = weight.shape[2]
    words = -(-width // _WORD)
    places = codes.shape[1] + sum(padding) - width + 1
    letters = pad(codes, (padding[0], padding[1] + words * _WORD - width), value=UNKNOWN).int()
    numbers = (letters[:, :-2] * _LETTERS + letters[:, 1:-1]) * _LETTERS + letters[:, 2:]
    rows = [numbers[:, _WORD * word : _WORD * word + places] + word * _LETTERS**_WORD for word in range(words)]
    found = embedding_bag(torch.stack(rows, dim=2).view(-1, words), _word_table(weight, words), mode="sum")
    return found.view(len(codes), places, -1)


def bin_maxima(codes: Tensor, weight: Tensor, padding: tuple[int, int], bases: int) -> Tensor:
    """Convolves one-hot bases and keeps each bin's largest value.

    On a CPU a few rows at a time, so that the convolution's result never leaves the processor's cache.

    Args:
        codes: As of :func:`convolve`.
        weight: As of :func:`convolve`.
        padding: As of :func:`convolve`.
        bases: Positions per bin. An incomplete bin at the end is a bin as well.

    Returns:
        float32 ``(n, bins, filters)``.
    """
    rows = len(codes) if codes.is_cuda else max(1, _CPU_NUMBERS // (codes.shape[1] * len(weight)))
    return torch.cat([_maxima(convolve(part, weight, padding), bases) for part in codes.split(max(rows, 1))])


def _maxima(values: Tensor, bases: int) -> Tensor:
    whole = values.shape[1] // bases * bases
    maxima = values[:, :whole].unflatten(1, (-1, bases)).amax(dim=2)
    rest = values[:, whole:]
    return torch.cat([maxima, rest.amax(dim=1, keepdim=True)], dim=1) if rest.shape[1] else maxima


def _word_table(weight: Tensor, words: int) -> Tensor:
    """What each word of three letters adds to every filter at each place of a word, ``(words * 125, filters)``."""
    filters, _, width = weight.shape
    letters = weight.new_zeros(words * _WORD, _LETTERS, filters)
    letters[:width, : len(BASES)] = weight.permute(2, 1, 0)
    first, second, third = letters.unflatten(0, (words, _WORD)).unbind(1)
    return (first[:, :, None, None] + second[:, None, :, None] + third[:, None, None]).reshape(-1, filters)
