"""DNABERT-2 (Zhou et al. 2024) as a plain PyTorch module that reads the original checkpoint.

The mathematics of the published model: post-norm BERT layers with a fused query-key-value projection, ALiBi
(Press et al. 2022) in place of positions, symmetric here, and a gated MLP. No Triton kernel and no code from the
download is involved; attention is PyTorch's own ``scaled_dot_product_attention`` with an additive bias. Parameter
names are those of the original checkpoint.

Rows of tokens are packed: everything but attention runs on the tokens of all rows one after the other, ``(tokens,
hidden)``, so that nothing is spent on padding. Attention takes the rows of one length at a time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from itertools import groupby
from typing import Any, NamedTuple, Self

import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch file uses
from torch import Tensor, nn

from texcnn.errors import ModelError
from texcnn.typed_json import check_types


@dataclass(frozen=True)
class Dnabert2Config:
    """The fields of the original ``config.json`` that the mathematics depends on, under their names there.

    ``max_position_embeddings`` and ``alibi_starting_size`` are not among them: there is no position table, and any
    length works.
    """

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    type_vocab_size: int = 2
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.0
    layer_norm_eps: float = 1e-12
    initializer_range: float = 0.02
    hidden_act: str = "gelu"

    def __post_init__(self) -> None:
        """Refuses what the module cannot compute."""
        if self.hidden_act != "gelu":
            raise ModelError(f"unknown hidden_act '{self.hidden_act}'", where="the encoder's config", allowed="gelu")
        if self.hidden_size % self.num_attention_heads:
            raise ModelError(
                f"hidden_size {self.hidden_size} is not divisible by num_attention_heads {self.num_attention_heads}",
                where="the encoder's config",
            )

    @classmethod
    def from_json(cls, values: Mapping[str, Any], *, where: object = "the encoder's config") -> Self:
        """Picks the known fields of a ``config.json`` and leaves the others.

        Raises:
            ModelError: if a field without a default is missing, or a value cannot be used.
        """
        missing = [f.name for f in fields(cls) if f.default is MISSING and f.name not in values]
        if missing:
            raise ModelError(f"the config lacks {', '.join(missing)}", where=where)
        known = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        check_types(cls, known, where=where, error=ModelError)
        return cls(**known)


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
    """Rows of one length that lie next to each other in a packed batch."""

    rows: int
    length: int


def runs_of(lengths: Sequence[int]) -> list[RowRun]:
    """Gathers neighbouring rows of equal length; empty rows take no room and are left out."""
    return [RowRun(sum(1 for _ in rows), length) for length, rows in groupby(lengths) if length]


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

    def forward(self, hidden: Tensor, runs: Sequence[RowRun], bias: Tensor) -> Tensor:
        """Lets the tokens of each row attend to each other.

        Args:
            hidden: ``(tokens, hidden)``.
            runs: The rows, in order.
            bias: ALiBi ``(1, heads, longest or more, longest or more)``.

        Returns:
            ``(tokens, hidden)``.
        """
        qkv = self.Wqkv(hidden).unflatten(-1, (3, self.n_heads, -1))
        dropout = self.dropout_probability if self.training else 0.0
        attended = []
        for part, (rows, length) in zip(qkv.split([run.rows * run.length for run in runs]), runs, strict=True):
            query, key, value = part.unflatten(0, (rows, length)).permute(2, 0, 3, 1, 4)
            mixed = F.scaled_dot_product_attention(
                query, key, value, attn_mask=bias[..., :length, :length], dropout_p=dropout
            )
            attended.append(mixed.transpose(1, 2).reshape(rows * length, -1))
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

    def forward(self, hidden: Tensor, runs: Sequence[RowRun], bias: Tensor) -> Tensor:
        """``(tokens, hidden)`` to the same shape."""
        return self.output(self.self(hidden, runs, bias), hidden)


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
        gate, linear = self.gated_layers(hidden).chunk(2, dim=-1)
        activated = self.act(gate)
        # In place where no gradient needs the factors: a second array of this size would be new memory each time.
        gated = activated * linear if torch.is_grad_enabled() else activated.mul_(linear)
        return self.layernorm(self.wo(self.dropout(gated)) + hidden)


class Layer(nn.Module):
    """One post-norm transformer layer."""

    def __init__(self, config: Dnabert2Config) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.mlp = GatedMLP(config)

    def forward(self, hidden: Tensor, runs: Sequence[RowRun], bias: Tensor) -> Tensor:
        """``(tokens, hidden)`` to the same shape."""
        return self.mlp(self.attention(hidden, runs, bias))


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
        for layer in self.layer:
            hidden = layer(hidden, runs, bias)
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


class Dnabert2Model(nn.Module):
    """The encoder without a head, freshly initialised as BERT is.

    Args:
        config: Sizes and dropout rates.
    """

    def __init__(self, config: Dnabert2Config) -> None:
        super().__init__()
        self.config = config
        self.embeddings = TokenEmbeddings(config)
        self.encoder = Layers(config)
        initialize(self, config.initializer_range)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Returns the last layer's states.

        Args:
            input_ids: Token ids ``(n, length)``.
            attention_mask: 1 at tokens, 0 at padding, ``(n, length)``; the tokens of a row are next to each other.
                None where no row is padded.

        Returns:
            ``(n, length, hidden)``; padded positions are zeros, as in the original.
        """
        n, length = input_ids.shape
        if attention_mask is None:
            return self.packed(input_ids.flatten(), [length] * n).view(n, length, -1)
        real = attention_mask.bool()
        lengths = real.sum(dim=1)
        order = lengths.argsort(stable=True)  # rows of one length next to each other
        places = torch.arange(n * length, device=input_ids.device).view(n, length)[order][real[order]]
        hidden = self.packed(input_ids.flatten()[places], lengths[order].tolist())
        return hidden.new_zeros(n * length, hidden.shape[-1]).index_copy(0, places, hidden).view(n, length, -1)

    def packed(self, input_ids: Tensor, lengths: Sequence[int]) -> Tensor:
        """Returns the last layer's states of rows that lie one after the other.

        Args:
            input_ids: Token ids ``(tokens,)``, row after row.
            lengths: Tokens of each row. Rows of equal length are computed together where they are neighbours.

        Returns:
            ``(tokens, hidden)``.
        """
        hidden = self.embeddings(input_ids)
        runs = runs_of(lengths)
        return self.encoder(hidden, runs) if runs else hidden


