"""Whole chromosomes shared out among shards, for work that reads a chromosome from its start."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from texcnn.errors import InputError
from texcnn.genome.gene import Gene


def parse_shard(text: str) -> tuple[int, int]:
    """Reads which shard is wanted, and of how many: ``2/3``.

    Raises:
        InputError: when the text is none, or there is no such shard.
    """
    found = re.fullmatch(r"([0-9]+)/([0-9]+)", str(text))
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
