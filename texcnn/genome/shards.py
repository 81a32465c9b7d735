"""Genes cut into shards, the pipeline's units of parallel work."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

from texcnn.errors import InputError
from texcnn.genome.gene import Gene


def cut_into_shards(genes: Sequence[Gene], size: int) -> list[Sequence[Gene]]:
    """Cuts genes into runs of about ``size``: an eighth more or less, the last one from a third to one and a half.

    Windows have one length, so equal numbers of genes are equal work. A run ends before the gene, among those an eighth
    round the even cut, whose name has the smallest digest: one gene more or less changes the shard that it is in, and
    hardly ever a second one, so that the others are not computed again.

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


def parse_shard(text: str) -> tuple[int, int]:
    """Reads which shard is wanted, and of how many: ``2/3``.

    Raises:
        InputError: when the text is none, or there is no such shard.
    """
    found = re.fullmatch(r"([0-9]+)/([0-9]+)", text)
    number, count = (int(part) for part in found.groups()) if found else (0, 0)
    if not 1 <= number <= count:
        raise InputError(f"unusable shard '{text}'", where="`shard`", allowed="1/3, 2/3 or 3/3, or of another number")
    return number, count


def chromosomes_of_shard(genes: Sequence[Gene], number: int, count: int) -> frozenset[str]:
    """Shares whole chromosomes out among shards, so that each has about as many genes.

    Args:
        genes: All genes.
        number: Which shard, from 1.
        count: Number of shards.

    Returns:
        Names of the shard's chromosomes; none where there are more shards than chromosomes.
    """
    sizes = Counter(gene.chrom for gene in genes)
    shards: list[list[str]] = [[] for _ in range(count)]
    taken = [0] * count
    for chrom, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        smallest = taken.index(min(taken))
        shards[smallest].append(chrom)
        taken[smallest] += size
    return frozenset(shards[number - 1])
