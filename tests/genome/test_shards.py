"""Shards of genes: all of them, in order, and hardly changed by one gene more."""

from __future__ import annotations

import pytest

from texcnn.errors import InputError
from texcnn.genome.gene import Gene
from texcnn.genome.shards import chromosomes_of_shard, cut_into_shards, parse_shard

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


def test_chromosomes_are_shared_out_by_their_genes() -> None:
    sizes = {"a": 5, "b": 9, "c": 4, "d": 1}
    genes = [
        Gene(f"{chrom}{number}", "", chrom, number, "+") for chrom, size in sizes.items() for number in range(size)
    ]
    assert [sorted(chromosomes_of_shard(genes, number, 2)) for number in (1, 2)] == [["b", "d"], ["a", "c"]]
    six = [chromosomes_of_shard(genes, number, 6) for number in range(1, 7)]
    assert sorted(chrom for shard in six for chrom in shard) == ["a", "b", "c", "d"]
    assert six.count(frozenset()) == 2
    assert chromosomes_of_shard(genes, 1, 1) == set(sizes)


def test_names_of_shards() -> None:
    assert parse_shard("2/3") == (2, 3)
    for wrong in ("0/3", "4/3", "2", "a/b", "1/0", "-1/2", "2/3 "):
        with pytest.raises(InputError, match="unusable shard"):
            parse_shard(wrong)
