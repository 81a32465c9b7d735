"""Reads the weights of a published network from its Keras file, without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor

from texcnn.errors import ModelError

_DENSE = {"weight": "kernel", "bias": "bias"}
_BATCH_NORM = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


@dataclass(frozen=True)
class KerasNetwork:
    """A published network and the module that takes its weights.

    Attributes:
        name: What it is called.
        layers: Keras layer to the part of the module that holds its weights.
        state: The module's state dict, whose names and shapes the file must have.
        group: Where in the file its layers are; empty for a file of weights alone.
    """

    name: str
    layers: Mapping[str, str]
    state: Mapping[str, Tensor]
    group: str = ""

    def read(self, path: Path) -> dict[str, Tensor]:
        """Reads a file of exactly these layers.

        Args:
            path: The HDF5 file.

        Returns:
            The module's state dict, float32.

        Raises:
            ModelError: if the file cannot be read as HDF5, has other layers, or has layers of other shapes.
        """
        allowed = f"the Keras HDF5 file of {self.name}"
        if not path.is_file():
            raise ModelError(f"file not found: {path}", allowed=allowed)
        try:
            file = h5py.File(path, "r")
        except OSError as error:
            raise ModelError("the file is not HDF5", where=path, allowed=allowed) from error
        with file:
            weights = self._weights(file, path)
            return {
                f"{module}.{ours}": _read_tensor(
                    weights, f"{layer}/{layer}/{theirs}:0", self.state[f"{module}.{ours}"], path
                )
                for layer, module in self.layers.items()
                for ours, theirs in (_BATCH_NORM if f"{module}.running_mean" in self.state else _DENSE).items()
            }

    def _weights(self, file: h5py.File, path: Path) -> h5py.Group:
        """Finds the layers; refuses a file with other weights, which would be left out silently."""
        weights = file.get(self.group or "/")
        if not isinstance(weights, h5py.Group):
            raise ModelError(
                f"the HDF5 file holds no '{self.group}' group",
                where=path,
                allowed="a whole Keras model, as model.save() writes it",
            )
        layers = {name for name, layer in weights.items() if isinstance(layer, h5py.Group) and len(layer)}
        if layers != set(self.layers):
            raise ModelError(
                f"the file is not {self.name}: its layers with weights are {', '.join(sorted(layers)) or 'none'}",
                where=path,
                allowed=", ".join(self.layers),
            )
        return weights


def _read_tensor(weights: h5py.Group, key: str, expected: Tensor, path: Path) -> Tensor:
    """Reads one array into PyTorch's layout: Keras keeps the output channels last, PyTorch first."""
    found = weights.get(key)
    if not isinstance(found, h5py.Dataset):
        raise ModelError(f"the file has no array '{key}'", where=path, remedy="use an unchanged Keras file")
    shape = tuple(reversed(expected.shape))
    if found.shape != shape:
        raise ModelError(f"'{key}' has shape {found.shape}", where=path, allowed=f"{shape}, as published")
    return torch.from_numpy(np.ascontiguousarray(np.asarray(found, dtype=np.float32).T))
