"""How unusual an effect is: its rank among random substitutions of the same kind at a similar distance from a TSS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save

from texcnn.genome.interval import reverse_complement
from texcnn.genome.variant import Variant
from texcnn.model.bundle import VARIANT_BACKGROUND
from texcnn.model.model import Model

DISTANCE_BINS = (0, 100, 500, 1500, 4000)
"""Lower bounds of the bins of the distance from the TSS in bases, either side."""

CLASSES = ("C>A", "C>G", "C>T", "T>A", "T>C", "T>G", "any")
"""Kinds of change, both strands together; ``any`` for indels and for changes of several bases."""

_SHARES = np.concatenate([np.linspace(0, 0.9, 46), 1 - np.geomspace(0.1, 0.0005, 17)[1:], [1.0]]).astype(np.float32)
"""Shares of the random substitutions at which their sizes are kept: closer together where effects are large."""


@dataclass(frozen=True)
class Background:
    """Sizes of effects of random substitutions.

    Attributes:
        grid: float32 ``(n_cell_types, n_bins, n_classes, n_shares)``: the size that a share of the substitutions of a
            bin and class does not reach, ascending.
        shares: float32 ``(n_shares,)``, from 0 to 1.
        counts: int64 ``(n_bins, n_classes)``, the substitutions behind each.
    """

    grid: npt.NDArray[np.float32]
    shares: npt.NDArray[np.float32]
    counts: npt.NDArray[np.int64]

    @property
    def n_variants(self) -> int:
        """Substitutions in all."""
        return int(self.counts[:, -1].sum())

    @classmethod
    def of(cls, delta: npt.NDArray[np.float32], variants: Sequence[Variant], distances: Sequence[int]) -> Background:
        """Summarises the effects of random substitutions.

        Args:
            delta: float32 ``(n, n_cell_types)``.
            variants: What each row changes.
            distances: Bases from the TSS.
        """
        sizes, bins, kinds = np.abs(delta), distance_bins(distances), _classes(variants)
        shape = len(DISTANCE_BINS), len(CLASSES)
        grid = np.zeros((delta.shape[1], *shape, len(_SHARES)), np.float32)
        counts = np.zeros(shape, np.int64)
        for place in range(shape[0]):
            for kind in range(shape[1]):
                rows = bins == place if kind == shape[1] - 1 else (bins == place) & (kinds == kind)
                counts[place, kind] = rows.sum()
                if counts[place, kind]:
                    grid[:, place, kind] = np.quantile(sizes[rows], _SHARES, axis=0).T
        return cls(grid, _SHARES, counts)

    def quantiles(
        self,
        delta: npt.NDArray[np.float32],
        variants: Sequence[Variant],
        distances: Sequence[int],
        columns: Sequence[int],
    ) -> npt.NDArray[np.float32]:
        """Returns the share of random substitutions with a smaller effect, with the sign of the effect.

        Args:
            delta: float32 ``(n, len(columns))``, NaN where there is none.
            variants: What each row changes.
            distances: Bases from the TSS.
            columns: The cell types.

        Returns:
            float32 like ``delta``, between -1 and 1 and never these: n random substitutions cannot show more than
            ``1 - 1 / (n + 1)``. NaN where the effect is NaN or no substitution can be compared with it.
        """
        bins, kinds = distance_bins(distances), _classes(variants)
        found = np.full(delta.shape, np.nan, np.float32)
        for stratum in set(zip(bins.tolist(), kinds.tolist(), strict=True)):
            if not self.counts[stratum]:
                continue
            rows = np.flatnonzero((bins == stratum[0]) & (kinds == stratum[1]))
            most = 1 - 1 / (self.counts[stratum] + 1)
            for place, column in enumerate(columns):
                share = np.interp(np.abs(delta[rows, place]), self.grid[column][stratum], self.shares)
                found[rows, place] = np.sign(delta[rows, place]) * np.minimum(share, most)
        return found

    def to_bytes(self) -> bytes:
        """Returns the content of the bundle's file."""
        return save({name: torch.from_numpy(getattr(self, name)) for name in ("grid", "shares", "counts")})


def read_background(model: Model) -> Background | None:
    """Returns the background of a model's bundle; None where it has none."""
    if model.folder is None or VARIANT_BACKGROUND not in model.config.sha256:
        return None
    return Background(**{name: tensor.numpy() for name, tensor in load_file(model.folder / VARIANT_BACKGROUND).items()})


def distance_bins(distances: Sequence[int]) -> npt.NDArray[np.int64]:
    """Returns the bin of :data:`DISTANCE_BINS` of each distance."""
    return np.searchsorted(DISTANCE_BINS, np.abs(np.asarray(distances, np.int64)), side="right") - 1


def _classes(variants: Sequence[Variant]) -> npt.NDArray[np.int64]:
    return np.array([_class_of(variant) for variant in variants], np.int64)


def _class_of(variant: Variant) -> int:
    ref, alt = variant.ref.upper(), variant.alt.upper()
    if len(ref) != 1 or len(alt) != 1:
        return len(CLASSES) - 1
    if ref in "AG":
        ref, alt = reverse_complement(ref), reverse_complement(alt)
    return CLASSES.index(f"{ref}>{alt}")
