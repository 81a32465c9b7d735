"""Predictions from an embedding store, and whether a store was made for a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from texcnn.errors import StoreError
from texcnn.features.table import FeatureTable
from texcnn.model.model import Model
from texcnn.model.network import SegmentNetwork
from texcnn.model.predict_windows import exceeds, with_status
from texcnn.prediction.options import PredictOptions
from texcnn.prediction.rows import PredictedRows, RowMaker
from texcnn.progress import progress_bar
from texcnn.store.spec import EncoderOrigin
from texcnn.store.store import EmbeddingStore


def predict_store(
    model: Model,
    store: EmbeddingStore,
    features: FeatureTable | None = None,
    *,
    options: PredictOptions | None = None,
    progress: bool = False,
) -> Iterator[PredictedRows]:
    """Predicts the genes of an embedding store chunk by chunk; see :func:`texcnn.prediction.genes.predict_genes`.

    Raises:
        StoreError: when the store was not made for this model's encoders, window or segments.
    """
    network = network_of_store(model, store)
    options = options or PredictOptions()
    rows = RowMaker(model, options, features, transcripts=store.spec.transcripts)
    limit = model.n_limit(options.max_n_fraction)
    with progress_bar(progress, total=len(store.genes), what="predicting", unit="genes") as bar:
        for chunk in range(store.n_chunks):
            stored = store.read_chunk(chunk)
            ids = [gene.id for gene in stored.genes]
            found = model.features.look_up(features, ids)
            scaled = model.features.scaled(None if found is None else found.values, len(ids))
            inputs = network.head_inputs(stored.embeddings, scaled)
            first, too_many = store.rows(chunk).start, exceeds(stored.n_fraction, limit)
            predicted = with_status(network.outputs(inputs, members=options.spread), scaled, first, too_many)
            yield rows.make(stored.genes, stored.n_fraction, predicted, None if found is None else found.sources)
            bar.update(len(stored.genes))
    if not store.genes:
        yield rows.empty()


def network_of_store(model: Model, store: EmbeddingStore) -> SegmentNetwork:
    """Checks that a model reads just the vectors of a store.

    Returns:
        The model's network.

    Raises:
        ModelError: when the model has no encoder.
        StoreError: when its encoders, window or segments are others.
    """
    network = model.segment_network()
    wanted = replace(
        store.spec,
        encoders=tuple(encoder.fingerprint() for encoder in network.encoders),
        window=model.window,
        segments=network.segments,
        origins=tuple(
            EncoderOrigin.of(encoder, spec)
            for encoder, spec in zip(network.encoders, model.config.encoders, strict=True)
        ),
    )
    names = ["encoders", "window", "segments"]
    if store.spec.encoders != wanted.encoders:
        names.append("origins")  # alone they mean nothing: the same weights can come from several places
    if different := store.spec.differences(wanted, names):
        grid = any(entry.startswith("window.grid") for entry in different)
        raise StoreError(
            f"the store was not made for the model '{model.name}' ({'; '.join(different)})",
            where=store.folder,
            remedy=f"make it with texcnn embed and the model {model.name}"
            + (", or give `grid_segments` to both commands or to none" if grid else ""),
        )
    return network
