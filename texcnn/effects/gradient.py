"""Gradient x input and DeepLIFT: how much of a prediction each base carries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from texcnn.effects.deeplift import multipliers
from texcnn.embedding.options import ComputeOptions
from texcnn.embedding.placing import reads_segment
from texcnn.encoders.protocol import Encoder, Explained, Placed
from texcnn.errors import ModelError
from texcnn.model.model import Model
from texcnn.model.network import HeadInputs, Network, SegmentNetwork


@dataclass(frozen=True)
class Contributions:
    """What the bases of one window carry.

    Attributes:
        prediction: float32 ``(n_cell_types,)``.
        bases: float32 ``(n_cell_types, length)``, in the window's direction.
        elsewhere: float32 ``(n_cell_types,)``: the part that belongs to no base: special tokens, and DeepLIFT's
            reference.
    """

    prediction: npt.NDArray[np.float32]
    bases: npt.NDArray[np.float32]
    elsewhere: npt.NDArray[np.float32]


def gradient_times_input(
    model: Model, window: str, features: Tensor | None, columns: Sequence[int], options: ComputeOptions | None = None
) -> Contributions:
    """Computes gradient x input of a window's bases for some cell types.

    Models of bases, and encoders of bases such as motif-cnn, have it at the one-hot bases. Language models have it at
    the token embeddings, k-mer encoders at the k-mers; both are spread evenly over the bases of a token or k-mer.

    Args:
        model: The model.
        window: Upper-case ``ACGTN`` of the model's length.
        features: Scaled inputs of the head, ``(1, n_features)``; None for a head without any.
        columns: The cell types.
        options: How to compute; None for the defaults.

    Raises:
        ModelError: An encoder has no gradients.
    """
    network = model.network
    with network.session(options) as session:
        inputs = network.inputs([window], features, session)
        values = inputs.values.clone().requires_grad_()
        predicted = network.apply(HeadInputs(values, inputs.mask, inputs.features))[0, list(columns)]
        # One pass back per cell type: their gradients would add up otherwise.
        gradients = torch.stack(
            [torch.autograd.grad(number, values, retain_graph=True)[0][0] for number in predicted.unbind()]
        )
        bases, elsewhere = _contributions(network, window, inputs.mask[0], gradients, values[0].detach())
    return Contributions(predicted.detach().cpu().numpy(), bases.numpy(), elsewhere.numpy())


def deeplift(
    model: Model, window: str, features: Tensor | None, columns: Sequence[int], options: ComputeOptions | None = None
) -> Contributions:
    """Computes contributions of a window's bases by DeepLIFT's rescale rule, for some cell types.

    It holds for the head. A head of bases is explained against equal shares of the four bases: contributions and
    ``elsewhere``, the prediction of that reference, add up to the prediction. Heads of segment vectors are explained
    against zero vectors, and encoders continue with gradient x input, as :func:`gradient_times_input` says.

    Args:
        model: The model.
        window: Upper-case ``ACGTN`` of the model's length.
        features: Scaled inputs of the head, ``(1, n_features)``; None for a head without any.
        columns: The cell types.
        options: How to compute; None for the defaults.

    Raises:
        ModelError: The head has layers that the rule does not cover, or an encoder has no gradients.
    """
    network = model.network
    with network.session(options) as session:
        inputs = network.inputs([window], features, session)
        found = multipliers(network, inputs, columns)
        change = (inputs.values - found.reference)[0]
        bases, elsewhere = _contributions(network, window, inputs.mask[0], found.values, change)
    elsewhere = elsewhere + found.of_reference.cpu()
    return Contributions(found.prediction.cpu().numpy(), bases.numpy(), elsewhere.numpy())


def _contributions(
    network: Network[Any], window: str, mask: Tensor, gradients: Tensor, values: Tensor
) -> tuple[Tensor, Tensor]:
    """Turns gradients at the head's inputs into contributions of bases, and the part that belongs to none.

    Args:
        network: Where it has encoders, these continue the chain rule from segment vectors to bases.
        window: The bases.
        mask: Which segments are usable.
        gradients: ``(n_cell_types, ...)``, each in the shape of ``values``.
        values: One row of the head's inputs, or their distance from a reference; read where they are bases.
    """
    if not isinstance(network, SegmentNetwork):
        return (gradients * values).sum(dim=1).cpu(), torch.zeros(len(gradients))
    bases, elsewhere = torch.zeros(len(gradients), len(window)), torch.zeros(len(gradients))
    length, first = network.segments.length, 0
    for encoder in network.encoders:
        explained = _explained(encoder)
        placed = encoder if isinstance(encoder, Placed) else None
        for row in mask.nonzero().flatten().tolist():
            if placed is not None and not reads_segment(placed, row):
                continue
            context = 0 if placed is None else placed.context
            start, stop = row * length - context, min((row + 1) * length, len(window)) + context
            inside = slice(max(start, 0), min(stop, len(window)))
            text = "N" * (inside.start - start) + window[inside] + "N" * (stop - inside.stop)
            of_bases, rest = explained.base_contributions(text, gradients[:, row, first : first + encoder.dim])
            bases[:, inside] += of_bases[:, inside.start - start : inside.stop - start]
            elsewhere += rest
        first += encoder.dim
    return bases, elsewhere


def _explained(encoder: Encoder) -> Explained:
    if not isinstance(encoder, Explained):
        raise ModelError(
            f"the encoder '{encoder.name}' has no gradients", where="`method`", allowed="ism, ablation",
            remedy="its package can add base_contributions, see texcnn.encoders.protocol.Explained",
        )  # fmt: skip
    return encoder
