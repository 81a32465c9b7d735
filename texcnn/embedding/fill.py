"""Genes in, a finished embedding store out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from texcnn.embedding.engine import embed_windows
from texcnn.embedding.store import EmbeddingStore, StoreSpec
from texcnn.encoders.protocol import Encoder
from texcnn.genome.gene import Annotation
from texcnn.genome.reference import Reference
from texcnn.genome.windows import WindowSpec, read_windows
from texcnn.progress import progress_bar
from texcnn.segments.segment import SegmentSpec


def embed_genes(
    encoders: Sequence[Encoder],
    reference: Reference,
    annotation: Annotation,
    folder: Path,
    *,
    window: WindowSpec,
    segments: SegmentSpec,
    transcripts: bool = False,
    batch_size: int,
    device: str | torch.device | None = None,
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
        batch_size: Segments per forward pass; never changes the result.
        device: Where to compute; None is the GPU if there is one.
        progress: Whether to show progress.

    Returns:
        The finished store.

    Raises:
        InputError: when something else lies at ``folder``.
    """
    spec = StoreSpec(
        encoders=tuple(encoder.fingerprint() for encoder in encoders),
        dim=sum(encoder.dim for encoder in encoders),
        window=window,
        segments=segments,
        fasta=reference.path.name,
        fasta_fingerprint=reference.fingerprint(),
        transcripts=transcripts,
    )
    store = EmbeddingStore.create(folder, spec, annotation.genes, annotation.skipped)
    with progress_bar(progress, total=len(store.genes), what="embedding", unit="genes") as bar:
        for chunk in range(store.n_chunks):
            genes = store.genes[store.rows(chunk)]
            if chunk >= store.chunks_done:
                windows = list(read_windows(reference, genes, window))
                embeddings = embed_windows(
                    encoders, [read.sequence for read in windows], segments, batch_size=batch_size, device=device
                )
                store.write_chunk(chunk, embeddings, [read.n_fraction for read in windows])
            bar.update(len(genes))
    return store
