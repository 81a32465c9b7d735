"""Convolutions by table equal PyTorch's over one-hot bases, unknown bases and every edge included."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv1d, max_pool1d, pad

import texcnn.encoders.base_convolution
from texcnn.encoders.base_convolution import bin_maxima, convolve
from texcnn.segments.bases import one_hot


def some_codes(rows: int, length: int) -> Tensor:
    return torch.randint(5, (rows, length), dtype=torch.uint8, generator=torch.Generator().manual_seed(length))


@pytest.mark.parametrize("width", range(1, 14))
@pytest.mark.parametrize("padding", [(0, 0), (2, 3), (6, 6)])
def test_convolution_is_pytorchs(width: int, padding: tuple[int, int]) -> None:
    codes = some_codes(3, 17)
    weight = torch.randn(7, 4, width, generator=torch.Generator().manual_seed(width))
    expected = conv1d(pad(one_hot(codes), padding), weight).transpose(1, 2)
    torch.testing.assert_close(convolve(codes, weight, padding), expected, rtol=0, atol=3e-6)


def test_unknown_bases_add_nothing() -> None:
    weight = torch.arange(1.0, 9).view(1, 4, 2)  # A is worth 1 then 2, C 3 then 4, G 5 then 6, T 7 then 8
    codes = torch.tensor([[0, 4, 3, 1]], dtype=torch.uint8)
    assert convolve(codes, weight, (0, 0)).flatten().tolist() == [1, 8, 7 + 4]
    assert convolve(codes, weight, (1, 1)).flatten().tolist() == [2, 1, 8, 7 + 4, 3]


@pytest.mark.parametrize("length", [1, 29, 30, 31, 90, 100])
def test_bins_keep_their_largest_value_the_last_one_too(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = some_codes(5, length)
    weight = torch.randn(8, 4, 6, generator=torch.Generator().manual_seed(0))
    expected = max_pool1d(conv1d(pad(one_hot(codes), (2, 3)), weight), 30, ceil_mode=True).transpose(1, 2)
    whole = bin_maxima(codes, weight, (2, 3), 30)
    torch.testing.assert_close(whole, expected, rtol=0, atol=3e-6)
    for numbers in (1, 2 * 8 * length):  # one row at a time, two rows at a time
        monkeypatch.setattr(texcnn.encoders.base_convolution, "_CPU_NUMBERS", numbers)
        assert bin_maxima(codes, weight, (2, 3), 30).equal(whole)
