"""Genes in, a finished embedding store out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import torch

from texcnn.device import dtype_name, resolve_device, resolve_dtype
from texcnn.embedding.engine import embed_windows
from texcnn.embedding.reuse import SegmentMemory
from texcnn.embedding.store import EmbeddingStore
from texcnn.embedding.store_spec import EncoderOrigin, StoreSpec
from texcnn.encoders.protocol import Encoder, EncoderSpec
from texcnn.genome.gene import Annotation
from texcnn.genome.reference import Reference
from texcnn.genome.windows import WindowSpec, read_windows
from texcnn.progress import progress_bar
from texcnn.segments.segment import SegmentSpec

_LOG = logging.getLogger("texcnn")


def embed_genes(
    encoders: Sequence[Encoder],
    reference: Reference,
    annotation: Annotation,
    folder: Path,
    *,
    window: WindowSpec,
    segments: SegmentSpec,
    transcripts: bool = False,
    specs: Sequence[EncoderSpec] = (),
    store_dtype: str = "float32",
    batch_size: int,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    progress: bool = False,
) -> EmbeddingStore:
    """Embeds the windows of genes into a store; goes on with an unfinished one of the same content.

    Args:
        encoders: Their vectors are joined per segment, in this order.
        reference: The genome.
        annotation: Placed genes, the rows of the store, and what was skipped on the way.
        folder: The store's folder.
        window: The window round the TSS.
        segments: How it is cut.
        transcripts: Whether there is one row per transcript.
        specs: What the encoders were loaded from, to be named in the store.
        store_dtype: Type of the stored vectors: float32, float16 or bfloat16.
        batch_size: Segments per forward pass; never changes the result.
        device: Where to compute; None is the GPU if there is one.
        dtype: Type of the encoders' matrix products (:func:`texcnn.device.resolve_dtype`).
        progress: Whether to show progress.

    Returns:
        The finished store.

    Raises:
        InputError: when something else lies at ``folder``.
        StoreError: when another process is writing the store, or the disk has no room for it.
    """
    spec = StoreSpec(
        encoders=tuple(encoder.fingerprint() for encoder in encoders),
        dim=sum(encoder.dim for encoder in encoders),
        window=window,
        segments=segments,
        fasta=reference.path.name,
        fasta_fingerprint=reference.fingerprint(),
        transcripts=transcripts,
        origins=tuple(EncoderOrigin.of(encoder, spec) for encoder, spec in zip_longest(encoders, specs)),
        compute_dtype=dtype_name(resolve_dtype(dtype, resolve_device(device))),
        store_dtype=store_dtype,
    )
    store = EmbeddingStore.create(folder, spec, annotation.genes, annotation.skipped)
    memory = SegmentMemory()
    with store.writing(), progress_bar(progress, total=len(store.genes), what="embedding", unit="genes") as bar:
        done = store.chunks_done
        bar.update(len(store.genes[: done * spec.genes_per_chunk]))
        if 0 < done < store.n_chunks:
            _LOG.info("%d of %d chunks are there already", done, store.n_chunks)
            _remember(memory, store, reference, done - 1)
        for chunk in range(done, store.n_chunks):
            windows = list(read_windows(reference, store.genes[store.rows(chunk)], window))
            embeddings = embed_windows(
                encoders,
                [read.sequence for read in windows],
                segments,
                batch_size=batch_size,
                device=device,
                dtype=dtype,
                memory=memory,
            )
            store.write_chunk(chunk, embeddings, [read.n_fraction for read in windows])
            bar.update(len(windows))
    _LOG.info("%d segments, %d of them embedded, the others equal to one of these", memory.asked, memory.computed)
    return store


def _remember(memory: SegmentMemory, store: EmbeddingStore, reference: Reference, chunk: int) -> None:
    """Brings back what an uninterrupted run would know after a chunk, so that it computes the same batches.

    Vectors that the store rounded serve as well as those before: rounding them once more changes nothing.
    """
    stored = store.read_chunk(chunk)
    cut = [
        store.spec.segments.split(read.sequence) for read in read_windows(reference, stored.genes, store.spec.window)
    ]
    memory.remember(
        [bases for segments in cut for bases in segments.usable], stored.embeddings.values[stored.embeddings.mask]
    )
