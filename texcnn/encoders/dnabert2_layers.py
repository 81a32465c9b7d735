"""The layers of DNABERT-2 (Zhou et al. 2024): post-norm BERT with ALiBi and a gated MLP.

Queries, keys and values come from one projection. ALiBi (Press et al. 2022), symmetric here, replaces positions.
Attention is PyTorch's ``scaled_dot_product_attention`` with an additive bias. Parameter names are those of the original
checkpoint.

Rows of tokens are packed: everything but attention runs on the tokens of all rows one after the other, ``(tokens,
hidden)``, so that no time goes into padding. Attention takes the rows of one length at a time,
or on a GPU all of them (:mod:`texcnn.encoders.packed_attention`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch file uses
from torch import Tensor, nn

from texcnn.cpu_products import linear_gelu
from texcnn.encoders.dnabert2_config import Dnabert2Config
from texcnn.encoders.packed_attention import PackedRows, packed_rows


def alibi_slopes(n_heads: int) -> list[float]:
    """Returns the slope of each attention head.

    For a power of two, the geometric series that starts at its own ratio, ``2 ** (-8 / n_heads)``; for any other
    number, the series of the next lower power of two, followed by every second slope of the next higher one.
    """
    power = 2 ** math.floor(math.log2(n_heads))
    ratio = 2 ** (-8 / power)
    slopes = [ratio ** (head + 1) for head in range(power)]
    if power < n_heads:
        slopes += alibi_slopes(2 * power)[0::2][: n_heads - power]
    return slopes


def alibi_bias(n_heads: int, length: int, *, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Returns ``-slope * |i - j|`` for each head and pair of tokens, ``(n_heads, length, length)``."""
    position = torch.arange(length, device=device)
    distance = (position[None, :] - position[:, None]).abs()
    slopes = torch.tensor(alibi_slopes(n_heads), device=device)
    return (-slopes[:, None, None] * distance).to(dtype)


class RowRun(NamedTuple):
    """Rows of one length that are neighbours in a packed batch."""

    rows: int
    length: int


def runs_of(lengths: Sequence[int]) -> list[RowRun]:
    """Gathers neighbouring rows of equal length; empty rows take no room and are left out."""
    return [RowRun(sum(1 for _ in rows), length) for length, rows in groupby(lengths) if length]


class Rows(NamedTuple):
    """What attention needs to know of the rows of a packed batch.

    Attributes:
        runs: The rows, in order.
        bias: ALiBi ``(1, heads, longest or more, longest or more)``.
        packed: How one kernel takes all of them; None where there is no such kernel.
    """

    runs: Sequence[RowRun]
    bias: Tensor
    packed: PackedRows | None


class TokenEmbeddings(nn.Module):
    """Word plus type-0 embedding, normalised; positions enter only through the attention bias."""

    def __init__(self, config: Dnabert2Config) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, input_ids: Tensor) -> Tensor:
        """``(tokens,)`` ids to ``(tokens, hidden)``."""
        return self.dropout(self.LayerNorm(self.word_embeddings(input_ids) + self.token_type_embeddings.weight[0]))


class SelfAttention(nn.Module):
    """Multi-head attention with one projection for queries, keys and values, in this order."""

    def __init__(self, config: Dnabert2Config) -> None:
        super().__init__()
        self.n_heads = config.num_attention_heads
        self.dropout_probability = config.attention_probs_dropout_prob
        self.Wqkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)

    def forward(self, hidden: Tensor, rows: Rows) -> Tensor:
        """Lets the tokens of each row attend to each other, ``(tokens, hidden)`` to the same shape."""
        qkv = self.Wqkv(hidden).unflatten(-1, (3, self.n_heads, -1))
        if rows.packed is not None:
            return rows.packed.attend(*qkv.unbind(1)).flatten(1)
        dropout = self.dropout_probability if self.training else 0.0
        attended = []
        for part, (number, length) in zip(
            qkv.split([run.rows * run.length for run in rows.runs]), rows.runs, strict=True
        ):
            query, key, value = part.unflatten(0, (number, length)).permute(2, 0, 3, 1, 4)
            mixed = F.scaled_dot_product_attention(
                query, key, value, attn_mask=rows.bias[..., :length, :length], dropout_p=dropout
            )
            attended.append(mixed.transpose(1, 2).reshape(number * length, -1))
        return attended[0] if len(attended) == 1 else torch.cat(attended)


