"""Reads the weights of the published Xpresso model from its Keras file, without TensorFlow."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor

from texcnn.errors import ModelError
from texcnn.heads.xpresso import XpressoCNN

_ALLOWED = "the Keras .h5 file of an Xpresso model"

_LAYERS = {
    "conv1d_1": "conv1",
    "conv1d_2": "conv2",
    "dense_1": "dense1",
    "dense_2": "dense2",
    "dense_3": "dense3",
}
"""Keras layer to the module of :class:`~texcnn.heads.xpresso.XpressoCNN` that holds its weights."""


def read_keras_weights(path: str | Path) -> dict[str, Tensor]:
    """Reads a Keras file of the published Xpresso architecture (10,500 bp and 6 half-life inputs).

    Args:
        path: The ``.h5`` file, such as ``human_trainepoch.11-0.426.h5`` of the Xpresso repository.

    Returns:
        The state dict of an :class:`~texcnn.heads.xpresso.XpressoCNN`, float32.

    Raises:
        ModelError: if the file cannot be read as HDF5, has other layers, or has layers of other shapes.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"file not found: {path}", allowed=_ALLOWED)
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ModelError("the file is not HDF5", where=path, allowed=_ALLOWED) from error
    with file:
        expected = XpressoCNN().state_dict()
        weights = _weights_group(file, path)
        return {
            f"{module}.{ours}": _read_tensor(weights, f"{layer}/{layer}/{theirs}:0", expected[f"{module}.{ours}"], path)
            for layer, module in _LAYERS.items()
            for ours, theirs in (("weight", "kernel"), ("bias", "bias"))
        }


def _weights_group(file: h5py.File, path: Path) -> h5py.Group:
    """Finds the layers; refuses a file with other weights than Xpresso's, which would be left out silently."""
    weights = file.get("model_weights")
    if not isinstance(weights, h5py.Group):
        raise ModelError(
            "the HDF5 file holds no 'model_weights' group",
            where=path,
            allowed="a whole Keras model, as model.save() writes it",
        )
    layers = {name for name, layer in weights.items() if isinstance(layer, h5py.Group) and len(layer)}
    if layers != set(_LAYERS):
        raise ModelError(
            f"the file is not the Xpresso network: its layers with weights are {', '.join(sorted(layers)) or 'none'}",
            where=path,
            allowed=", ".join(_LAYERS),
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
