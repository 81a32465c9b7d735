"""The published MPRA-DragoNN model as a bundle like any other, read from its Keras file without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from texcnn.files import sha256_file
from texcnn.genome.assembly import HUMAN
from texcnn.genome.windows import WindowSpec
from texcnn.heads.mpra_dragonn import FRAGMENT, NORM_EPS, OUTPUTS, MpraDragoNN
from texcnn.heads.spec import HeadSpec
from texcnn.model.bundle import BundleConfig, save_bundle
from texcnn.model.keras_file import KerasNetwork

_LAYERS = {
    **{f"conv1d_{number + 1}": f"convolutions.{number}" for number in range(3)},
    **{f"batch_normalization_{number + 1}": f"norms.{number}" for number in range(3)},
    "dense_1": "output",
}
"""Keras layer to the module of :class:`~texcnn.heads.mpra_dragonn.MpraDragoNN` that holds its weights."""

_WINDOW = WindowSpec(upstream=7000, downstream=3500)

_CARD = """# MPRA-DragoNN, imported

The published ConvModel of Movva et al. 2019 (PLoS ONE 14:e0218073), read from its Keras file `{name}` (sha256 {sum}).

- **Licence**: MIT, as its entry in the Kipoi zoo says; code and weights: kundajelab/MPRA-DragoNN.
- **What it was trained on**: activity of 145 bp fragments of human DNA in reporter plasmids (Sharpr-MPRA), in K562 and
  HepG2, before a minimal and an SV40 promoter. chr8 chose the epochs, chr18 was its test; all other chromosomes trained
  it. No effect of a variant did.
- **Input**: 7,000 bp upstream and 3,500 bp downstream of a TSS. The network reads each fragment of 145 bp in it, 10,356
  on each strand; a fragment with more unknown bases than known ones adds nothing.
- **Output**: `mean`, the mean of its 12 outputs, then each of them. A window's value is the sum of its fragments'
  activities divided by 145, the fragments that hold a base: as if each stretch of 145 bp acted by itself. **It is no
  expression level of a gene**, and it does not know where the TSS is.
- **Effects of variants** are what it is here for: that of a substitution is the mean, over the 145 fragments that hold
  it and both strands, of how their activity changes. It says what a reporter plasmid would show.
"""


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Reads a Keras file of the published architecture.

    Args:
        path: The file, ``pretrained.hdf5`` of the folder ConvModel.

    Returns:
        The state dict of a :class:`~texcnn.heads.mpra_dragonn.MpraDragoNN`, float32.

    Raises:
        ModelError: if the file cannot be read as HDF5, has other layers, or has layers of other shapes.
    """
    state = MpraDragoNN().state_dict()
    counters = {name: torch.zeros_like(value) for name, value in state.items() if "num_batches" in name}
    return {**KerasNetwork("the ConvModel of MPRA-DragoNN", _LAYERS, state).read(Path(path)), **counters}


def reporter_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Turns the published network's weights into those of :class:`texcnn.encoders.mpra_dragonn.ReporterCNN`.

    Batch norms become part of the layer after them, and the dense layer's weights of all 133 positions are added up:
    what a window's value, the sum over its fragments divided by 145, depends on at each base. The bias is zero.

    Args:
        state: As of :func:`read_weights`.

    Returns:
        The state dict, float32.
    """
    found: dict[str, Tensor] = {}
    factor, shift = torch.ones(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
    number = 0
    while f"convolutions.{number}.weight" in state:
        weight, bias = (state[f"convolutions.{number}.{name}"].double() for name in ("weight", "bias"))
        found[f"convolutions.{number}.weight"] = weight * factor[None, :, None]
        found[f"convolutions.{number}.bias"] = bias + (weight.sum(dim=2) * shift).sum(dim=1)
        gamma, beta, mean, variance = (
            state[f"norms.{number}.{name}"].double() for name in ("weight", "bias", "running_mean", "running_var")
        )
        factor = gamma / (variance + NORM_EPS).sqrt()
        shift = beta - mean * factor
        number += 1
    kernel = state["output.weight"].double().unflatten(1, (-1, len(factor))).sum(dim=1) / FRAGMENT
    found["output.weight"] = kernel * factor
    found["output.bias"] = torch.zeros(len(kernel), dtype=torch.float64)
    return {name: value.float() for name, value in found.items()}


def import_mpra_dragonn(path: Path, folder: Path) -> None:
    """Turns the Keras file of MPRA-DragoNN's ConvModel into a model bundle.

    Args:
        path: The ``.hdf5`` file.
        folder: The bundle to write.

    Raises:
        ModelError: when the file is not the published network.
    """
    state = read_weights(path)
    for name in ("output.weight", "output.bias"):  # linear, so that the mean of the outputs is one more output
        state[name] = torch.cat([state[name].mean(dim=0, keepdim=True), state[name]])
    tensors = {f"head.{name}": value for name, value in state.items()}
    config = BundleConfig(
        name="mpra-dragonn",
        version="1",
        kind="one-hot",
        unit="reporter activity (Sharpr-MPRA), added up over the window",
        window=_WINDOW,
        head=HeadSpec("mpra-dragonn", {"length": _WINDOW.length, "n_cell_types": OUTPUTS + 1}),
        assembly=HUMAN,
    )
    outputs = product(("K562", "HepG2"), ("minP", "SV40P"), ("rep1", "rep2", "pooled"))
    cell_types = pd.DataFrame(
        [("mean", "mean of the 12 outputs")]
        + [(f"{cell}.{promoter}.{which}", f"{cell}, {promoter}, {which}") for cell, promoter, which in outputs],
        columns=["cell_type", "name"],
    )
    save_bundle(folder, config, tensors, cell_types, _CARD.format(name=path.name, sum=sha256_file(path)))
