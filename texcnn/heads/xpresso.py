"""Xpresso: a small convolutional network over the one-hot promoter, the field's reference for this task.

Agarwal & Shendure 2020, "Predicting mRNA abundance directly from genomic sequence using deep convolutional
neural networks", Cell Reports 31:107663; code and weights are MIT licensed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d

LENGTH = 10_500
"""Bases of the published network's window: 7,000 upstream of the TSS and 3,500 downstream."""

BASES_PER_PLACE = 300
_BIN, _BINS_PER_PLACE = 30, 10
_LEFT, _RIGHT = 2, 3
"""Bases that the first convolution reads before and after a position: Keras pads an even kernel more on the right."""
_NEIGHBOURS = 4
"""Bins that the second convolution reads on either side."""

N_FEATURES = 6
"""Half-life inputs of the published network; its Kipoi model feeds zeros for them."""


class XpressoCNN(nn.Module):
    """The published Xpresso network; :func:`texcnn.model.import_xpresso.read_keras_weights` fills it.

    Every activation is a separate module, so that attribution methods can hook each of them.

    Args:
        length: Bases of the window; a multiple of 300 loses no base in the two poolings.
        n_features: Numbers per gene that join the sequence before the dense layers.
        n_cell_types: Number of outputs; the published network has one.
    """

    places_per_change = 2
    """Places that a substitution can reach."""

    def __init__(self, length: int = LENGTH, n_features: int = N_FEATURES, n_cell_types: int = 1) -> None:
        super().__init__()
        self.n_cell_types = n_cell_types
        self.length = length
        self.n_features = n_features
        self.pad = nn.ConstantPad1d((_LEFT, _RIGHT), 0.0)
        self.conv1 = nn.Conv1d(4, 128, kernel_size=6)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool1d(_BIN)
        self.conv2 = nn.Conv1d(128, 32, kernel_size=9, padding=_NEIGHBOURS)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool1d(_BINS_PER_PLACE)
        self.dense1 = nn.Linear(length // 30 // 10 * 32 + n_features, 64)
        self.relu3 = nn.ReLU()
        self.dropout1 = nn.Dropout(0.000992863149624538)
        self.dense2 = nn.Linear(64, 2)
        self.relu4 = nn.ReLU()
        self.dropout2 = nn.Dropout(0.015461061523035332)
        self.dense3 = nn.Linear(2, n_cell_types)
        # Keras' first weights, which the authors trained from.
        for name, weight in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(weight)
            else:
                (nn.init.xavier_normal_ if name.startswith("conv") else nn.init.xavier_uniform_)(weight)
        if n_cell_types > 1:
            # Outputs begin equal, each as the only one would: with different signs, what they ask of the layers
            # that they share cancels out, and the network does not learn.
            row = nn.init.xavier_uniform_(self.dense3.weight.new_empty(1, self.dense3.in_features))
            self.dense3.weight.data = row.repeat(n_cell_types, 1)

    @property
    def output(self) -> nn.Linear:
        """The last layer."""
        return self.dense3

    def forward(self, one_hot: Tensor, features: Tensor | None = None) -> Tensor:
        """Predicts one number per window.

        Args:
            one_hot: float32 ``(n, 4, length)``, channels A, C, G, T.
            features: float32 ``(n, n_features)``; zeros where not given.

        Returns:
            float32 ``(n, n_cell_types)``: with the published weights the z-score, over all genes, of
            log10(median RPKM + 0.1).
        """
        return self.read(self.places(one_hot), features)

    def places(self, one_hot: Tensor) -> Tensor:
        """Turns windows ``(n, 4, length)`` into what the dense layers read of each 300 bases, ``(n, 32, n_places)``."""
        hidden = self.pool1(self.relu1(self.conv1(self.pad(one_hot))))
        places: Tensor = self.pool2(self.relu2(self.conv2(hidden)))
        return places

    @property
    def n_places(self) -> int:
        """Places of a window."""
        return self.length // BASES_PER_PLACE

    def changed_places(self, start: int, end: int) -> range:
        """Returns the places that depend on the bases ``start`` to ``end`` of a window."""
        first = ((start - _RIGHT) // _BIN - _NEIGHBOURS) // _BINS_PER_PLACE
        last = ((end - 1 + _LEFT) // _BIN + _NEIGHBOURS) // _BINS_PER_PLACE
        return range(max(first, 0), min(last, self.n_places - 1) + 1)

    def slice_bounds(self, first: int, number: int) -> tuple[int, int]:
        """Returns the bases that ``number`` places from ``first`` on depend on; they may reach beyond the window."""
        low, high = first * _BINS_PER_PLACE - _NEIGHBOURS, (first + number) * _BINS_PER_PLACE + _NEIGHBOURS
        return low * _BIN - _LEFT, high * _BIN + _RIGHT

    def places_of_slices(self, one_hot: Tensor, first: Tensor) -> Tensor:
        """Computes some places of each window from the bases that they depend on.

        Args:
            one_hot: float32 ``(n, 4, slice)``, the bases of :meth:`slice_bounds`, all zero beyond the window.
            first: int64 ``(n,)``, the first place of each row; all rows have as many.

        Returns:
            float32 ``(n, 32, number)``, as :meth:`places` has them.
        """
        bins = self.pool1(self.relu1(self.conv1(one_hot)))
        # Beyond the window the second convolution is padded with zeros, not with the first one's output for no bases.
        position = first[:, None] * _BINS_PER_PLACE - _NEIGHBOURS + torch.arange(bins.shape[2], device=bins.device)
        inside = (position >= 0) & (position < self.length // _BIN)
        convolved = conv1d(bins * inside[:, None], self.conv2.weight, self.conv2.bias)
        places: Tensor = self.pool2(self.relu2(convolved))
        return places

    def read(self, places: Tensor, features: Tensor | None = None) -> Tensor:
        """Turns places ``(n, 32, n_places)`` and features into predictions, as :meth:`forward` does."""
        # Keras flattens (position, channel), PyTorch holds (channel, position).
        hidden = places.transpose(1, 2).flatten(1)
        if features is None:
            features = hidden.new_zeros(len(hidden), self.n_features)
        hidden = torch.cat([hidden, features], dim=1)
        hidden = self.dropout1(self.relu3(self.dense1(hidden)))
        hidden = self.dropout2(self.relu4(self.dense2(hidden)))
        return self.dense3(hidden)