class PredictionTransform(nn.Module):
    """The layer between the encoder and the decoder of masked tokens."""

    def __init__(self, config: Dnabert2Config) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.act = nn.GELU()
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden: Tensor) -> Tensor:
        """``(..., hidden)`` to the same shape."""
        return self.LayerNorm(self.act(self.dense(hidden)))


class TokenScores(nn.Module):
    """Scores of every token of the vocabulary."""

    def __init__(self, config: Dnabert2Config) -> None:
        super().__init__()
        self.transform = PredictionTransform(config)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)

    def forward(self, hidden: Tensor) -> Tensor:
        """``(..., hidden)`` to ``(..., vocab_size)``."""
        return self.decoder(self.transform(hidden))


class PretrainingHeads(nn.Module):
    """Holds the head under the name it has in the checkpoint."""

    def __init__(self, config: Dnabert2Config) -> None:
        super().__init__()
        self.predictions = TokenScores(config)

    def forward(self, hidden: Tensor) -> Tensor:
        """``(..., hidden)`` to ``(..., vocab_size)``."""
        return self.predictions(hidden)


class Dnabert2ForMaskedLM(nn.Module):
    """The encoder with the head it is pre-trained with; the decoder's weight is the word embedding.

    Args:
        config: Sizes and dropout rates.
    """

    def __init__(self, config: Dnabert2Config) -> None:
        super().__init__()
        self.bert = Dnabert2Model(config)
        self.cls = PretrainingHeads(config)
        initialize(self.cls, config.initializer_range)
        self.cls.predictions.decoder.weight = self.bert.embeddings.word_embeddings.weight

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Returns the score of each token at each position, ``(n, length, vocab_size)``."""
        return self.cls(self.bert(input_ids, attention_mask))


def initialize(module: nn.Module, standard_deviation: float) -> None:
    """Draws weights from a normal distribution and sets biases to zero, as BERT does."""
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Embedding):
            nn.init.normal_(part.weight, std=standard_deviation)
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)
