"""The promoter transformer of Pipoli et al. 2022: one transformer block over the word2vec vectors of 50-bp chunks.

Source: Pipoli et al. 2022, "Predicting gene expression levels from DNA sequences and post-transcriptional information
with transformers", Comput Methods Programs Biomed 225:107035 (doi:10.1016/j.cmpb.2022.107035), "Transformer
DeepLncLoc". Layer sizes and the training's settings are those of the authors' public notebooks.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class PipoliTransformer(nn.Module):
    """Batch norm, sinusoidal positions, one post-norm block, the average over chunks, a dense layer.

    A head's key has the full length of a chunk's vector, as Keras' ``MultiHeadAttention(key_dim=dim)`` has it.

    Args:
        dim: Length of a chunk's vector.
        n_cell_types: Number of outputs.
        n_segments: Chunks per window.
        n_features: Half-life and TF features per gene, joined before the dense layer.
        heads: Attention heads.
        feed_forward: Width of the block's inner layer.
        dense: Width of the dense layer.
        dropout: Fraction dropped after positions, attention, the block and the dense layer while training.
    """

    positions: Tensor

    def __init__(
        self,
        dim: int,
        n_cell_types: int,
        *,
        n_segments: int,
        n_features: int = 0,
        heads: int = 4,
        feed_forward: int = 384,
        dense: int = 100,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.n_cell_types = n_cell_types
        self.heads = heads
        self.norm = nn.BatchNorm1d(dim, eps=1e-3, momentum=0.01)  # as Keras has them
        self.register_buffer("positions", sinusoids(n_segments, dim), persistent=False)
        self.position_dropout = nn.Dropout(dropout)
        self.queries_keys_values = nn.Linear(dim, 3 * heads * dim)
        self.attended = nn.Linear(heads * dim, dim)
        self.attention_dropout = nn.Dropout(dropout)
        self.attention_norm = nn.LayerNorm(dim, eps=1e-6)
        self.inner = nn.Linear(dim, feed_forward)
        self.inner_activation = nn.ReLU()
        self.outer = nn.Linear(feed_forward, dim)
        self.block_dropout = nn.Dropout(dropout)
        self.block_norm = nn.LayerNorm(dim, eps=1e-6)
        self.dense = nn.Linear(dim + n_features, dense)
        self.dense_activation = nn.ReLU()
        self.dense_dropout = nn.Dropout(dropout)
        self.output = nn.Linear(dense, n_cell_types)

    def forward(self, values: Tensor, mask: Tensor, features: Tensor | None = None) -> Tensor:
        """Predicts expression.

        Masked chunks are neither attended to nor averaged; the authors had none, since they left genes with an unknown
        base out.

        Args:
            values: Chunks' vectors ``(n, n_segments, dim)``.
            mask: ``(n, n_segments)``, True where the chunk is usable.
            features: ``(n, n_features)``, or None when the head has none.

        Returns:
            ``(n, n_cell_types)``; NaN for a row without any usable chunk.
        """
        usable = mask.unsqueeze(-1)
        none = ~mask.any(dim=1, keepdim=True)
        hidden = self.norm(values.transpose(1, 2)).transpose(1, 2)
        hidden = self.position_dropout(hidden * math.sqrt(hidden.shape[-1]) + self.positions)
        hidden = self.attention_norm(hidden + self.attention_dropout(self._attend(hidden, mask | none)))
        transformed = self.outer(self.inner_activation(self.inner(hidden)))
        hidden = self.block_norm(hidden + self.block_dropout(transformed))
        pooled = (hidden * usable).sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)
        if features is not None:
            pooled = torch.cat([pooled, features], dim=1)
        dense = self.dense_dropout(self.dense_activation(self.dense(pooled)))
        return self.output(dense).masked_fill(none, torch.nan)

    def _attend(self, hidden: Tensor, mask: Tensor) -> Tensor:
        n, length, _ = hidden.shape
        projected = self.queries_keys_values(hidden).view(n, length, 3, self.heads, -1)
        queries, keys, values = projected.permute(2, 0, 3, 1, 4)
        attended = scaled_dot_product_attention(queries, keys, values, attn_mask=mask[:, None, None, :])
        return self.attended(attended.transpose(1, 2).flatten(2))


def sinusoids(length: int, dim: int) -> Tensor:
    """Returns the fixed positions of Vaswani et al. 2017, float32 ``(length, dim)``: sines and cosines alternate."""
    place = torch.arange(length, dtype=torch.float64)[:, None]
    column = torch.arange(dim)
    angles = place / 10_000 ** (2 * (column // 2) / dim)
    return torch.where(column % 2 == 0, angles.sin(), angles.cos()).float()
