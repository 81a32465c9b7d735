"""Genes in, rows out, a chunk at a time: memory does not grow with the number of genes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from texcnn.embedding.cache import SegmentCache
from texcnn.features.table import FeatureTable
from texcnn.genome.gene import Gene
from texcnn.genome.reference import Reference
from texcnn.genome.windows import Window, read_windows
from texcnn.model.model import Model
from texcnn.model.predict_windows import predict_windows
from texcnn.prediction.options import PredictOptions
from texcnn.prediction.rows import PredictedRows, RowMaker


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
    rows = RowMaker(model, options, features, transcripts=options.selection.per_transcript)
    windows = _Windows(reference, genes, model)
    inputs = model.features.look_up(features, [gene.id for gene in genes])
    parts = predict_windows(
        model,
        windows,
        None if inputs is None else inputs.values,
        options=options.compute,
        max_n_fraction=model.n_limit(options.max_n_fraction),
        cache=cache,
        members=options.spread,
        progress=progress,
    )
    done = 0
    for part in parts:
        chunk = [windows.read.popleft() for _ in part.status]
        sources = None if inputs is None else inputs.sources[done : done + len(chunk)]
        yield rows.make([window.gene for window in chunk], [window.n_fraction for window in chunk], part, sources)
        done += len(chunk)
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
