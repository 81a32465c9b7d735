"""Genes cut into shards, the pipeline's units of parallel work."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

from texcnn.errors import InputError
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
