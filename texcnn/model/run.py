"""A whole prediction, from files to files."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import torch

from texcnn.device import dtype_name, resolve_device, resolve_dtype
from texcnn.embedding.reuse import SegmentMemory
from texcnn.embedding.store import EmbeddingStore
from texcnn.features.table import FeatureTable
from texcnn.genome.gene import Skipped
from texcnn.genome.load import GeneOptions, load_genes
from texcnn.genome.reference import Reference
from texcnn.model.model import Model
from texcnn.model.predict import PredictedRows, predict_genes, predict_store
from texcnn.tables.columns import TableDescription
from texcnn.tables.writers import open_tables, skipped_path, write_skipped

_LOG = logging.getLogger("texcnn")


@dataclass(frozen=True)
class Counts:
    """Rows written and rows listed as skipped."""

    rows: int
    skipped: int


def predict_to_table(
    model: Model,
    fasta: Path,
    out: Path,
    *,
    cell_types: Sequence[str] | None = None,
    features: Path | None = None,
    half_life: bool = False,
    batch_size: int,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    progress: bool = False,
    **which: Unpack[GeneOptions],
) -> Counts:
    """Predicts genes into a table, in the format of its ending; see :meth:`texcnn.model.model.Model.predict`.

    Memory does not grow with the number of genes beyond their names and places.

    Returns:
        How many rows were written, and how many listed in ``<out>.skipped.tsv``.
    """
    per_transcript = which.get("transcripts") == "all"
    resolved = resolve_device(device)  # a missing GPU is cheaper to find than a whole annotation is to read
    computed_in = resolve_dtype(dtype, resolved)
    table = model.features.read(features)
    _LOG.info("computing on %s in %s", resolved, dtype_name(computed_in))
    memory = SegmentMemory()
    with Reference(fasta) as reference:
        if half_life:
            mapped = which.get("map_chrom_names", False)
            table = model.features.half_life(
                table, reference, which.get("gtf"), genes=which.get("genes"), map_chrom_names=mapped
            )
        annotation = load_genes(reference, model.window, **which)
        if table is not None and features is not None:
            table.require_any((gene.id for gene in annotation.genes), annotation.path)
        rows = predict_genes(
            model,
            reference,
            annotation.genes,
            cell_types=cell_types,
            features=table,
            transcripts=per_transcript,
            batch_size=batch_size,
            device=resolved,
            dtype=computed_in,
            memory=memory,
            progress=progress,
        )
        description = model.describe_table(
            cell_types=cell_types,
            fasta=reference.path.name,
            fasta_fingerprint=reference.fingerprint(),
            transcripts=per_transcript,
            dtype=dtype_name(computed_in),
        )
        counts = _write(out, description, rows, annotation.skipped, _origin(model, table), memory)
    _LOG.info("%d segments, %d of them embedded, the others equal to one of these", memory.asked, memory.computed)
    return counts


def predict_store_to_table(
    model: Model,
    embeddings: Path,
    out: Path,
    *,
    cell_types: Sequence[str] | None = None,
    features: Path | None = None,
    progress: bool = False,
) -> Counts:
    """Predicts the genes of an embedding store into a table; see :func:`predict_to_table`."""
    store = EmbeddingStore.open(embeddings)
    table = model.features.read(features)
    if table is not None:
        table.require_any((gene.id for gene in store.genes), embeddings)
    rows = predict_store(model, store, cell_types=cell_types, features=table, progress=progress)
    description = model.describe_table(
        cell_types=cell_types,
        fasta=store.spec.fasta,
        fasta_fingerprint=store.spec.fasta_fingerprint,
        transcripts=store.spec.transcripts,
        dtype=store.spec.compute_dtype,
    )
    return _write(out, description, rows, store.skipped, _origin(model, table))


def _origin(model: Model, table: FeatureTable | None) -> dict[str, str]:
    """Says where a model's extra inputs came from; that they are the defaults is worth a line in the log."""
    if table is not None:
        return {"features": table.path.name}
    if not model.config.features:
        return {}
    names = ", ".join(spec.name for spec in model.config.features)
    _LOG.info("no features were given: every gene has the model's defaults of %s", names)
    return {"features": "defaults"}


def _write(
    out: Path,
    description: TableDescription,
    parts: Iterable[PredictedRows],
    skipped: Sequence[Skipped],
    origin: Mapping[str, object],
    memory: SegmentMemory | None = None,
) -> Counts:
    listed = list(skipped)
    rows = 0

    def remarks() -> dict[str, object]:
        counted = {} if memory is None else {"segments": memory.asked, "segments_embedded": memory.computed}
        return {**origin, **counted}

    with open_tables([out], description, remarks=remarks) as table:
        for part in parts:
            table.write(part.frame)
            rows += len(part.frame)
            listed += part.skipped
        # Before the table appears: a table without its list of skipped genes would look complete.
        write_skipped(skipped_path(out), listed)
    return Counts(rows, len(listed))
