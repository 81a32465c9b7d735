"""A prediction about to run: what its table says of itself, who was skipped before, and its rows."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from texcnn._version import __version__
from texcnn.device import dtype_name
from texcnn.embedding.cache import SegmentCache
from texcnn.encoders.compiled import compilable
from texcnn.errors import InputError
from texcnn.features.table import FeatureTable
from texcnn.files import sha256_file
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.skipped import Skipped
from texcnn.model.model import Model
from texcnn.model.network import SegmentNetwork
from texcnn.prediction.genes import PredictedRows, predict_genes
from texcnn.prediction.options import PredictOptions
from texcnn.prediction.stored import predict_store
from texcnn.store.store import EmbeddingStore
from texcnn.tables.columns import TableDescription
from texcnn.tables.writers import open_tables

_LOG = logging.getLogger("texcnn")


@dataclass(frozen=True)
class PredictionRun:
    """A prediction about to run.

    Attributes:
        description: What its table says of itself.
        skipped: Genes without a place.
        rows: The rows, chunk by chunk, computed as they are taken.
        cache: Counts the segments; None where none is embedded.
    """

    description: TableDescription
    skipped: Sequence[Skipped]
    rows: Iterator[PredictedRows]
    cache: SegmentCache | None = None


@dataclass(frozen=True)
class TableCounts:
    """Rows written and rows listed as skipped."""

    rows: int
    skipped: int


@contextmanager
def open_prediction(
    model: Model, fasta: Path | None, options: PredictOptions, *, progress: bool = False
) -> Iterator[PredictionRun]:
    """Reads what a prediction needs but the windows.

    Args:
        model: The model.
        fasta: The genome; None where ``options`` name a store.
        options: Which genes and cell types, and how to compute.
        progress: Whether to show progress.

    Yields:
        The run; its rows are computed inside the block.

    Raises:
        InputError: when a file is missing, cannot be used or does not fit the others.
    """
    model.cell_type_columns(options.cell_types)  # a mistyped name is cheaper to find than a whole annotation is to read
    if options.embeddings is not None:
        if fasta is not None:
            raise InputError(
                "`embeddings` already holds genome, genes and vectors, so `fasta` cannot be given",
                remedy="leave one of the two out",
            )
        store = EmbeddingStore.open(cast(Path, options.embeddings))
        table = model.features.read(options.features)
        if table is not None:
            table.require_any((gene.id for gene in store.genes), store.folder)
        rows = predict_store(model, store, table, cell_types=options.cell_types, progress=progress)
        yield PredictionRun(_describe_store(model, options, store, table), store.skipped, rows)
        return
    if fasta is None:
        raise InputError("no genome", where="`fasta`", allowed="a FASTA, plain or bgzip, or `embeddings`")
    if options.compute.compile:
        compilable(model.network.encoders if isinstance(model.network, SegmentNetwork) else [])
    table = model.features.read(options.features)
    _LOG.info("computing on %s in %s", options.compute.device, dtype_name(options.compute.dtype))
    cache = SegmentCache()
    with Reference(fasta) as reference:
        if options.half_life:
            table = model.features.half_life(reference, options.selection)
        elif table is None and model.config.features:
            model.features.check_defaults()
            names = ", ".join(spec.name for spec in model.config.features)
            _LOG.info("no features were given: every gene has the model's defaults of %s", names)
        annotation = load_genes(reference, model.window, options.selection)
        if table is not None and not options.half_life:
            table.require_any((gene.id for gene in annotation.genes), annotation.path)
        rows = predict_genes(model, reference, annotation.genes, table, options=options, cache=cache, progress=progress)
        yield PredictionRun(_describe(model, options, reference, table), annotation.skipped, rows, cache)
    _LOG.info("%d segments, %d of them embedded, the others equal to one of these", cache.asked, cache.computed)


def write_prediction(run: PredictionRun, out: Path) -> TableCounts:
    """Writes a prediction in the format of the file's ending, with its list of skipped genes.

    Returns:
        How many rows were written, and how many listed in ``<out>.skipped.tsv``.
    """
    listed = list(run.skipped)
    rows = 0

    def remarks() -> dict[str, object]:
        if run.cache is None:
            return {}
        return {"segments": run.cache.asked, "segments_embedded": run.cache.computed}

    with open_tables([out], run.description, remarks=remarks) as table:
        for part in run.rows:
            table.write(part.frame)
            rows += len(part.frame)
            listed += part.skipped
        table.write_skipped(listed)
    return TableCounts(rows, len(listed))


def _describe(
    model: Model, options: PredictOptions, reference: Reference, table: FeatureTable | None
) -> TableDescription:
    source, digest = _feature_source(model, options, table)
    in_float32 = not isinstance(model.network, SegmentNetwork)
    return TableDescription(
        cell_types=_names(model, options),
        unit=model.unit,
        model=model.name,
        model_fingerprint=model.fingerprint,
        fasta=reference.path.name,
        fasta_fingerprint=reference.fingerprint(),
        texcnn_version=__version__,
        transcripts=options.selection.per_transcript,
        dtype="float32" if in_float32 else dtype_name(options.compute.dtype),
        features=source,
        features_fingerprint=digest,
    )


def _describe_store(
    model: Model, options: PredictOptions, store: EmbeddingStore, table: FeatureTable | None
) -> TableDescription:
    source, digest = _feature_source(model, options, table)
    return TableDescription(
        cell_types=_names(model, options),
        unit=model.unit,
        model=model.name,
        model_fingerprint=model.fingerprint,
        fasta=store.spec.fasta,
        fasta_fingerprint=store.spec.fasta_fingerprint,
        texcnn_version=__version__,
        transcripts=store.spec.transcripts,
        dtype=store.spec.compute_dtype,
        features=source,
        features_fingerprint=digest,
    )


def _names(model: Model, options: PredictOptions) -> tuple[str, ...]:
    return tuple(model.cell_types[column] for column in model.cell_type_columns(options.cell_types))


def _feature_source(model: Model, options: PredictOptions, table: FeatureTable | None) -> tuple[str, str]:
    """Where the extra inputs came from, and a digest of that.

    Computed ones have the annotation's digest: two shards of one run compute those of different genes.
    """
    if not model.config.features:
        return "none", ""
    if table is None:
        return "defaults", ""
    if options.half_life:
        return f"half-life of {table.path.name}", sha256_file(table.path)
    return table.path.name, table.fingerprint()
