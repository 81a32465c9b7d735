"""How unusual an effect is: its rank among random substitutions of the same kind at a like distance from a TSS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from texcnn.genome.interval import reverse_complement
from texcnn.genome.variant import Variant
from texcnn.model.model import Model

DISTANCE_BINS = (0, 100, 500, 1500, 4000)
"""Lower bounds of the bins of the distance from the TSS in bases, either side."""

CLASSES = ("C>A", "C>G", "C>T", "T>A", "T>C", "T>G", "any")
"""Kinds of change, strands taken together; ``any`` for indels and for changes of several bases."""


@dataclass(frozen=True)
class Background:
    """Sizes of effects of random substitutions.

    Attributes:
        grid: float32 ``(n_cell_types, n_bins, n_classes, n_points)``: sizes at equally spaced shares from 0 to 1 of
            the random substitutions of a bin and class, ascending.
        counts: int64 ``(n_bins, n_classes)``, the substitutions behind each.
    """

    grid: npt.NDArray[np.float32]
    counts: npt.NDArray[np.int64]

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
            distances: Bases from its TSS.
            columns: The cell types.

        Returns:
            float32 like ``delta``, between -1 and 1 and never these: n random substitutions cannot show more than
            ``1 - 1 / (n + 1)``.
        """
        bins = np.searchsorted(DISTANCE_BINS, np.abs(np.asarray(distances, np.int64)), side="right") - 1
        kinds = np.array([_class_of(variant) for variant in variants], int)
        shares = np.linspace(0, 1, self.grid.shape[3])
        found = np.full(delta.shape, np.nan, np.float32)
        for stratum in set(zip(bins.tolist(), kinds.tolist(), strict=True)):
            rows = np.flatnonzero((bins == stratum[0]) & (kinds == stratum[1]))
            if not self.counts[stratum]:
                continue
            most = 1 - 1 / (self.counts[stratum] + 1)
            for place, column in enumerate(columns):
                sizes = np.abs(delta[rows, place])
                share = np.interp(sizes, self.grid[column][stratum], shares)
                found[rows, place] = np.sign(delta[rows, place]) * np.minimum(share, most)
        return found


def _class_of(variant: Variant) -> int:
    ref, alt = variant.ref.upper(), variant.alt.upper()
    if len(ref) != 1 or len(alt) != 1:
        return len(CLASSES) - 1
    if ref in "AG":
        ref, alt = reverse_complement(ref), reverse_complement(alt)
    return CLASSES.index(f"{ref}>{alt}")


def read_background(model: Model) -> Background | None:
    """Returns the background of a model's bundle; None where it has none."""
    return None
