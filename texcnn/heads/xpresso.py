"""Xpresso: a small convolutional network over the one-hot promoter, the field's reference for this task.

Agarwal & Shendure 2020, "Predicting mRNA abundance directly from genomic sequence using deep convolutional
neural networks", Cell Reports 31:107663; code and weights are MIT licensed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from texcnn.errors import InputError

LENGTH = 10_500
"""Bases of the published network's window: 7,000 upstream of the TSS and 3,500 downstream."""

N_FEATURES = 6
"""Half-life inputs of the published network; its Kipoi model feeds zeros for them."""

_ROWS = np.zeros((256, 4), dtype=np.float32)
_ROWS[np.frombuffer(b"ACGT", dtype=np.uint8)] = np.eye(4, dtype=np.float32)


def one_hot(sequences: Sequence[str]) -> Tensor:
    """Encodes sequences of one length, a channel per base in the order A, C, G, T.

    Args:
        sequences: Upper-case ``ACGTN`` sequences, all equally long.

    Returns:
        float32 ``(n, 4, length)``; ``N`` is all zero.

    Raises:
        InputError: if there is no sequence, or the lengths differ.
    """
    lengths = {len(sequence) for sequence in sequences}
    if len(lengths) != 1:
        raise InputError(
            f"one-hot encoding needs sequences of one length, found {sorted(lengths) or 'no sequence'}",
            allowed="at least one sequence, all of the same length",
            remedy="pad shorter sequences with N",
        )
    codes = np.frombuffer("".join(sequences).encode("ascii", "replace"), dtype=np.uint8)
    rows = _ROWS[codes].reshape(len(sequences), lengths.pop(), 4)
    return torch.from_numpy(np.ascontiguousarray(rows.transpose(0, 2, 1)))


class XpressoCNN(nn.Module):
    """The published Xpresso network; :func:`texcnn.model.import_xpresso.read_keras_weights` fills it.

    Every activation is a module of its own, so that attribution methods can hook each of them.

    Args:
        length: Bases of the window; a multiple of 300 loses no base in the two poolings.
        n_features: Numbers per gene that join the sequence before the dense layers.
    """

    def __init__(self, length: int = LENGTH, n_features: int = N_FEATURES) -> None:
        super().__init__()
        self.n_cell_types = 1
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
        self.dense3 = nn.Linear(2, 1)

    def forward(self, one_hot: Tensor, features: Tensor | None = None) -> Tensor:
        """Predicts one number per window.

        Args:
            one_hot: float32 ``(n, 4, length)``, channels A, C, G, T.
            features: float32 ``(n, n_features)``; zeros where not given.

        Returns:
            float32 ``(n, 1)``: with the published weights the z-score, over all genes, of
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
