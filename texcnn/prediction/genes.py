"""Genes in, rows out, a chunk at a time: memory does not grow with the number of genes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from texcnn.embedding.cache import SegmentCache
from texcnn.features.table import FeatureTable
from texcnn.genome.gene import Gene
from texcnn.genome.reference import Reference
from texcnn.genome.skipped import Skipped
from texcnn.genome.windows import Window, read_windows
from texcnn.model.model import Model
from texcnn.model.predict_windows import PredictedWindows, WindowStatus, predict_windows
from texcnn.prediction.options import PredictOptions
from texcnn.tables.columns import prediction_frame


@dataclass(frozen=True)
class PredictedRows:
    """Some rows of the table of predictions, and the genes of the same chunk that have none."""

    frame: pd.DataFrame
    skipped: list[Skipped]


def predict_genes(
    model: Model,
    reference: Reference,
    genes: Sequence[Gene],
    features: FeatureTable | None = None,
    *,
    options: PredictOptions | None = None,
    cache: SegmentCache | None = None,
    progress: bool = False,
) -> Iterator[PredictedRows]:
    """Predicts genes chunk by chunk.

    Args:
        model: The model.
        reference: The genome.
        genes: Placed genes, in the order of the rows.
        features: Extra inputs, if the model takes any; None uses its defaults.
        options: Which cell types, whether rows name their transcript, and how to compute.
        cache: Keeps vectors and count of the segments; None for a new one.
        progress: Whether to show progress.

    Yields:
        Rows in input order; over all chunks ``len(genes)`` is rows plus skipped.
    """
    options = options or PredictOptions()
    rows = RowMaker(model, options.cell_types, features, transcripts=options.selection.per_transcript)
    windows = _Windows(reference, genes, model)
    values = model.features.look_up(features, [gene.id for gene in genes])
    parts = predict_windows(model, windows, values, options=options.compute, cache=cache, progress=progress)
    for part in parts:
        chunk = [windows.read.popleft() for _ in part.status]
        yield rows.make([window.gene for window in chunk], [window.n_fraction for window in chunk], part)
    if not genes:
        yield rows.empty()


class _Windows(Iterable[str]):
    """The genes' windows as bases; those read and not yet taken are in ``read``."""

    def __init__(self, reference: Reference, genes: Sequence[Gene], model: Model) -> None:
        self._reference, self._genes, self._model = reference, genes, model
        self.read: deque[Window] = deque()

    def __len__(self) -> int:
        return len(self._genes)

    def __iter__(self) -> Iterator[str]:
        for window in read_windows(self._reference, self._genes, self._model.window):
            self.read.append(window)
            yield window.sequence


class RowMaker:
    """Turns predicted windows into rows of the table, and into skipped genes with their reasons.

    Args:
        model: The model.
        cell_types: Names of wanted cell types; empty or None for all.
        features: The table that genes without features lack.
        transcripts: Whether rows name their transcript.
    """

    def __init__(
        self,
        model: Model,
        cell_types: str | Iterable[str] | None,
        features: FeatureTable | None,
        *,
        transcripts: bool,
    ) -> None:
        self._columns = model.cell_type_columns(cell_types)
        self._names = [model.cell_types[column] for column in self._columns]
        self._table = features
        self._transcripts = transcripts

    def make(self, genes: Sequence[Gene], n_fraction: Sequence[float], predicted: PredictedWindows) -> PredictedRows:
        """Makes the rows of some genes.

        Args:
            genes: The genes.
            n_fraction: Share of N of each gene's window.
            predicted: Their values and statuses.
        """
        kept = [row for row, status in enumerate(predicted.status) if status is WindowStatus.OK]
        skipped = [
            Skipped(gene.id, self._reason(gene, status, share))
            for gene, status, share in zip(genes, predicted.status, n_fraction, strict=True)
            if status is not WindowStatus.OK
        ]
        values = predicted.values[kept][:, self._columns]
        return PredictedRows(
            self._frame([genes[row] for row in kept], [n_fraction[row] for row in kept], values), skipped
        )

    def empty(self) -> PredictedRows:
        """Makes a table without rows."""
        return PredictedRows(self._frame([], [], np.zeros((0, len(self._names)), np.float32)), [])

    def _frame(
        self, genes: Sequence[Gene], n_fraction: Sequence[float], values: npt.NDArray[np.float32]
    ) -> pd.DataFrame:
        return prediction_frame(genes, n_fraction, values, self._names, transcripts=self._transcripts)

    def _reason(self, gene: Gene, status: WindowStatus, n_fraction: float) -> str:
        transcript = f" (transcript {gene.transcript_id})" if self._transcripts else ""
        if status is WindowStatus.NO_FEATURES:
            return f"no complete features in {self._table.path.name if self._table else 'the table'}{transcript}"
        return f"no segment of the window has enough known bases, {n_fraction:.2%} are N{transcript}"
