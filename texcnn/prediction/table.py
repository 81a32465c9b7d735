"""A prediction that is ready to run: the table's description, the genes skipped so far, and its rows."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from texcnn._version import __version__
from texcnn.device import dtype_name
from texcnn.embedding.cache import SegmentCache
from texcnn.embedding.evaluation_mode import evaluation_mode
from texcnn.encoders.compiled import compilable
from texcnn.errors import InputError
from texcnn.features.table import COMPUTED, DEFAULT, GIVEN, FeatureTable
from texcnn.files import sha256_file
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.skipped import Skipped, count_reasons
from texcnn.model.cautions import warn_of_cell_types, warn_of_genome
from texcnn.model.model import Model
from texcnn.model.network import SegmentNetwork
from texcnn.prediction.genes import predict_genes
from texcnn.prediction.options import PredictOptions
from texcnn.prediction.rows import PredictedRows, extra_columns, spread_endings, unit_of_table
from texcnn.provenance import provenance
from texcnn.tables.columns import FEATURES, LOWER, MEMBER_SPREAD, TableDescription
from texcnn.tables.writers import open_tables

if TYPE_CHECKING:
    from texcnn.store.store import EmbeddingStore

_SHOWN_REASONS = 3

_LOG = logging.getLogger("texcnn")


_CACHE_BYTES = 64 * 2**20
"""Room for vectors of segments seen before. Equal segments are those of genes next to each other, such as transcripts
that begin at one base: the last 150 windows of texcnn-mini, or the last 1,000 of DNABERT-2, are enough."""


@dataclass(frozen=True)
class PredictionRun:
    """A prediction that is ready to run.

    Attributes:
        description: The table's description.
        skipped: Genes without a place.
        rows: The rows, chunk by chunk, computed as they are taken.
        cache: Counts the segments; None where none is embedded.
        provenance: How the table comes about, name to text.
    """

    description: TableDescription
    skipped: Sequence[Skipped]
    rows: Iterator[PredictedRows]
    cache: SegmentCache | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TableCounts:
    """Which genes were predicted and which were skipped.

    Attributes:
        rows: Rows written.
        skipped: Genes listed as skipped.
        reasons: Why, each with its number of genes; see :func:`texcnn.genome.skipped.count_reasons`.
        default_features: Rows whose extra inputs are, in part or all, the model's defaults.
    """

    rows: int
    skipped: int
    reasons: tuple[tuple[str, int], ...] = ()
    default_features: int = 0


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
    names = cast(Sequence[str], options.cell_types)
    model.cell_type_columns(names)  # a mistyped name is cheaper to find than a whole annotation is to read
    warn_of_cell_types(model, names)
    if options.embeddings is not None:
        if fasta is not None:
            raise InputError(
                "`embeddings` already holds genome, genes and vectors, so `fasta` cannot be given",
                remedy="leave one of the two out",
            )
        # Here: most predictions read no store, and Zarr takes a third of a second to load.
        from texcnn.prediction.stored import predict_store
        from texcnn.store.store import EmbeddingStore

        store = EmbeddingStore.open(cast(Path, options.embeddings))
        table = _features_for_store(model, options, store)
        if table is not None and table.source == GIVEN and not options.allow_empty:
            table.require_any((gene.id for gene in store.genes), store.folder)
        rows = predict_store(model, store, table, options=options, progress=progress)
        described = _describe(model, options, store, table)
        with evaluation_mode([model.network.head]):
            yield PredictionRun(described, store.skipped, rows, None, provenance(store.folder.name))
        return
    if fasta is None:
        raise InputError("no genome", where="`fasta`", allowed="a FASTA, plain or bgzip, or `embeddings`")
    if options.compute.compile:
        compilable(model.network.encoders if isinstance(model.network, SegmentNetwork) else [])
    _LOG.info("computing on %s in %s", options.compute.device, dtype_name(options.compute.dtype))
    cache = SegmentCache(_CACHE_BYTES)
    given = model.features.read(options.features)  # a table is cheaper to check than a genome is to open
    with Reference(fasta) as reference:
        warn_of_genome(model, reference)
        table = given or model.features.choose(
            reference, options.selection, half_life=options.half_life, progress=progress
        )
        annotation = load_genes(reference, model.window, options.selection)
        # Of computed ones the genes without CDS have none.
        if given is not None and given.source == GIVEN and not options.allow_empty:
            given.require_any((gene.id for gene in annotation.genes), annotation.path)
        description = _describe(model, options, reference, table)
        rows = predict_genes(model, reference, annotation.genes, table, options=options, cache=cache, progress=progress)
        yield PredictionRun(description, annotation.skipped, rows, cache, provenance(annotation.path.name))
    _LOG.info("%d segments, %d of them embedded, the others equal to one of these", cache.asked, cache.computed)


def _features_for_store(model: Model, options: PredictOptions, store: EmbeddingStore) -> FeatureTable | None:
    """The user's features, else those that texcnn embed computed, else none: the model's defaults."""
    if (
        options.features is None
        and options.half_life is None
        and store.features_path.is_file()
        and model.config.features
    ):
        return model.features.read(store.features_path)
    if options.features is None:
        model.features.check_defaults()
    return model.features.read(options.features)


def write_prediction(run: PredictionRun, out: Path, *, allow_empty: bool = False) -> TableCounts:
    """Writes a prediction in the format of the file's ending, with its list of skipped genes.

    Args:
        run: The prediction.
        out: The table to write.
        allow_empty: Whether a table without a row is fine.

    Returns:
        How many rows were written, and how many listed in ``<out>.skipped.tsv`` for which reasons.

    Raises:
        InputError: when no gene has a prediction; nothing is written then.
    """
    listed = list(run.skipped)
    rows = usual = 0

    def remarks() -> dict[str, object]:
        if run.cache is None:
            return {}
        return {"segments": run.cache.asked, "segments_embedded": run.cache.computed}

    with open_tables([out], run.description, provenance=run.provenance, remarks=remarks) as table:
        for part in run.rows:
            table.write(part.frame)
            rows += len(part.frame)
            listed += part.skipped
            if FEATURES in part.frame:
                usual += int((part.frame[FEATURES] == DEFAULT).sum())
        if not rows and not allow_empty:
            raise no_prediction(listed)
        table.write_skipped(listed)
    return TableCounts(rows, len(listed), tuple(count_reasons(listed)), usual)


def no_prediction(skipped: Sequence[Skipped]) -> InputError:
    """Builds the error for no prediction at all, with the most frequent reasons."""
    reasons = "; ".join(f"{number:,}: {reason}" for reason, number in count_reasons(skipped)[:_SHOWN_REASONS])
    return InputError(
        "no gene can be predicted",
        where=f"all {len(skipped):,} genes" if skipped else "an annotation without genes",
        allowed="one prediction or more",
        remedy=reasons or "check the annotation and the list of genes",
    )


def _describe(
    model: Model, options: PredictOptions, source: Reference | EmbeddingStore, table: FeatureTable | None
) -> TableDescription:
    """The table's description; ``source`` is where windows or their vectors are read."""
    features, digest = _feature_source(model, options, table)
    if isinstance(source, Reference):
        fasta, fingerprint, transcripts = source.path.name, source.fingerprint(), options.selection.per_transcript
        dtype = dtype_name(options.compute.dtype) if isinstance(model.network, SegmentNetwork) else "float32"
    else:
        spec = source.spec
        fasta, fingerprint, transcripts = spec.fasta, spec.fasta_fingerprint, spec.transcripts
        dtype = spec.compute_dtype
    return TableDescription(
        cell_types=tuple(model.cell_types[column] for column in model.cell_type_columns(options.cell_types)),
        unit=unit_of_table(model, options),
        model=model.name,
        model_fingerprint=model.fingerprint,
        fasta=fasta,
        fasta_fingerprint=fingerprint,
        texcnn_version=__version__,
        transcripts=transcripts,
        dtype=dtype,
        features=features,
        features_fingerprint=digest,
        extra_columns=extra_columns(model),
        spread=options.spread and LOWER in spread_endings(model),
        member_spread=options.spread and MEMBER_SPREAD in spread_endings(model),
        max_n_fraction=options.max_n_fraction if options.max_n_fraction is not None else model.config.max_n_fraction,
    )


def _feature_source(model: Model, options: PredictOptions, table: FeatureTable | None) -> tuple[str, str]:
    """Where the extra inputs came from, and a digest of that.

    Computed ones have the annotation's digest: two shards of one run compute those of different genes.
    """
    if not model.config.features:
        return "none", ""
    if table is None:
        return "defaults", ""
    if table.source == COMPUTED and options.embeddings is None and options.features is None:
        return f"half-life of {table.path.name}", sha256_file(table.path)
    return table.path.name, table.fingerprint()
