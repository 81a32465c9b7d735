"""Attention of rows of all lengths in one kernel, on a GPU.

PyTorch's memory-efficient kernel takes rows one after the other, and where each one starts. Its public
function has no way to say so, so that the operator below it is called, once it has shown here that it still does what
is expected of it. On an H100 DNABERT-2 117M reached 0.48 of the matrix product with it, 0.45 with a kernel for the rows
of each length; 0.55 and 0.51 compiled (benchmarks/gpu-h100.md).
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch file uses
from torch import Tensor

_LOG = logging.getLogger("texcnn")
_TYPES = (torch.bfloat16, torch.float16)
_HEAD, _BIAS_SIZE = 64, 16
"""Of the trial: a usual length of a head's vectors, and a size that the kernel takes without a copy."""


@dataclass(frozen=True)
class PackedRows:
    """Where the rows of a batch start, and the bias that all of them share.

    Attributes:
        starts: int32 ``(rows + 1,)``, ending with the number of tokens.
        bias: ``(1, heads, tokens, tokens)``, of which only what the longest row needs is ever read; see :meth:`of`.
        longest: Tokens of the longest row.
    """

    starts: Tensor
    bias: Tensor
    longest: int

    @classmethod
    def of(cls, lengths: Sequence[int], bias: Tensor) -> PackedRows:
        """Prepares a batch.

        The kernel reads a row's bias from its first token on, each row at the same place, but wants a bias as large as
        all tokens squared. So the view has that shape, with the strides of the small one.

        Args:
            lengths: Tokens of each row, one at least.
            bias: ``(1, heads, longest or more, longest or more)``.
        """
        tokens = sum(lengths)
        _, heads, size, _ = bias.shape
        room = bias.new_zeros(max(bias.numel(), (heads - 1) * size * size + (tokens - 1) * size + tokens))
        room[: bias.numel()] = bias.flatten()
        wide = room.as_strided((1, heads, tokens, tokens), (0, size * size, size, 1))
        starts = torch.tensor([0, *accumulate(lengths)], dtype=torch.int32)
        return cls(starts.to(bias.device, non_blocking=True), wide, max(lengths))

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Lets the tokens of each row attend to each other, ``(tokens, heads, head_dim)`` each and in return."""
        attended: Tensor = torch.ops.aten._efficient_attention_forward(
            query.unsqueeze(0),
            key.unsqueeze(0),
            value.unsqueeze(0),
            self.bias,
            self.starts,
            self.starts,
            self.longest,
            self.longest,
            0.0,
            0,
        )[0]
        return attended.squeeze(0)


def packed_rows(lengths: Sequence[int], bias: Tensor) -> PackedRows | None:
    """Prepares a batch where one kernel can compute its attention without gradients; None elsewhere.

    Args:
        lengths: Tokens of each row.
        bias: ``(1, heads, longest or more, longest or more)`` in the type of the queries.
    """
    fits = bias.is_cuda and bias.dtype in _TYPES and not torch.is_grad_enabled()
    if not fits or not _works(bias.device, bias.dtype):
        return None
    return PackedRows.of([length for length in lengths if length], bias)


@functools.cache
def _works(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether the operator gives what the public function gives, for rows of two lengths."""
    lengths, heads = [9, 4], 2
    generator = torch.Generator().manual_seed(0)
    query, key, value = torch.randn(3, sum(lengths), heads, _HEAD, generator=generator).to(device, dtype)
    bias = -4 * torch.rand(1, heads, _BIAS_SIZE, _BIAS_SIZE, generator=generator).to(device, dtype)
    try:
        found = PackedRows.of(lengths, bias).attend(query, key, value)
    except (AttributeError, NotImplementedError, RuntimeError, TypeError) as error:
        _LOG.debug("attention in one kernel is not used: %s", error)
        return False
    expected = []
    for part in torch.arange(sum(lengths), device=device).split(lengths):
        one, two, three = (each[part].transpose(0, 1).unsqueeze(0) for each in (query, key, value))
        mixed = F.scaled_dot_product_attention(one, two, three, bias[..., : len(part), : len(part)])
        expected.append(mixed.squeeze(0).transpose(0, 1))
    close = bool((found - torch.cat(expected)).abs().max() <= 0.05)
    if not close:
        _LOG.debug("attention in one kernel is not used: it gives other numbers")
    return close