class AttentionOutput(nn.Module):
    """Projection, dropout, residual and norm after attention."""

    def __init__(self, config: Dnabert2Config) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, attended: Tensor, residual: Tensor) -> Tensor:
        """``(tokens, hidden)`` twice to the same shape."""
        return self.LayerNorm(self.dropout(self.dense(attended)) + residual)


class Attention(nn.Module):
    """Self-attention and its output, under the names of the checkpoint."""

    def __init__(self, config: Dnabert2Config) -> None:
        super().__init__()
        self.self = SelfAttention(config)
        self.output = AttentionOutput(config)

    def forward(self, hidden: Tensor, rows: Rows) -> Tensor:
        """``(tokens, hidden)`` to the same shape."""
        return self.output(self.self(hidden, rows), hidden)


class GatedMLP(nn.Module):
    """Gated linear unit with the exact (erf) GELU; no dropout after the second projection, as in the original."""

    def __init__(self, config: Dnabert2Config) -> None:
        super().__init__()
        self.gated_layers = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=False)
        self.act = nn.GELU()
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.wo = nn.Linear(config.intermediate_size, config.hidden_size)
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden: Tensor) -> Tensor:
        """``(tokens, hidden)`` to the same shape."""
        # One product a half: with contiguous halves, element-wise kernels read whole lines. On an H200
        # GELU and product of the interleaved halves took a third of the layer's time.
        to_gate, to_linear = self.gated_layers.weight.chunk(2)
        activated, linear = linear_gelu(hidden, to_gate, gelu=self.act), F.linear(hidden, to_linear)
        # In place where no gradient needs the factors: a second array of this size would be new memory each time.
        gated = activated * linear if torch.is_grad_enabled() else activated.mul_(linear)
        return self.layernorm(self.wo(self.dropout(gated)) + hidden)


class Layer(nn.Module):
    """One post-norm transformer layer."""

    def __init__(self, config: Dnabert2Config) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.mlp = GatedMLP(config)

    def forward(self, hidden: Tensor, rows: Rows) -> Tensor:
        """``(tokens, hidden)`` to the same shape."""
        return self.mlp(self.attention(hidden, rows))


class Layers(nn.Module):
    """The stack of layers and the attention bias they share."""

    def __init__(self, config: Dnabert2Config) -> None:
        super().__init__()
        self.n_heads = config.num_attention_heads
        self.layer = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self._alibi: Tensor | None = None

    def forward(self, hidden: Tensor, runs: Sequence[RowRun]) -> Tensor:
        """``(tokens, hidden)`` to the same shape."""
        bias = self._bias(max(run.length for run in runs), hidden.dtype, hidden.device)
        rows = Rows(runs, bias, packed_rows([run.length for run in runs for _ in range(run.rows)], bias))
        for layer in self.layer:
            hidden = layer(hidden, rows)
        return hidden

    def _bias(self, length: int, dtype: torch.dtype, device: torch.device) -> Tensor:
        """ALiBi ``(1, heads, length or more, length or more)``; kept, as the bias of a shorter row is a part of it.

        Its type is that of the queries, which CUDA's kernels want. In bfloat16 it is off by a 500th of itself at most:
        where that is much, far from the query, the weight is next to nothing.
        """
        kept = self._alibi
        if kept is None or kept.shape[-1] < length or (kept.dtype, kept.device) != (dtype, device):
            size = -(-length // _BIAS_STEP) * _BIAS_STEP
            with torch.inference_mode(False):  # kept for later calls, which may need gradients
                kept = alibi_bias(self.n_heads, size, dtype=dtype, device=device).unsqueeze(0)
            self._alibi = kept
        return kept


_BIAS_STEP = 64
"""The kept bias grows by this many positions; a multiple of 16, as CUDA's kernels copy a bias of other row lengths."""
