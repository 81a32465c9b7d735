"""The networks that teach: Xpresso for whole windows, MPRA-DragoNN and our own reporter network for short pieces."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from texcnn.heads.xpresso import XpressoCNN


class ReporterCNN(nn.Module):
    """Three convolutions over bases, then the mean and the maximum of each channel in each third; any length."""

    def __init__(self, channels: int = 96) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(4, 128, 11, padding=5), nn.BatchNorm1d(128), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(128, channels, 7, padding=3), nn.BatchNorm1d(channels), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(channels, channels, 5, padding=2), nn.BatchNorm1d(channels), nn.ReLU(),
        )  # fmt: skip
        self.dense = nn.Sequential(
            nn.Dropout(0.3), nn.Linear(channels * 6, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 1)
        )

    def forward(self, bases: Tensor) -> Tensor:
        """Turns one-hot bases ``(n, 4, length)`` into standardised log2 activity ``(n,)``."""
        hidden = self.body(bases)
        # The same as adaptive pooling to three, which has no fast backward pass everywhere.
        thirds = torch.stack([part[..., : hidden.shape[2] // 3] for part in hidden.tensor_split(3, dim=2)], dim=2)
        return self.dense(torch.cat([thirds.mean(3), thirds.amax(3)], dim=1).flatten(1))[:, 0]


class DragoNN(nn.Module):
    """MPRA-DragoNN's ConvModel (kundajelab, MIT): 145 bases to 12 activities.

    Args:
        arrays: Its Keras arrays, as :mod:`pack` names them.
    """

    LENGTH = 145

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 4
        for number in (1, 2, 3):
            convolution, norm = nn.Conv1d(channels, 120, 5), nn.BatchNorm1d(120, eps=1e-3)
            kernel = arrays[f"dragonn.conv1d_{number}.kernel"]
            convolution.weight.data = torch.from_numpy(kernel.transpose(2, 1, 0).copy())
            assert convolution.bias is not None
            convolution.bias.data = torch.from_numpy(arrays[f"dragonn.conv1d_{number}.bias"])
            for ours, theirs in (
                ("weight", "gamma"),
                ("bias", "beta"),
                ("running_mean", "moving_mean"),
                ("running_var", "moving_variance"),
            ):
                getattr(norm, ours).data = torch.from_numpy(arrays[f"dragonn.batch_normalization_{number}.{theirs}"])
            layers += [convolution, nn.ReLU(), norm]
            channels = 120
        self.body = nn.Sequential(*layers)
        self.dense = nn.Linear(133 * 120, 12)
        self.dense.weight.data = torch.from_numpy(arrays["dragonn.dense_1.kernel"].T.copy())
        self.dense.bias.data = torch.from_numpy(arrays["dragonn.dense_1.bias"])
        self.eval().requires_grad_(False)

    def forward(self, bases: Tensor) -> Tensor:
        """Turns one-hot bases ``(n, 4, 145)`` into activities ``(n, 12)``; Keras flattens (position, channel)."""
        return self.dense(self.body(bases).transpose(1, 2).flatten(1))


def load_xpresso(arrays: Mapping[str, np.ndarray], name: str) -> XpressoCNN:
    """Returns one of the published Xpresso networks, frozen."""
    network = XpressoCNN()
    prefix = f"xpresso.{name}."
    network.load_state_dict(
        {key.removeprefix(prefix): torch.from_numpy(arrays[key]) for key in arrays if key.startswith(prefix)}
    )
    return network.eval().requires_grad_(False)
