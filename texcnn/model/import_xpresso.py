"""Reads the weights of the published Xpresso model from its Keras file, without TensorFlow."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from texcnn.heads.xpresso import XpressoCNN
from texcnn.model.keras_file import KerasNetwork

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
    network = KerasNetwork("the Xpresso network", _LAYERS, XpressoCNN().state_dict(), group="model_weights")
    return network.read(Path(path))
