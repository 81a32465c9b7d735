"""Shards of any list of genes: all of it, in order, of like sizes, and hardly moved by one gene more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from texcnn.genome.gene import Gene
from texcnn.genome.shards import cut_into_shards


def genes(n: int, seed: int = 0) -> list[Gene]:
    return [Gene(f"gene-{seed}-{number}", "", "chr1", number, "+") for number in range(n)]


@given(n=st.integers(0, 300), size=st.integers(1, 80), seed=st.integers(0, 50))
def test_all_genes_in_order_in_shards_that_are_not_empty(n: int, size: int, seed: int) -> None:
    given_genes = genes(n, seed)
    shards = cut_into_shards(given_genes, size)
    assert [gene for shard in shards for gene in shard] == given_genes
    assert all(shards)
    assert all(len(shard) <= max(size + size // 2, 1) for shard in shards)
    if n > size:
        assert all(len(shard) >= max(size // 2, 1) for shard in shards[:-1])
    else:
        assert len(shards) == bool(n)


@pytest.mark.parametrize(("size", "most"), [(20, 4.0), (100, 2.5), (400, 1.5)])
def test_one_gene_less_changes_its_shard_and_hardly_another(size: int, most: float) -> None:
    # The fewer genes a cut may choose from, the longer the cuts take to agree again.
    everything = genes(2000)
    before = {tuple(shard) for shard in cut_into_shards(everything, size)}
    changed = []
    for place in range(0, 2000, 97):
        after = {tuple(shard) for shard in cut_into_shards(everything[:place] + everything[place + 1 :], size)}
        changed.append(len(after - before))
    assert sum(changed) / len(changed) < most
    assert len(before) > 1.2 * 2000 / (1.5 * size)


def test_the_mean_size_is_about_what_was_asked_for() -> None:
    shards = cut_into_shards(genes(20_000), 100)
    assert 60 < 20_000 / len(shards) < 140


def test_transcripts_of_one_gene_are_distinguished() -> None:
    transcripts = [Gene("g", "", "chr1", 5, "+", f"t{number}") for number in range(400)]
    assert len(cut_into_shards(transcripts, 20)) > 10
