"""Shards of genes: all of them, in order, and hardly changed by one gene more."""

from __future__ import annotations

import pytest

from texcnn.genome.gene import Gene
from texcnn.genome.shards import cut_into_shards

GENES = [Gene(f"G{number}", f"G{number}", "chr1", number * 100, "+", "") for number in range(2000)]


@pytest.mark.parametrize("size", [1, 7, 64, 1000, 1999])
def test_holds_every_gene_once_in_order(size: int) -> None:
    shards = cut_into_shards(GENES, size)
    assert [gene for shard in shards for gene in shard] == GENES
    assert all(abs(len(shard) - size) <= size / 8 + 1 for shard in shards[:-1])
    assert size / 3 <= len(shards[-1]) <= size * 1.5


def test_few_genes_are_one_shard() -> None:
    assert cut_into_shards(GENES[:15], 10) == [GENES[:15]]
    assert len(cut_into_shards(GENES[:16], 10)) == 2
    assert cut_into_shards([], 10) == []


def test_one_gene_less_changes_one_or_two_shards() -> None:
    before = [tuple(shard) for shard in cut_into_shards(GENES, 100)]
    changed = []
    for place in range(0, len(GENES), 37):
        after = {tuple(shard) for shard in cut_into_shards(GENES[:place] + GENES[place + 1 :], 100)}
        changed.append(sum(shard not in after for shard in before))
    assert len(before) > 15
    assert max(changed) <= 6
    assert sum(changed) / len(changed) < 1.6
