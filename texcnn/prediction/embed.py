"""The verb ``embed``: from a genome and genes to a store of segment vectors."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any

from texcnn.arguments import names_of, to_path
from texcnn.embedding.options import ComputeOptions
from texcnn.encoders.choose import check_one_source, encoder_spec
from texcnn.encoders.compiled import compilable
from texcnn.encoders.protocol import Encoder, EncoderSpec
from texcnn.encoders.registry import load_encoder
from texcnn.errors import InputError
from texcnn.files import check_output
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection
from texcnn.genome.windows import WindowSpec
from texcnn.inputs_kept import keep_inputs
from texcnn.keywords import check_flags, options_from
from texcnn.model.cautions import warn_of_encoders, warn_of_genome
from texcnn.model.load import load_model
from texcnn.model.model import Model
from texcnn.segments.segment import SegmentSpec
from texcnn.store.fill import describe_store, embed_genes
from texcnn.store.folder import STORE_META, free_bytes
from texcnn.store.store import EmbeddingStore

_LOG = logging.getLogger("texcnn")


@dataclass(frozen=True)
class EmbedOptions:
    """Which genes, which encoders, and how to compute.

    Attributes:
        selection: Which genes.
        compute: How to compute.
        encoders: Names of encoders in place of a model's: published ones, folders, or ``TYPE=FOLDER``.
        upstream: Bases before the TSS, with ``encoders``; None for 7,000.
        downstream: Bases from the TSS on, with ``encoders``; None for 3,500.
        segment_length: Bases per segment, with ``encoders``; None for 500.
        half_life: Whether to store half-life features for ``predict``, computed from the annotation. None does so where
            the model takes nothing else and a GTF is given.
        grid_segments: Whether to shift windows onto the grid of their segments.
        store_dtype: Type of the stored vectors: one of :data:`texcnn.store.STORE_DTYPES`.
        overwrite: Whether to replace a store that is already there.

    Raises:
        InputError: when a size is given without encoders.
    """

    selection: GeneSelection = field(default_factory=GeneSelection)
    compute: ComputeOptions = field(default_factory=ComputeOptions)
    encoders: str | Iterable[str] = ()
    upstream: int | None = None
    downstream: int | None = None
    segment_length: int | None = None
    half_life: bool | None = None
    grid_segments: bool = False
    store_dtype: str = "float32"
    overwrite: bool = False

    def __post_init__(self) -> None:
        """Checks what goes together."""
        check_flags(half_life=False if self.half_life is None else self.half_life)
        check_flags(grid_segments=self.grid_segments, overwrite=self.overwrite)
        names = names_of(self.encoders)
        object.__setattr__(self, "encoders", names)
        sized = [name for name in ("upstream", "downstream", "segment_length") if getattr(self, name) is not None]
        if sized and not names:
            listed = ", ".join(f"`{name}`" for name in sized)
            raise InputError(f"a model fixes its own window, so {listed} need `encoders`")
        if self.half_life and names:
            raise InputError(
                "encoders take no half-life features", where="`half_life`", allowed="with a model",
                remedy="leave it out, and give features to texcnn train",
            )  # fmt: skip


def embed(
    fasta: str | PathLike[str],
    out: str | PathLike[str],
    model: Model | str | PathLike[str] | None = None,
    *,
    options: EmbedOptions | None = None,
    progress: bool = False,
    **keywords: Any,
) -> EmbeddingStore:
    """Embeds the genes' windows into a store that ``predict`` and ``train`` read.

    A run that was interrupted continues where it stopped when it is called again in the same way.

    Args:
        fasta: Genome, plain or BGZF.
        out: The store's folder.
        model: A model whose encoders and window are taken, or what :func:`texcnn.load_model` takes.
        options: Which genes, which encoders, and how to compute.
        progress: Whether to show progress.
        keywords: Fields in place of ``options``: those of :class:`EmbedOptions`, its selection and its compute options.

    Returns:
        The finished store; :meth:`~texcnn.store.store.EmbeddingStore.to_anndata` reads its vectors.

    Raises:
        InputError: when the input cannot be used, or something else is at ``out``.
        ModelError: when there is no such model or encoder, or it cannot be trusted.
        StoreError: when another process is writing the store, or the disk has no room for it.
    """
    chosen = options_from(EmbedOptions, options, keywords)
    check_flags(progress=progress)
    folder = to_path(out, "out")
    check_one_source(model, chosen.encoders)
    keep_inputs({"out": folder}, {"fasta": fasta, "options": chosen})
    check_output(folder, overwrite=True, marker=STORE_META)  # an unfinished store is continued
    loaded = None if chosen.encoders else model if isinstance(model, Model) else load_model(model)
    source = _encoders(chosen) if loaded is None else _encoders_of(loaded)
    if chosen.compute.compile:
        compilable(source.encoders)
    if chosen.grid_segments:
        source = replace(source, window=replace(source.window, grid=source.segments.length))
    with Reference(to_path(fasta, "fasta")) as reference:
        warn_of_encoders(source.specs, reference)
        features = None
        if loaded is not None:
            warn_of_genome(loaded, reference)
            if chosen.half_life is not False:
                features = loaded.features.compute(
                    reference, chosen.selection, half_life=chosen.half_life, progress=progress
                )
        annotation = load_genes(reference, source.window, chosen.selection)
        spec = describe_store(
            source.encoders,
            reference,
            source.window,
            source.segments,
            specs=source.specs,
            transcripts=chosen.selection.per_transcript,
            store_dtype=chosen.store_dtype,
            options=chosen.compute,
        )
        size, free, n_genes = spec.bytes(len(annotation.genes)), free_bytes(folder), len(annotation.genes)
        _LOG.info("%d genes, %.3g GB in %s, %.3g GB free", n_genes, size / 1e9, chosen.store_dtype, free / 1e9)
        if chosen.overwrite and folder.exists():
            EmbeddingStore.remove(folder)  # only now: a mistyped option must not cost a store that took days
        store = embed_genes(
            source.encoders, reference, annotation, folder, spec, options=chosen.compute, progress=progress
        )
    if features is not None:
        features.write(store.features_path)
    return store


@dataclass(frozen=True)
class _Source:
    """Encoders, what they were loaded from, and the windows they read."""

    encoders: Sequence[Encoder]
    specs: Sequence[EncoderSpec]
    window: WindowSpec
    segments: SegmentSpec


def _encoders(options: EmbedOptions) -> _Source:
    specs = [encoder_spec(name) for name in options.encoders]
    given = {"upstream": options.upstream, "downstream": options.downstream}
    window = WindowSpec(**{name: size for name, size in given.items() if size is not None})
    segments = SegmentSpec() if options.segment_length is None else SegmentSpec(options.segment_length)
    return _Source([load_encoder(spec) for spec in specs], specs, window, segments)


def _encoders_of(model: Model) -> _Source:
    network = model.segment_network()
    return _Source(network.encoders, model.config.encoders, model.window, network.segments)
