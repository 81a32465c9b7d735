"""Genes cut into shards, the pipeline's units of parallel work."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from texcnn.genome.gene import Gene


def cut_into_shards(genes: Sequence[Gene], size: int) -> list[Sequence[Gene]]:
    """Cuts genes into runs of about ``size``, from half to one and a half times as many.

    Where a run ends depends on the genes round its end alone, not on how many come before: one gene more or less
    changes the shard that it is in, and hardly ever a second one, so that the others are not computed again.

    Args:
        genes: In the order of the rows.
        size: Genes per shard; up to that many make one shard.

    Returns:
        The shards, in order; no empty one, so none for no genes.
    """
    if len(genes) <= size:
        return [genes] if genes else []
    cuts = [0]
    for place, gene in enumerate(genes):
        length = place - cuts[-1]
        if length >= size + size // 2 or (length >= max(size // 2, 1) and _is_mark(gene, size)):
            cuts.append(place)
    return [genes[start:end] for start, end in zip(cuts, [*cuts[1:], len(genes)], strict=True)]


def _is_mark(gene: Gene, size: int) -> bool:
    """One gene in ``size / 2``, chosen by its name."""
    digest = hashlib.sha256(f"{gene.id} {gene.transcript_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % max(size // 2, 1) == 0
