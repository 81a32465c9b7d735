"""The text CNN: one vector per segment in, one expression value per cell type out.

Source: TextCNN as in DeepLncLoc (Zeng et al. 2022, doi:10.1093/bib/bbab360): parallel convolutions of widths 1, 3
and 5 with 128 filters each, ReLU, maximum over positions, one linear layer. TExCNN's own kernel sizes are not
published; these are its documented template's. The dense layer over positions is that of Xpresso (Agarwal & Shendure
2020, doi:10.1016/j.celrep.2020.107663), whose convolutions are flattened, not pooled over the whole window.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from texcnn.cpu_products import linear
from texcnn.errors import ModelError


class TextCNN(nn.Module):
    """Parallel 1-D convolutions over segments, the maximum of each filter or a dense layer, and a linear layer.

    Every activation is a separate module, so that attribution methods can hook each one.

    Attributes:
        reach: Segments on either side that what a filter finds at a segment depends on.

    Args:
        dim: Length of one segment's vector (of all encoders together).
        n_cell_types: Number of outputs.
        n_segments: Segments per window; needed with ``segment_positions``.
        kernel_widths: Widths of the parallel convolutions, in segments; odd.
        filters: Filters of each width.
        dropout: Fraction dropped before the linear layer while training.
        n_features: Extra features per gene (half-life, TF targets), joined before the linear layer.
        fusion_units: Width of a layer with ReLU that reads what was pooled and the features together; the linear layer
            then reads it next to both. Without it a feature adds the same to every gene. None leaves it out.
        segment_positions: Adds a learned vector per segment index, so that a filter can distinguish the promoter from
            the window's ends although the maximum forgets where it was found.
        input_dropout: Fraction of the vectors' numbers dropped while training.
        dense_units: Width of a dense layer with ReLU that reads every filter at every segment, in place of the
            maximum; needs ``n_segments``. None keeps the maximum.

    Raises:
        ModelError: on an even or empty kernel width, or positions or a dense layer without ``n_segments``.
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
        input_dropout: float = 0.0,
        dense_units: int | None = None,
        fusion_units: int | None = None,
    ) -> None:
        super().__init__()
        if not kernel_widths or any(width < 1 or width % 2 == 0 for width in kernel_widths):
            raise ModelError(f"unusable kernel widths {list(kernel_widths)}", allowed="one or more odd numbers from 1")
        if (segment_positions or dense_units is not None) and n_segments is None:
            raise ModelError("segment positions and dense units need the number of segments", remedy="give n_segments")
        for name, units in (("dense_units", dense_units), ("fusion_units", fusion_units)):
            if units is not None and units < 1:
                raise ModelError(f"unusable {name} {units}", allowed="a whole number from 1, or None")
        self.n_cell_types = n_cell_types
        self.n_segments = n_segments
        self.n_features = n_features
        self.reach = max(kernel_widths) // 2
        self.positions = nn.Parameter(torch.zeros(n_segments or 0, dim)) if segment_positions else None
        self.input_dropout = nn.Dropout(input_dropout)
        self.convolutions = nn.ModuleList(nn.Conv1d(dim, filters, width, padding=width // 2) for width in kernel_widths)
        self.activations = nn.ModuleList(nn.ReLU() for _ in kernel_widths)
        self.dense: nn.Sequential | None = None
        pooled_size = filters * len(kernel_widths)
        if dense_units is not None:
            self.dense = nn.Sequential(nn.Linear(pooled_size * (n_segments or 0), dense_units), nn.ReLU())
            pooled_size = dense_units
        self.dropout = nn.Dropout(dropout)
        read = pooled_size + n_features
        self.fusion = nn.Sequential(nn.Linear(read, fusion_units), nn.ReLU()) if fusion_units is not None else None
        self.output = nn.Linear(read + (fusion_units or 0), n_cell_types)

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
        return self.read(self.responses(values, mask), mask, features)

    def responses(self, values: Tensor, mask: Tensor, at: Tensor | None = None) -> Tensor:
        """Runs the convolutions.

        Args:
            values: Vectors of neighbouring segments ``(n, segments, dim)``; masked segments are zero.
            mask: ``(n, segments)``, True where the segment is usable.
            at: Which segments of the window they are, int64 ``(n, segments)``; None for the whole window.

        Returns:
            What each filter finds at each segment, ``(n, filters, segments)``; 0 where masked. It depends on
            :attr:`reach` segments on either side: beyond those given everything counts as masked.

        Raises:
            ModelError: when the number of segments of a window is not what the head was built for.
        """
        if at is None and (self.positions is not None or self.dense is not None) and values.shape[1] != self.n_segments:
            raise ModelError(
                f"{values.shape[1]} segments given to a head with segment positions",
                allowed=f"{self.n_segments} segments",
                remedy="use the window the model was trained with",
            )
        if self.positions is not None:
            values = values + (self.positions if at is None else self.positions[at])
        usable = mask.unsqueeze(-1)
        # All taps of all convolutions are one matrix product: vectors of thousands of numbers need not be transposed.
        taps = torch.cat([one.weight.permute(2, 0, 1).flatten(0, 1) for one in self._convolutions()])
        parts = self.products(values, mask, taps).split(
            [one.kernel_size[0] * one.out_channels for one in self._convolutions()], dim=2
        )
        # ReLU's floor is 0, so a masked segment can never be a maximum once it is 0 itself.
        found = [
            activation(_slide(part, one)) * usable
            for one, part, activation in zip(self._convolutions(), parts, self.activations, strict=True)
        ]
        return torch.cat(found, dim=2).transpose(1, 2)

    def products(self, values: Tensor, mask: Tensor, taps: Tensor) -> Tensor:
        """Multiplies segments with the taps of all convolutions.

        Args:
            values: ``(n, segments, dim)``.
            mask: ``(n, segments)``, True where the segment is usable.
            taps: ``(m, dim)``.

        Returns:
            ``(n, segments, m)``, 0 where masked.
        """
        return linear(self.input_dropout(values), taps) * mask.unsqueeze(-1)

    def read(self, responses: Tensor, mask: Tensor, features: Tensor | None = None) -> Tensor:
        """Turns what the filters find in whole windows into expression, as :meth:`forward` does.

        Raises:
            ModelError: when the number of features is not what the head was built for.
        """
        given = 0 if features is None else features.shape[1]
        if given != self.n_features:
            raise ModelError(f"{given} features given", allowed=f"{self.n_features} features")
        pooled = responses.amax(dim=2) if self.dense is None else self.dense(responses.flatten(1))
        if features is not None:
            pooled = torch.cat([pooled, features], dim=1)
        if self.fusion is not None:
            pooled = torch.cat([pooled, self.fusion(pooled)], dim=1)
        expression: Tensor = self.output(self.dropout(pooled))
        return expression.masked_fill(~mask.any(dim=1, keepdim=True), torch.nan)

    def _convolutions(self) -> list[nn.Conv1d]:
        return [cast(nn.Conv1d, one) for one in self.convolutions]


def _slide(products: Tensor, convolution: nn.Conv1d) -> Tensor:
    """Adds up what each tap of a convolution makes of its segment.

    Args:
        products: ``(n, segments, taps * filters)``, tap by tap.
        convolution: Its bias and numbers; the taps reach equally far to both sides.

    Returns:
        The convolution's output ``(n, segments, filters)``; beyond the window there are zeros.
    """
    (width,), segments = convolution.kernel_size, products.shape[1]
    padded = pad(products, (0, 0, width // 2, width // 2)).unflatten(2, (width, convolution.out_channels))
    total = padded[:, :segments, 0]
    for tap in range(1, width):
        total = total + padded[:, tap : tap + segments, tap]
    assert convolution.bias is not None
    return total + convolution.bias
