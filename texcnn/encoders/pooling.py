"""How token vectors become one vector per segment.

The default, the mean over all tokens that are not padding (``[CLS]`` and ``[SEP]`` among them), is what the published
embeddings use; Feng et al. 2025 (Nature Communications 16:10780) find the mean ahead of the summary token.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from texcnn.errors import ModelError, unknown_name

Pooling = Callable[[Tensor, Tensor, Tensor], Tensor]
"""``(hidden (n, length, dim), attention_mask (n, length), special_mask (n, length)) -> (n, dim)`` float32."""


def mean(hidden: Tensor, attention_mask: Tensor, special_mask: Tensor) -> Tensor:
    """Averages every token that is not padding, special tokens included."""
    return _masked_mean(hidden, attention_mask.bool())


def mean_no_special(hidden: Tensor, attention_mask: Tensor, special_mask: Tensor) -> Tensor:
    """Averages the tokens of bases, without padding, ``[CLS]`` and ``[SEP]``."""
    return _masked_mean(hidden, attention_mask.bool() & ~special_mask.bool())


def cls(hidden: Tensor, attention_mask: Tensor, special_mask: Tensor) -> Tensor:
    """Takes the first token, ``[CLS]``."""
    chosen = torch.zeros_like(attention_mask, dtype=torch.bool)
    chosen[:, :1] = attention_mask[:, :1].bool()
    return _masked_mean(hidden, chosen)


def max_(hidden: Tensor, attention_mask: Tensor, special_mask: Tensor) -> Tensor:
    """Takes each dimension's largest value over every token that is not padding."""
    chosen = attention_mask.bool()
    largest = hidden.float().masked_fill(~chosen.unsqueeze(-1), -torch.inf).amax(dim=1)
    return largest.masked_fill(~chosen.any(dim=1, keepdim=True), 0.0)


def _masked_mean(hidden: Tensor, chosen: Tensor) -> Tensor:
    """Averages the chosen rows in float32; zeros where none is chosen."""
    # where, not a product: the content of a row that is not chosen, NaN included, must not reach the sum.
    kept = torch.where(chosen.unsqueeze(-1), hidden.float(), 0.0)
    return kept.sum(dim=1) / chosen.sum(dim=1, keepdim=True).clamp(min=1)


POOLINGS: dict[str, Pooling] = {"mean": mean, "mean_no_special": mean_no_special, "cls": cls, "max": max_}
"""Every pooling by the name used in :class:`texcnn.encoders.protocol.EncoderSpec`.

A row without any token to pool (all padding, or no base token under ``mean_no_special``) is a vector of zeros under
each of them, the same vector that a masked segment gets.
"""


def get_pooling(name: str) -> Pooling:
    """Returns the pooling of that name.

    Raises:
        ModelError: for an unknown name, listing the valid ones.
    """
    try:
        return POOLINGS[name]
    except KeyError:
        raise unknown_name("pooling", name, POOLINGS, error=ModelError) from None
