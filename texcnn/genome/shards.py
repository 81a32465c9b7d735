"""Genes cut into shards, the pipeline's units of parallel work."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from texcnn.genome.gene import Gene


def cut_into_shards(genes: Sequence[Gene], size: int) -> list[Sequence[Gene]]:
    """Cuts genes into runs of about ``size``: an eighth more or less, the last one from a third to one and a half.

    Windows have one length, so equal numbers of genes are equal work. A run ends before the gene, among those an eighth
    round the even cut, whose name has the smallest digest: one gene more or less changes the shard that it is in, and
    of shards of some hundred genes or more hardly ever a second one, so that the others are not computed again.

    Args:
        genes: In the order of the rows.
        size: Genes per shard; up to one and a half times as many make one shard.

    Returns:
        The shards, in order; no empty one, so none for no genes.
    """
    cuts = [0]
    while len(genes) - cuts[-1] > 1.5 * size:
        near = range(cuts[-1] + round(size * 7 / 8), cuts[-1] + round(size * 9 / 8) + 1)
        cuts.append(min(near, key=lambda place: _digest(genes[place])))
    return [genes[start:end] for start, end in zip(cuts, [*cuts[1:], len(genes)], strict=True) if end > start]


def _digest(gene: Gene) -> bytes:
    return hashlib.sha256(f"{gene.id} {gene.transcript_id}".encode()).digest()
