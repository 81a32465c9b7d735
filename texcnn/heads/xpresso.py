"""Xpresso: a small convolutional network over the one-hot promoter, the field's reference for this task.

Agarwal & Shendure 2020, "Predicting mRNA abundance directly from genomic sequence using deep convolutional
neural networks", Cell Reports 31:107663; code and weights are MIT licensed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LENGTH = 10_500
"""Bases of the published network's window: 7,000 upstream of the TSS and 3,500 downstream."""

N_FEATURES = 6
"""Half-life inputs of the published network; its Kipoi model feeds zeros for them."""


class XpressoCNN(nn.Module):
    """The published Xpresso network; :func:`texcnn.model.import_xpresso.read_keras_weights` fills it.

    Every activation is a module of its own, so that attribution methods can hook each of them.

    Args:
        length: Bases of the window; a multiple of 300 loses no base in the two poolings.
        n_features: Numbers per gene that join the sequence before the dense layers.
        n_cell_types: Number of outputs; the published network has one.
    """

    def __init__(self, length: int = LENGTH, n_features: int = N_FEATURES, n_cell_types: int = 1) -> None:
        super().__init__()
        self.n_cell_types = n_cell_types
        self.length = length
        self.n_features = n_features
        # Keras pads an even kernel one base more on the right: 2 and 3.
        self.pad = nn.ConstantPad1d((2, 3), 0.0)
        self.conv1 = nn.Conv1d(4, 128, kernel_size=6)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool1d(30)
        self.conv2 = nn.Conv1d(128, 32, kernel_size=9, padding=4)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool1d(10)
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
        hidden = self.pool1(self.relu1(self.conv1(self.pad(one_hot))))
        hidden = self.pool2(self.relu2(self.conv2(hidden)))
        # Keras flattens (position, channel), PyTorch holds (channel, position).
        hidden = hidden.transpose(1, 2).flatten(1)
        if features is None:
            features = hidden.new_zeros(len(hidden), self.n_features)
        hidden = torch.cat([hidden, features], dim=1)
        hidden = self.dropout1(self.relu3(self.dense1(hidden)))
        hidden = self.dropout2(self.relu4(self.dense2(hidden)))
        return self.dense3(hidden)
