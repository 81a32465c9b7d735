"""Convolutions over one-hot bases as sums of table rows: each word of three bases is multiplied once.

A convolution over four channels, one of them set, multiplies mostly by zero. What three neighbouring bases add to every
filter is one of 125 rows (an unknown base is the fifth letter, and adds nothing), so that a filter of six bases is the
sum of two rows. The numbers are those of the convolution, added in another order. On a CPU it is 20 to 200 times as
fast for 128 filters of six bases: the more, the larger the batch, whose arrays PyTorch's convolution asks of the system
again each time.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, embedding_bag, max_pool2d, pad

from texcnn.segments.bases import BASES, UNKNOWN

_LETTERS = len(BASES) + 1
_WORD = 3
_CPU_NUMBERS = 2**19
"""Numbers of the largest array on a CPU. 2 MiB stay in the processor's cache; from 20 MiB on the time tripled, as each
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
    return _sums(codes, _word_table(weight), weight.shape[2], padding)


def _sums(codes: Tensor, table: Tensor, width: int, padding: tuple[int, int]) -> Tensor:
    words = len(table) // _LETTERS**_WORD
    places = codes.shape[1] + sum(padding) - width + 1
    letters = pad(codes, (padding[0], padding[1] + words * _WORD - width), value=UNKNOWN).int()
    numbers = (letters[:, :-2] * _LETTERS + letters[:, 1:-1]) * _LETTERS + letters[:, 2:]
    rows = [numbers[:, _WORD * word : _WORD * word + places] + word * _LETTERS**_WORD for word in range(words)]
    found = embedding_bag(torch.stack(rows, dim=2).view(-1, words), table, mode="sum")
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
    rows = len(codes) if codes.is_cuda else _CPU_NUMBERS // (codes.shape[1] * len(weight))
    table = _word_table(weight)
    parts = codes.split(max(rows, 1))
    return torch.cat([_maxima(_sums(part, table, weight.shape[2], padding), bases) for part in parts])


def convolve_bins(convolution: nn.Conv1d, values: Tensor) -> Tensor:
    """Runs a convolution over bins ``(n, channels, bins)``, faster where a bin's channels lie next to each other.

    That is how :func:`bin_maxima` leaves them, and how PyTorch's two-dimensional convolution can take them: for 128
    channels of 60 bins it took 0.6 of the time of the one-dimensional one (AMD EPYC).
    """
    if values.is_cuda:
        convolved: Tensor = convolution(values)
        return convolved
    weight = convolution.weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
    assert isinstance(convolution.padding, tuple)
    padding, dilation = (0, *convolution.padding), (1, *convolution.dilation)
    planes = conv2d(values.unsqueeze(2), weight, convolution.bias, padding=padding, dilation=dilation)
    return planes.squeeze(2)


def best_of_bins(values: Tensor, bins: int) -> Tensor:
    """Keeps the largest of ``size`` neighbouring bins, ``(n, channels, bins)``; fewer at the end count as well."""
    return max_pool2d(values.unsqueeze(2), (1, bins), ceil_mode=True).squeeze(2)


def _maxima(values: Tensor, bases: int) -> Tensor:
    whole = values.shape[1] // bases * bases
    maxima = values[:, :whole].unflatten(1, (-1, bases)).amax(dim=2)
    rest = values[:, whole:]
    return torch.cat([maxima, rest.amax(dim=1, keepdim=True)], dim=1) if rest.shape[1] else maxima


def _word_table(weight: Tensor) -> Tensor:
    """What each word of three letters adds to every filter at each place of a word, ``(words * 125, filters)``."""
    filters, _, width = weight.shape
    words = -(-width // _WORD)
    letters = weight.new_zeros(words * _WORD, _LETTERS, filters)
    letters[:width, : len(BASES)] = weight.permute(2, 1, 0)
    first, second, third = letters.unflatten(0, (words, _WORD)).unbind(1)
    return (first[:, :, None, None] + second[:, None, :, None] + third[:, None, None]).reshape(-1, filters)
