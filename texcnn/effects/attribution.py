"""One gene's attribution on the genome: computed in the window's direction, stated along the plus strand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import Tensor

from texcnn.effects.ablation import STRETCH, ablate
from texcnn.effects.gradient import deeplift, gradient_times_input
from texcnn.effects.ism import importance, saturation_mutagenesis
from texcnn.effects.score import EffectEngine
from texcnn.embedding.options import ComputeOptions
from texcnn.errors import InputError
from texcnn.genome.gene import Gene
from texcnn.genome.interval import Interval, reverse_complement
from texcnn.genome.windows import Window
from texcnn.model.model import Model
from texcnn.model.network import SegmentNetwork
from texcnn.segments.bases import BASES


@dataclass(frozen=True)
class Attribution:
    """What the bases of a region do to the predictions of one gene.

    Attributes:
        gene: The gene.
        interval: The region, on the plus strand.
        bases: Its bases there.
        values: float32 ``(n_cell_types, length)``, along the plus strand; NaN where the base is unknown.
        delta: What each base instead of the genome's changes, float32 ``(n_cell_types, length, 4)`` in the order A, C,
            G, T of the plus strand; None where the method has none.
        prediction: float32 ``(n_cell_types,)``.
        elsewhere: The part that belongs to no base, float32 ``(n_cell_types,)``; None where the method has none.
    """

    gene: Gene
    interval: Interval
    bases: str
    values: npt.NDArray[np.float32]
    delta: npt.NDArray[np.float32] | None
    prediction: npt.NDArray[np.float32]
    elsewhere: npt.NDArray[np.float32] | None

    def frame(self, cell_types: Sequence[str]) -> pd.DataFrame:
        """Returns one row per cell type and base, ``pos`` 1-based and ``ref`` on the plus strand as in a VCF.

        Args:
            cell_types: Names of the rows of ``values``.
        """
        n = len(cell_types)
        columns: dict[str, object] = {
            "chrom": self.interval.chrom,
            "pos": np.tile(np.arange(self.interval.start + 1, self.interval.end + 1), n),
            "ref": list(self.bases) * n,
            "gene_id": self.gene.id,
            "gene_name": self.gene.name,
            "transcript_id": self.gene.transcript_id,
            "strand": self.gene.strand,
            "cell_type": np.repeat(list(cell_types), len(self.interval)),
            "attribution": self.values.ravel(),
        }
        if self.delta is not None:
            for place, base in enumerate(BASES):
                columns[f"delta_{base}"] = self.delta[:, :, place].ravel()
        return pd.DataFrame(columns)


def region_of(window: Window, region: Interval | None, length: int) -> Interval:
    """Returns the part of a window to explain.

    Args:
        window: The gene's window.
        region: What was asked for; None for the whole window.
        length: Bases of the chromosome: there is nothing to explain beyond its ends.

    Raises:
        InputError: The region reaches beyond the window.
    """
    start, end = max(window.interval.start, 0), min(window.interval.end, length)
    if region is None:
        return Interval(window.interval.chrom, start, end)
    if region.chrom != window.interval.chrom or region.start < start or region.end > end:
        raise InputError(
            f"the region {region.chrom}:{region.start + 1}-{region.end} reaches beyond the window of gene "
            f"'{window.gene.id}'", where="`region`", allowed=f"within {window.interval.chrom}:{start + 1}-{end}",
        )  # fmt: skip
    return Interval(region.chrom, region.start, region.end)


class Explainer:
    """Explains predictions of one model by one method.

    Args:
        model: The model.
        engine: The same, open.
        columns: The cell types.
        method: One of :data:`texcnn.effects.METHODS`.
        compute: How to compute.
        progress: Whether to show progress.
    """

    def __init__(
        self,
        model: Model,
        engine: EffectEngine,
        columns: Sequence[int],
        *,
        method: str,
        compute: ComputeOptions | None = None,
        progress: bool = False,
    ) -> None:
        self._model = model
        self._engine = engine
        self._columns = list(columns)
        self._method = method
        self._compute = compute
        self._progress = progress

    def explain(self, window: Window, features: Tensor | None, region: Interval) -> Attribution:
        """Explains a gene's predictions.

        Args:
            window: The gene's window.
            features: Scaled inputs of the head, ``(1, n_features)``; None for a head without any.
            region: What :func:`region_of` returns.

        Raises:
            InputError: No segment of the window has enough known bases.
            ModelError: The method needs gradients that an encoder lacks, or does not hold for the head.
        """
        on_minus = window.interval.strand == "-"
        if on_minus:
            start, end = window.interval.end - region.end, window.interval.end - region.start
        else:
            start, end = region.start - window.interval.start, region.end - window.interval.start
        bases = window.sequence
        delta = elsewhere = None
        if self._method == "ism":
            prediction, changes = saturation_mutagenesis(
                self._engine, bases, features, start, end, progress=self._progress
            )
            values = importance(changes)[:, self._columns].T
            prediction, delta = prediction[self._columns], changes[:, :, self._columns].transpose(2, 0, 1)
        elif self._method == "ablation":
            length = self._segment_length()
            prediction, of_segments = ablate(self._engine, bases, features, length)
            prediction = prediction[self._columns]
            values = np.repeat(of_segments[:, self._columns], length, axis=0)[start:end].T
        else:
            explain = deeplift if self._method == "deeplift" else gradient_times_input
            found = explain(self._model, bases, features, self._columns, self._compute)
            prediction, elsewhere = found.prediction, found.elsewhere
            values = found.bases[:, start:end]
        if np.isnan(prediction).any():
            raise InputError(f"the window of gene '{window.gene.id}' has too few known bases to be predicted")
        text = bases[start:end]
        values = np.where(np.array([base == "N" for base in text]), np.float32(np.nan), values)
        if on_minus:
            text, values = reverse_complement(text), values[:, ::-1]
            delta = None if delta is None else delta[:, ::-1, ::-1]
        return Attribution(window.gene, region, text, values, delta, prediction, elsewhere)

    def _segment_length(self) -> int:
        network = self._model.network
        return network.segments.length if isinstance(network, SegmentNetwork) else STRETCH
