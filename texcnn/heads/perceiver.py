"""DNAPerceiver: latents that attend to every base, queried by a convolutional summary of the same window.

Source: Stefanini et al. 2023, "Predicting gene and protein expression levels from DNA and protein sequences with
Perceiver", Comput Methods Programs Biomed 234:107504 (doi:10.1016/j.cmpb.2023.107504). Layer sizes are the defaults of
the authors' public code.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from texcnn.errors import ModelError
from texcnn.heads.pipoli import sinusoids


class Perceiver(nn.Module):
    """One cross-attention and one self-attention block over 128 latents, then a query computed by convolutions.

    Args:
        length: Bases of the window; positions are learned, so it is fixed.
        n_cell_types: Number of outputs.
        n_features: Features per gene, given to every latent and to the query.
        letters: Length of a base's vector.
        latents: Number of latents.
        latent_dim: Their length, without the features.
        query_dim: Length of the query.
        pool: Bases that the query's first pooling joins; the two further ones join half as many each.
        dropout: Fraction dropped while training.

    Raises:
        ModelError: when the window is shorter than the poolings need.
    """

    def __init__(
        self,
        length: int,
        n_cell_types: int = 1,
        n_features: int = 0,
        *,
        letters: int = 32,
        latents: int = 128,
        latent_dim: int = 128,
        query_dim: int = 64,
        pool: int = 12,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        pooled = length // pool // (pool // 2) // (pool // 2)
        if not pooled:
            raise ModelError(f"a window of {length} bases", allowed=f"{pool * (pool // 2) ** 2} bases or more")
        self.n_cell_types = n_cell_types
        self.letters = nn.Linear(4, letters, bias=False)
        self.letter_dropout = nn.Dropout(dropout)
        self.positions = nn.Parameter(sinusoids(length, letters))
        self.latents = nn.Parameter(torch.randn(latents, latent_dim))
        wide = latent_dim + n_features
        self.cross = _Attention(wide, letters, heads=1, head_dim=64, dropout=dropout)
        self.cross_feed = _FeedForward(wide, dropout)
        self.own = _Attention(wide, wide, heads=8, head_dim=latent_dim // 8, dropout=dropout)
        self.own_feed = _FeedForward(wide, dropout)
        middle, last = 2 * round(query_dim / 2**0.5 / 2), query_dim // 2
        self.query = nn.Sequential(
            nn.Conv1d(4, query_dim, 15, padding=7),
            _Residual(_convolution(query_dim, query_dim, 1)),
            _AttentionPool(query_dim, pool),
            _convolution(query_dim, middle, 5),
            _Residual(_convolution(middle, middle, 1)),
            _AttentionPool(middle, pool // 2),
            _convolution(middle, last, 5),
            _Residual(_convolution(last, last, 1)),
            _AttentionPool(last, pool // 2),
            nn.Flatten(),
        )
        self.dense = nn.Linear(last * pooled + n_features, query_dim)
        self.activation = nn.ReLU()
        self.dropout = nn.Dropout(dropout)
        self.decoder = _Attention(query_dim, wide, heads=1, head_dim=64, dropout=0.0)
        self.output = nn.Linear(query_dim, n_cell_types)

    def forward(self, one_hot: Tensor, features: Tensor | None = None) -> Tensor:
        """Predicts expression.

        Args:
            one_hot: float32 ``(n, 4, length)``; an unknown base is not attended to. A window needs a known one.
            features: float32 ``(n, n_features)``, or None when the head has none.

        Returns:
            float32 ``(n, n_cell_types)``.
        """
        known = one_hot.sum(dim=1) > 0
        bases = self.letter_dropout(self.letters(one_hot.transpose(1, 2))) + self.positions
        latents = self.latents.expand(len(one_hot), -1, -1)
        query = self.query(one_hot)
        if features is not None:
            latents = torch.cat([latents, features.unsqueeze(1).expand(-1, latents.shape[1], -1)], dim=-1)
            query = torch.cat([query, features], dim=-1)
        latents = latents + self.cross(latents, bases, known)
        latents = latents + self.cross_feed(latents)
        latents = latents + self.own(latents, latents)
        latents = latents + self.own_feed(latents)
        query = self.dropout(self.activation(self.dense(query)))
        return self.output(query + self.decoder(query.unsqueeze(1), latents).squeeze(1))


class _Attention(nn.Module):
    """Pre-normed attention of ``x`` to a context."""

    def __init__(self, dim: int, context_dim: int, *, heads: int, head_dim: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm, self.context_norm = nn.LayerNorm(dim), nn.LayerNorm(context_dim)
        self.queries = nn.Linear(dim, heads * head_dim, bias=False)
        self.keys_values = nn.Linear(context_dim, 2 * heads * head_dim, bias=False)
        self.joined = nn.Linear(heads * head_dim, dim)

    def forward(self, x: Tensor, context: Tensor, mask: Tensor | None = None) -> Tensor:
        queries = self.queries(self.norm(x)).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        projected = self.keys_values(self.context_norm(context)).unflatten(-1, (2, self.heads, -1))
        keys, values = projected.permute(2, 0, 3, 1, 4)
        allowed = None if mask is None else mask[:, None, None, :]
        rate = self.dropout if self.training else 0.0
        attended = scaled_dot_product_attention(queries, keys, values, attn_mask=allowed, dropout_p=rate)
        return self.joined(attended.transpose(1, 2).flatten(2))


class _FeedForward(nn.Module):
    """Pre-normed gated GELU layer of twice the width."""

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.norm, self.inner, self.outer = nn.LayerNorm(dim), nn.Linear(dim, 4 * dim), nn.Linear(2 * dim, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.inner(self.norm(x)).chunk(2, dim=-1)
        return self.dropout(self.outer(value * gelu(gate)))


class _AttentionPool(nn.Module):
    """Joins neighbouring positions by a softmax of their values; an incomplete pool at the end is cut off."""

    def __init__(self, dim: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.logits = nn.Parameter(torch.eye(dim))

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, : x.shape[2] // self.size * self.size]
        weights = torch.einsum("ndl,de->nel", x, self.logits).unflatten(2, (-1, self.size)).softmax(dim=-1)
        return (x.unflatten(2, (-1, self.size)) * weights).sum(dim=-1)


class _Residual(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


def _convolution(dim: int, dim_out: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm1d(dim), nn.GELU(), nn.Conv1d(dim, dim_out, width, padding=width // 2))
