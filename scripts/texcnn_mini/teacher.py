"""The published Xpresso network, rearranged so that tens of thousands of windows take minutes on a CPU."""

from __future__ import annotations

import numpy as np
import torch
from data import N_TILES, TEACHER, TILE
from torch import Tensor

from texcnn.heads.xpresso import XpressoCNN
from texcnn.model.import_xpresso import read_keras_weights

POOL, STEP = 30, 10
"""Bases the network pools, and the bins they are put together from."""

_CODES = np.full(256, 4, dtype=np.int64)
_CODES[np.frombuffer(b"ACGT", dtype=np.uint8)] = np.arange(4)


class Teacher:
    """Xpresso whose first convolution is looked up: a 6-mer over A, C, G, T, N has one of 15,625 answers."""

    def __init__(self) -> None:
        self.network = XpressoCNN().eval().requires_grad_(False)
        self.network.load_state_dict(read_keras_weights(TEACHER))
        weight = torch.cat([self.network.conv1.weight, torch.zeros(128, 1, 6)], dim=1)  # N is all zero
        table = self.network.conv1.bias.expand(1, 128)
        for position in range(6):
            table = (table[:, None] + weight[:, :, position].T[None]).reshape(-1, 128)
        self.table = table.relu().contiguous()

    def _first_layer(self, bases: np.ndarray, width: int) -> Tensor:
        """Returns the first convolution of ASCII codes ``(n, length)``, pooled: ``(n, length // width, 128)``."""
        n, length = bases.shape
        codes = np.pad(_CODES[bases], ((0, 0), (2, 3)), constant_values=4)
        words = sum(codes[:, i : i + length] * 5 ** (5 - i) for i in range(6))[:, : length // width * width]
        bags = torch.from_numpy(words.reshape(-1, width))
        return torch.nn.functional.embedding_bag(bags, self.table, mode="max").reshape(n, -1, 128)

    def _second_layer(self, pooled: Tensor) -> Tensor:
        """Takes ``(n, bins, 128)`` to the second convolution's output, ``(n, 32, bins)``."""
        return self.network.relu2(self.network.conv2(pooled.transpose(1, 2)))

    @torch.inference_mode()
    def motifs(self, tiles: np.ndarray) -> Tensor:
        """Returns the second convolution's output for tiles ``(n, length)`` seen alone, ``(n, 32, length // 30)``."""
        return self._second_layer(self._first_layer(tiles, POOL))

    @torch.inference_mode()
    def predict(self, tiles: np.ndarray, firsts: np.ndarray) -> Tensor:
        """Predicts windows that share tiles.

        Equals the network but for the 5 bases at a window's ends, where its neighbours stand for the padding.

        Args:
            tiles: ASCII codes ``(n_tiles, 250)``, neighbours in order.
            firsts: The first tile of each window ``(n,)``.

        Returns:
            z-scores ``(n,)``.
        """
        # 250 and 30 are multiples of 10, so bins of 10 bases serve every window, wherever it starts.
        bins = self._first_layer(tiles.reshape(1, -1), STEP)[0]
        per_tile = TILE // STEP
        rows = firsts[:, None] * per_tile + np.arange(N_TILES * per_tile)
        pooled = bins[torch.from_numpy(rows)].reshape(len(firsts), -1, POOL // STEP, 128).amax(dim=2)
        network = self.network
        hidden = network.pool2(self._second_layer(pooled)).transpose(1, 2).flatten(1)
        hidden = torch.cat([hidden, hidden.new_zeros(len(hidden), network.n_features)], dim=1)
        hidden = network.relu4(network.dense2(network.relu3(network.dense1(hidden))))
        return network.dense3(hidden)[:, 0]
