"""The text CNN: one vector per segment in, one expression value per cell type out.

Source: TextCNN as in DeepLncLoc (Zeng et al. 2022, doi:10.1093/bib/bbab360): parallel convolutions of widths 1, 3
and 5 with 128 filters each, ReLU, maximum over positions, one linear layer. TExCNN's own kernel sizes are not
published; these are its documented template's.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from texcnn.errors import ModelError


class TextCNN(nn.Module):
    """Parallel 1-D convolutions over segments, the maximum of each filter, and a linear layer.

    Every activation is a module of its own, so that attribution methods can hook each one.

    Args:
        dim: Length of one segment's vector (of all encoders together).
        n_cell_types: Number of outputs.
        n_segments: Segments per window; needed with ``segment_positions``.
        kernel_widths: Widths of the parallel convolutions, in segments; odd.
        filters: Filters of each width.
        dropout: Fraction dropped before the linear layer while training.
        n_features: Extra features per gene (half-life, TF targets), joined before the linear layer.
        segment_positions: Adds a learned vector per segment index, so that a filter can tell the promoter from
            the window's ends although the maximum forgets where it was found.

    Raises:
        ModelError: on an even or empty kernel width, or positions without ``n_segments``.
    """

    def __init__(
        self,
        dim: int,
        n_cell_types: int,
        *,
        n_segments: int | None = None,
        kernel_widths: Sequence[int] = (1, 3, 5),
        filters: int = 128,
        dropout: float = 0.5,
        n_features: int = 0,
        segment_positions: bool = False,
    ) -> None:
        super().__init__()
        if not kernel_widths or any(width < 1 or width % 2 == 0 for width in kernel_widths):
            raise ModelError(f"unusable kernel widths {list(kernel_widths)}", allowed="one or more odd numbers from 1")
        if segment_positions and n_segments is None:
            raise ModelError("segment positions need the number of segments", remedy="give n_segments")
        self.n_cell_types = n_cell_types
        self.n_segments = n_segments
        self.n_features = n_features
        self.positions = nn.Parameter(torch.zeros(n_segments or 0, dim)) if segment_positions else None
        self.convolutions = nn.ModuleList(nn.Conv1d(dim, filters, width, padding=width // 2) for width in kernel_widths)
        self.activations = nn.ModuleList(nn.ReLU() for _ in kernel_widths)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(filters * len(kernel_widths) + n_features, n_cell_types)

    def forward(self, values: Tensor, mask: Tensor, features: Tensor | None = None) -> Tensor:
        """Predicts expression.

        Args:
            values: Segment vectors ``(n, n_segments, dim)``; masked segments are zero.
            mask: ``(n, n_segments)``, True where the segment is usable.
            features: ``(n, n_features)``, or None when the head has none.

        Returns:
            Expression ``(n, n_cell_types)`` in the model's unit; NaN for a row without any usable segment.

        Raises:
            ModelError: when the number of segments or features is not what the head was built for.
        """
        if self.positions is not None:
            if values.shape[1] != self.n_segments:
                raise ModelError(
                    f"{values.shape[1]} segments given to a head that tells positions apart",
                    allowed=f"{self.n_segments} segments",
                    remedy="use the window the model was trained with",
                )
            values = values + self.positions
        given = 0 if features is None else features.shape[1]
        if given != self.n_features:
            raise ModelError(f"{given} features given", allowed=f"{self.n_features} features")

        usable = mask.unsqueeze(-1)
        signal = (values * usable).transpose(1, 2)
        pooled = []
        for convolution, activation in zip(self.convolutions, self.activations, strict=True):
            response = activation(convolution(signal))
            # ReLU's floor is 0, so a masked segment can never win once it is 0 itself.
            pooled.append((response * mask.unsqueeze(1)).amax(dim=2))
        if features is not None:
            pooled.append(features)
        expression = self.output(self.dropout(torch.cat(pooled, dim=1)))
        return expression.masked_fill(~mask.any(dim=1, keepdim=True), torch.nan)
