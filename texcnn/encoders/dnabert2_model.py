"""DNABERT-2 (Zhou et al. 2024) as a plain PyTorch module that reads the original checkpoint.

The mathematics is that of the published model, see :mod:`texcnn.encoders.dnabert2_layers`. It needs no Triton kernel
and no code from the download.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from texcnn.encoders.dnabert2_config import Dnabert2Config
from texcnn.encoders.dnabert2_layers import Layers, TokenEmbeddings, runs_of


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
        """Returns the last layer's states of rows placed one after the other.

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
