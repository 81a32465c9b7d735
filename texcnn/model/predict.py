"""Genes in, rows out, a chunk at a time: memory does not grow with the number of genes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from texcnn.embedding.reuse import SegmentMemory
from texcnn.features.table import FeatureTable
from texcnn.genome.gene import Gene, Skipped
from texcnn.genome.reference import Reference
from texcnn.genome.windows import read_windows
from texcnn.progress import progress_bar
from texcnn.tables.columns import prediction_frame

if TYPE_CHECKING:
    from texcnn.embedding.store import EmbeddingStore
    from texcnn.model.model import Model

GENES_PER_CHUNK = 64
"""Enough segments to fill batches of like lengths (64 x 21), few enough to keep memory flat."""


@dataclass(frozen=True)
class PredictedRows:
    """Some rows of the table of predictions, and the genes of the same chunk that have none."""

    frame: pd.DataFrame
    skipped: list[Skipped]


def predict_genes(
    model: Model,
    reference: Reference,
    genes: Sequence[Gene],
    *,
    cell_types: Sequence[str] | None = None,
    features: FeatureTable | None = None,
    transcripts: bool = False,
    batch_size: int,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    memory: SegmentMemory | None = None,
    progress: bool = False,
) -> Iterator[PredictedRows]:
    """Predicts genes chunk by chunk.

    Args:
        model: The model.
        reference: The genome.
        genes: Placed genes, in the order of the rows.
        cell_types: Names of wanted cell types; None for all.
        features: Extra inputs, if the model takes any.
        transcripts: Whether rows name their transcript.
        batch_size: Segments (or windows) per forward pass; never changes the result.
        device: Where to compute; None is the GPU if there is one.
        dtype: Type of the encoders' matrix products (:func:`texcnn.device.resolve_dtype`).
        memory: Keeps count of the segments; None for one of its own.
        progress: Whether to show progress.

    Yields:
        Rows in input order; over all chunks ``len(genes)`` is rows plus skipped.
    """
    rows = _RowMaker(model, cell_types, features, transcripts)
    memory = memory or SegmentMemory()
    windows = read_windows(reference, genes, model.window)
    with progress_bar(progress, total=len(genes), what="predicting", unit="genes") as bar:
        while chunk := list(islice(windows, GENES_PER_CHUNK)):
            placed = [window.gene for window in chunk]
            extra = rows.features(placed)
            sequences = [window.sequence for window in chunk]
            values = model.network.predict(
                sequences, extra, batch_size=batch_size, device=device, dtype=dtype, memory=memory
            )
            yield rows.make(placed, [window.n_fraction for window in chunk], extra, values)
            bar.update(len(chunk))
    if not genes:
        yield rows.make([], [], None, torch.zeros(0, len(model.cell_types)))


def predict_store(
    model: Model,
    store: EmbeddingStore,
    *,
    cell_types: Sequence[str] | None = None,
    features: FeatureTable | None = None,
    progress: bool = False,
) -> Iterator[PredictedRows]:
    """Predicts the genes of an embedding store chunk by chunk; see :func:`predict_genes`.

    Raises:
        StoreError: when the store was not made for this model's encoders, window or segments.
    """
    network = store.check_model(model)
    rows = _RowMaker(model, cell_types, features, store.spec.transcripts)
    with progress_bar(progress, total=len(store.genes), what="predicting", unit="genes") as bar:
        for chunk in range(store.n_chunks):
            stored = store.read_chunk(chunk)
            extra = rows.features(stored.genes)
            values = network.predict_embeddings(stored.embeddings, extra)
            yield rows.make(stored.genes, stored.n_fraction, extra, values)
            bar.update(len(stored.genes))
    if not store.genes:
        yield rows.make([], [], None, torch.zeros(0, len(model.cell_types)))


class _RowMaker:
    def __init__(
        self, model: Model, cell_types: Sequence[str] | None, features: FeatureTable | None, transcripts: bool
    ) -> None:
        self._model = model
        self._columns = model.cell_type_columns(cell_types)
        self._names = [model.cell_types[column] for column in self._columns]
        self._table = features
        self._transcripts = transcripts

    def features(self, genes: Sequence[Gene]) -> Tensor | None:
        return self._model.features.scaled(self._table, [gene.id for gene in genes])

    def make(
        self, genes: Sequence[Gene], n_fraction: Sequence[float], features: Tensor | None, values: Tensor
    ) -> PredictedRows:
        predicted: npt.NDArray[np.float32] = values.numpy()
        good = ~np.isnan(predicted).any(axis=1)
        lacking = np.zeros(len(genes), bool) if features is None else features.isnan().any(dim=1).numpy()
        kept = np.flatnonzero(good).tolist()
        frame = prediction_frame(
            [genes[row] for row in kept],
            [n_fraction[row] for row in kept],
            predicted[kept][:, self._columns],
            self._names,
            transcripts=self._transcripts,
        )
        skipped = [
            Skipped(genes[row].id, self._reason(genes[row], bool(lacking[row]), n_fraction[row]))
            for row in np.flatnonzero(~good).tolist()
        ]
        return PredictedRows(frame, skipped)

    def _reason(self, gene: Gene, lacks_features: bool, n_fraction: float) -> str:
        transcript = f" (transcript {gene.transcript_id})" if self._transcripts else ""
        if lacks_features:
            return f"no complete features in {self._table.path.name if self._table else 'the table'}{transcript}"
        return f"no segment of the window has enough known bases, {n_fraction:.2%} are N{transcript}"
