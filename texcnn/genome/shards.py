"""Genes cut into shards of equal work, the pipeline's units of parallel work."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

from texcnn.genome.gene import Gene
from texcnn.genome.interval import Interval
from texcnn.genome.reference import Reference
from texcnn.genome.windows import WindowSpec

WHOLE = 1024
"""The work of a window of known bases."""

_LEAST = WHOLE // 32
"""The work of a window without any: it is read, and its gene listed. With encoders that cost much it is less."""

_STEPS = 16
"""The mean work of genes is rounded to this part of a whole, so that one gene more or less does not move it."""

_BLOCK = 1000
"""Bases that are looked at together: neighbours' windows consist of the same ones."""


def window_work(genes: Sequence[Gene], spec: WindowSpec, reference: Reference) -> list[int]:
    """Estimates what it costs to embed each gene's window, without its tokens: by its known bases.

    Unknown segments are not embedded, and of the others k-mers and byte pairs are about as many as the bases allow. A
    window at the place of an earlier one, as of a transcript with the same TSS, consists of segments that are computed.

    Args:
        genes: Placed genes.
        spec: The window around the TSS.
        reference: The genome.

    Returns:
        For each gene from 32 to :data:`WHOLE`, in proportion to the known bases (to within a block of 1,000 bases).
    """

    @lru_cache(maxsize=1 << 14)
    def known(chrom: str, block: int) -> int:
        bases = reference.fetch(Interval(chrom, block * _BLOCK, (block + 1) * _BLOCK, "+"))
        return _BLOCK - bases.count("N")

    work, seen = [], set()
    for gene in genes:
        place = (gene.chrom, gene.tss, gene.strand)
        if place in seen:
            work.append(_LEAST)
            continue
        seen.add(place)
        interval = spec.interval(gene)
        start, end = max(interval.start, 0), min(interval.end, reference.lengths[gene.chrom])
        blocks = range(start // _BLOCK, (end - 1) // _BLOCK + 1)
        bases = sum(known(gene.chrom, block) for block in blocks)
        held = min(len(blocks) * _BLOCK, reference.lengths[gene.chrom] - blocks.start * _BLOCK)
        work.append(max(WHOLE * bases * (end - start) // (held * spec.length), _LEAST))
    return work


def cut_into_shards(genes: Sequence[Gene], size: int, work: Sequence[int] | None = None) -> list[Sequence[Gene]]:
    """Cuts genes into runs of like work, of about ``size`` genes in the mean.

    A run bears the mean work of ``size`` genes, an eighth more or less, the last one from a third to one and a half. It
    ends before the gene, among those an eighth round the even cut, whose name has the smallest digest: one gene more or
    less changes the shard that it is in, and of shards of some hundred genes or more hardly ever a second one, so that
    the others are not computed again.

    Args:
        genes: In the order of the rows.
        size: Genes per shard, in the mean; the work of up to one and a half times as many makes one shard.
        work: What each gene costs, of :func:`window_work`; None where all cost the same.

    Returns:
        The shards, in order; no empty one, so none for no genes.
    """
    if not genes:
        return []
    work = [WHOLE] * len(genes) if work is None else work
    before = [0, *accumulate(work)]
    mean = max(round(before[-1] / len(genes) * _STEPS / WHOLE), 1) * WHOLE // _STEPS
    cuts = [0]
    while before[-1] - before[cuts[-1]] > 1.5 * size * mean and cuts[-1] + 1 < len(genes):
        done = before[cuts[-1]]
        low, even, high = (done + round(size * eighths / 8) * mean for eighths in (7, 8, 9))
        near = range(bisect_left(before, low), bisect_right(before, high))
        place = min(near, key=lambda place: _digest(genes[place])) if near else bisect_left(before, even)
        cuts.append(min(place, len(genes) - 1))
    return [genes[start:end] for start, end in zip(cuts, [*cuts[1:], len(genes)], strict=True)]


def _digest(gene: Gene) -> bytes:
    return hashlib.sha256(f"{gene.id} {gene.transcript_id}".encode()).digest()
