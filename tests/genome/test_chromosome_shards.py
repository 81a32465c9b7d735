"""Chromosomes shared out among shards by their genes."""

from __future__ import annotations

import pytest

from texcnn.errors import InputError
from texcnn.genome.chromosome_shards import chromosomes_of_shard, parse_shard
from texcnn.genome.gene import Gene


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
