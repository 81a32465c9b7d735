"""A linear map of all segment vectors: what a k-mer ridge becomes once it is solved."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LinearHead(nn.Module):
    """Standardised segment vectors and features, one weight per number and cell type.

    Args:
        dim: Length of one segment's vector.
        n_cell_types: Number of outputs.
        n_segments: Segments per window.
        n_features: Extra features per gene.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, dim: int, n_cell_types: int, *, n_segments: int, n_features: int = 0) -> None:
        super().__init__()
        self.n_cell_types = n_cell_types
        self.register_buffer("mean", torch.zeros(n_segments * dim))
        self.register_buffer("scale", torch.ones(n_segments * dim))
        self.output = nn.Linear(n_segments * dim + n_features, n_cell_types)

    def columns(self, values: Tensor, features: Tensor | None) -> Tensor:
        """Returns what the weights multiply, ``(n, n_segments * dim + n_features)``."""
        scaled = (values.flatten(1) - self.mean) / self.scale
        return scaled if features is None else torch.cat([scaled, features], dim=1)

    def forward(self, values: Tensor, mask: Tensor, features: Tensor | None = None) -> Tensor:
        """Predicts expression ``(n, n_cell_types)``; NaN for a row without any usable segment."""
        expression = self.output(self.columns(values, features))
        return expression.masked_fill(~mask.any(dim=1, keepdim=True), torch.nan)
