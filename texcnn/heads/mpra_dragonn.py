"""MPRA-DragoNN: convolutions over fragments of 145 bases, trained on what they do in a reporter plasmid.

Movva et al. 2019, "Deciphering regulatory DNA sequences and noncoding genetic variants using neural network models of
massively parallel reporter assays", PLoS ONE 14:e0218073; weights are MIT licensed. The published network reads one
fragment of one strand. Here it reads every fragment of a window on both strands: each base is in 145 of them, so that
no choice of a fragment decides what a variant does.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d, conv1d, pad

from texcnn.errors import ModelError

FRAGMENT = 145
"""Bases that the published network reads."""

OUTPUTS = 12
"""Its outputs: two cell lines, two minimal promoters, two replicates and both pooled."""

NORM_EPS = 1e-3
"""What its batch norms add to variances."""

_FILTERS, _WIDTH, _LAYERS = 120, 5, 3
_READ = FRAGMENT - _LAYERS * (_WIDTH - 1)
_FRAGMENTS_PER_PLACE = 12
_BASES_AT_ONCE = 2**16
"""Bases per round of the convolutions, whose results take 480 bytes a base and layer."""


class MpraDragoNN(nn.Module):
    """The published network slid over a window; :func:`texcnn.model.import_mpra_dragonn.read_weights` fills it.

    A window's prediction is the sum of its fragments' activities divided by 145, the fragments that hold a base: as if
    each stretch of 145 bases acted independently. What a substitution changes is therefore the mean, over the 145
    fragments that hold it, of the change of their activity. A fragment with more unknown than known bases adds nothing.

    Args:
        length: Bases of the window: 144 and a multiple of 12.
        n_cell_types: Number of outputs.

    Raises:
        ModelError: on another length.
    """

    places_per_change = (FRAGMENT - 1) // _FRAGMENTS_PER_PLACE + 2
    """Places that a substitution of up to 13 bases can reach."""

    def __init__(self, length: int = 10_500, n_cell_types: int = OUTPUTS) -> None:
        super().__init__()
        n_fragments = length - FRAGMENT + 1
        if n_fragments < 1 or n_fragments % _FRAGMENTS_PER_PLACE:
            raise ModelError(
                f"a window of {length} bases", allowed=f"{FRAGMENT - 1} and a multiple of {_FRAGMENTS_PER_PLACE}"
            )
        self.length = length
        self.n_cell_types = n_cell_types
        self.n_places = n_fragments // _FRAGMENTS_PER_PLACE
        self.convolutions = nn.ModuleList(
            nn.Conv1d(_FILTERS if number else 4, _FILTERS, _WIDTH) for number in range(_LAYERS)
        )
        self.activations = nn.ModuleList(nn.ReLU() for _ in range(_LAYERS))
        self.norms = nn.ModuleList(nn.BatchNorm1d(_FILTERS, eps=NORM_EPS) for _ in range(_LAYERS))
        self.output = nn.Linear(_READ * _FILTERS, n_cell_types)

    def forward(self, one_hot: Tensor, features: Tensor | None = None) -> Tensor:
        """Predicts windows.

        Args:
            one_hot: float32 ``(n, 4, length)``, channels A, C, G, T.
            features: There are none.

        Returns:
            float32 ``(n, n_cell_types)``.
        """
        return self.read(self.places(one_hot), features)

    def activities(self, one_hot: Tensor) -> Tensor:
        """Runs the published network on each fragment, on one strand.

        Args:
            one_hot: float32 ``(n, 4, length)``, at least 145 bases.

        Returns:
            float32 ``(n, n_cell_types, length - 144)``.
        """
        return conv1d(self._filters(one_hot), self._kernel(), self.output.bias)

    def places(self, one_hot: Tensor) -> Tensor:
        """Adds up the activities of each 12 fragments, mean of both strands, ``(n, n_cell_types, n_places)``."""
        rows = max(1, _BASES_AT_ONCE // one_hot.shape[2])
        return torch.cat([self._places(some) for some in one_hot.split(rows)])

    def changed_places(self, start: int, end: int) -> range:
        """Returns the places whose fragments hold one of the bases ``start`` to ``end`` of a window."""
        first = max(start - FRAGMENT + 1, 0) // _FRAGMENTS_PER_PLACE
        return range(first, min((end - 1) // _FRAGMENTS_PER_PLACE, self.n_places - 1) + 1)

    def slice_bounds(self, first: int, number: int) -> tuple[int, int]:
        """Returns the bases of the fragments of ``number`` places from ``first`` on."""
        return first * _FRAGMENTS_PER_PLACE, (first + number) * _FRAGMENTS_PER_PLACE + FRAGMENT - 1

    def places_of_slices(self, one_hot: Tensor, first: Tensor) -> Tensor:
        """Computes places from the bases of :meth:`slice_bounds`; they do not depend on their position."""
        return self.places(one_hot)

    def read(self, places: Tensor, features: Tensor | None = None) -> Tensor:
        """Turns places into predictions, as :meth:`forward` does."""
        return places.sum(dim=2) / FRAGMENT

    def _filters(self, one_hot: Tensor) -> Tensor:
        hidden = one_hot
        for convolution, activation, norm in zip(self.convolutions, self.activations, self.norms, strict=True):
            hidden = norm(activation(convolution(hidden)))
        return hidden

    def _kernel(self) -> Tensor:
        """The dense layer as a convolution; Keras flattens (position, channel), PyTorch holds (channel, position)."""
        return self.output.weight.unflatten(1, (_READ, _FILTERS)).transpose(1, 2)

    def _places(self, one_hot: Tensor) -> Tensor:
        known = avg_pool1d(one_hot.sum(dim=1, keepdim=True), FRAGMENT, stride=1) > 0.5
        if known.all():
            return (self._whole_places(one_hot) + self._whole_places(one_hot.flip(1, 2)).flip(2)) / 2
        other_strand = self.activities(one_hot.flip(1, 2)).flip(2)
        fragments = (self.activities(one_hot) + other_strand) / 2 * known
        return fragments.unflatten(2, (-1, _FRAGMENTS_PER_PLACE)).sum(dim=3)

    def _whole_places(self, one_hot: Tensor) -> Tensor:
        """Places of one strand where every fragment counts: a sum of kernels for 12 fragments is 12 times less."""
        kernel = self._kernel()
        of_place = sum(
            pad(kernel, (fragment, _FRAGMENTS_PER_PLACE - 1 - fragment)) for fragment in range(_FRAGMENTS_PER_PLACE)
        )
        bias = self.output.bias * _FRAGMENTS_PER_PLACE
        return conv1d(self._filters(one_hot), cast(Tensor, of_place), bias, stride=_FRAGMENTS_PER_PLACE)
