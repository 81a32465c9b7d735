"""Matrix products and attention of language models on CPUs, where PyTorch's own choice is a slow one.

Products: see :mod:`texcnn.cpu_products`. Attention: PyTorch's kernel for CPUs multiplies one head of one row at a time.
With the heads of a row in one product the same attention took half as long in bfloat16, for rows of 104 tokens and of
497, and in float32 for those of 104 (AMD EPYC with AVX-512 BF16). In bfloat16 scores are then rounded between the two
products, as in every model that computes attention step by step. In float32 longer rows are computed head by head where
oneDNN's products are the faster ones: 0.76 of the kernel's time for 497 tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch file uses
from torch import Tensor
from torch.overrides import TorchFunctionMode

from texcnn.cpu_products import has_faster_linear, one_dnn_is_faster, one_dnn_linear

_SCORES = 2**20
"""Scores of a product: 2 MiB in bfloat16, about what a core's own cache holds."""

_LONGEST = {torch.bfloat16: 1024, torch.float32: 256}
"""Tokens of the longest row whose heads are multiplied together."""

_LONGEST_OF_HEADS = 1024
"""Tokens of the longest row of float32 that is computed head by head, with oneDNN."""


class CpuKernels(TorchFunctionMode):
    """Lets faster kernels compute a model's products and attention within the block.

    Whatever they do not take, and everything that needs a gradient, is PyTorch's own.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Replaces some of PyTorch's functions: products, and attention with only a mask."""
        kwargs = kwargs or {}
        if func is F.linear and not kwargs and has_faster_linear(*args[:2]):
            return one_dnn_linear(args[0], args[1], args[2] if len(args) > 2 else None)
        if func is F.scaled_dot_product_attention and len(args) == 3 and _by_products(*args):
            rest = {name: value for name, value in kwargs.items() if name not in ("attn_mask", "scale") and value}
            scale = kwargs.get("scale")
            if not rest and (scale is None or scale == args[0].shape[-1] ** -0.5):
                return _attend_by_products(*args, _as_bias(kwargs.get("attn_mask"), args[0].dtype))
        return func(*args, **kwargs)


def _as_bias(mask: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """Turns a mask that is True where a token may be attended to into what is added to scores."""
    if mask is None or mask.dtype != torch.bool:
        return mask
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, -math.inf)


def _by_products(query: Tensor, key: Tensor, value: Tensor) -> bool:
    if query.device.type != "cpu" or not query.shape == key.shape == value.shape or torch.is_grad_enabled():
        return False
    length = query.shape[2]
    return length <= _LONGEST.get(query.dtype, 0) or _by_heads(query.dtype, length)


def _by_heads(dtype: torch.dtype, length: int) -> bool:
    return dtype == torch.float32 and _LONGEST[dtype] < length <= _LONGEST_OF_HEADS and one_dnn_is_faster()


def _attend_by_products(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
    rows, heads, length, head_dim = query.shape
    attended = query.new_empty(rows, length, heads, head_dim)  # so that joining the heads afterwards is no copy
    wide = None if bias is None else bias.expand(rows, heads, length, length)
    attend = _attend_by_heads if _by_heads(query.dtype, length) else _attend_row
    for row in range(rows):
        attend(query[row], key[row], value[row], None if wide is None else wide[row], attended[row])
    return attended.transpose(1, 2)


def _attend_row(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, attended: Tensor) -> None:
    """Attends within a row, several heads in a product: ``(heads, length, head_dim)``, into the transpose of that."""
    heads, length, head_dim = query.shape
    scale = head_dim**-0.5
    together = max(1, min(heads, _SCORES // length**2))
    # A copy of a head's vectors, next to each other, costs less than a product of vectors that are far apart.
    query, key, value = query.contiguous(), key.contiguous().transpose(1, 2), value.contiguous()
    scores, mixed = query.new_empty(together, length, length), torch.empty_like(query)
    for start in range(0, heads, together):
        part = slice(start, start + together)
        here = scores[: len(query[part])]
        if bias is None:
            torch.baddbmm(here, query[part], key[part], beta=0, alpha=scale, out=here)
        else:
            torch.baddbmm(bias[part], query[part], key[part], alpha=scale, out=here)
        torch.bmm(torch.softmax(here, -1, out=here), value[part], out=mixed[part])
    attended.copy_(mixed.transpose(0, 1))


def _attend_by_heads(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, attended: Tensor) -> None:
    """As :func:`_attend_row`, with oneDNN's products of float32, which PyTorch offers for matrices alone."""
    query, key, value = query * query.shape[-1] ** -0.5, key.contiguous(), value.transpose(1, 2).contiguous()
    for head in range(len(query)):
        scores = one_dnn_linear(query[head], key[head], None)
        if bias is not None:
            scores += bias[head]
        attended[:, head] = one_dnn_linear(torch.softmax(scores, -1, out=scores), value[head], None)
