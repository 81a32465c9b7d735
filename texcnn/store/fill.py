"""Genes in, a finished embedding store out."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from texcnn.device import dtype_name
from texcnn.embedding.cache import SegmentCache
from texcnn.embedding.engine import embedding_session
from texcnn.embedding.options import ComputeOptions
from texcnn.embedding.stream import embed_windows_in_chunks
from texcnn.encoders.protocol import Encoder, EncoderSpec
from texcnn.genome.gene import Annotation
from texcnn.genome.reference import Reference
from texcnn.genome.windows import Window, WindowSpec, read_windows
from texcnn.progress import progress_bar
from texcnn.segments.segment import SegmentSpec
from texcnn.store.spec import EncoderOrigin, StoreSpec
from texcnn.store.store import EmbeddingStore

_LOG = logging.getLogger("texcnn")


def embed_genes(
    encoders: Sequence[Encoder],
    reference: Reference,
    annotation: Annotation,
    folder: Path,
    spec: StoreSpec,
    *,
    options: ComputeOptions | None = None,
    progress: bool = False,
) -> EmbeddingStore:
    """Embeds the windows of genes into a store; continues an unfinished one of the same content.

    Args:
        encoders: Their vectors are joined per segment, in this order.
        reference: The genome.
        annotation: Placed genes, the rows of the store, and what was skipped before.
        folder: The store's folder.
        spec: What the vectors depend on, of these encoders and this genome (:func:`describe_store`).
        options: How to compute; the batch size never changes the result.
        progress: Whether to show progress.

    Returns:
        The finished store.

    Raises:
        InputError: when something else is at ``folder``.
        StoreError: when another process is writing the store, or the disk has no room for it.
    """
    store = EmbeddingStore.create(folder, spec, annotation.genes, annotation.skipped)
    cache = SegmentCache()
    with (
        store.writing(),
        embedding_session(encoders, options, cache) as session,
        progress_bar(progress, total=len(store.genes), what="embedding", unit="genes") as bar,
    ):
        done = store.chunks_done
        bar.update(len(store.genes[: done * spec.genes_per_chunk]))
        if 0 < done < store.n_chunks:
            _LOG.info("%d of %d chunks are there already", done, store.n_chunks)
            _put_chunk(cache, store, reference, done - 1)
        read: deque[list[Window]] = deque()

        def sequences() -> Iterator[list[str]]:
            for chunk in range(done, store.n_chunks):
                read.append(list(read_windows(reference, store.genes[store.rows(chunk)], spec.window)))
                yield [window.sequence for window in read[-1]]

        # Neighbours share segments, and genes come in the order of the genome. What is computed in a chunk depends on
        # that chunk and the one before alone, so that a run that continues after a kill computes the same batches, and
        # the same bits, as one that never stopped.
        found = embed_windows_in_chunks(session, sequences(), spec.segments, neighbours=True)
        for chunk, embeddings in enumerate(found, done):
            windows = read.popleft()
            store.write_chunk(chunk, embeddings, [window.n_fraction for window in windows])
            bar.update(len(windows))
    _LOG.info("%d segments, %d of them embedded, the others equal to one of these", cache.asked, cache.computed)
    return store


def describe_store(
    encoders: Sequence[Encoder],
    reference: Reference,
    window: WindowSpec,
    segments: SegmentSpec,
    *,
    specs: Sequence[EncoderSpec] = (),
    transcripts: bool = False,
    store_dtype: str = "float32",
    options: ComputeOptions | None = None,
) -> StoreSpec:
    """Describes what the vectors of a store will depend on.

    Args:
        encoders: Their vectors are joined per segment, in this order.
        reference: The genome.
        window: The window around the TSS.
        segments: How it is cut.
        specs: What the encoders were loaded from, to be named in the store.
        transcripts: Whether there is one row per transcript.
        store_dtype: Type of the stored vectors: one of :data:`texcnn.store.STORE_DTYPES`.
        options: How the encoders compute.
    """
    return StoreSpec(
        encoders=tuple(encoder.fingerprint() for encoder in encoders),
        dim=sum(encoder.dim for encoder in encoders),
        window=window,
        segments=segments,
        fasta=reference.path.name,
        fasta_fingerprint=reference.fingerprint(),
        transcripts=transcripts,
        origins=tuple(EncoderOrigin.of(encoder, spec) for encoder, spec in zip_longest(encoders, specs)),
        compute_dtype=dtype_name((options or ComputeOptions()).dtype),
        store_dtype=store_dtype,
    )


def _put_chunk(cache: SegmentCache, store: EmbeddingStore, reference: Reference, chunk: int) -> None:
    """Brings back what an uninterrupted run would know after a chunk.

    Vectors that the store rounded serve as well as those before: rounding them once more changes nothing.
    """
    stored = store.read_chunk(chunk)
    windows = read_windows(reference, stored.genes, store.spec.window)
    usable = _usable([window.sequence for window in windows], store.spec.segments)
    cache.put(usable, stored.embeddings.values[stored.embeddings.mask])


def _usable(windows: Sequence[str], segments: SegmentSpec) -> list[str]:
    return [bases for window in windows for bases in segments.split(window).usable]
