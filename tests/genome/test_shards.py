"""Shards of genes: all of them, in order, and hardly changed by one gene more."""

from __future__ import annotations

import pytest
from genome_files import write_fasta

from texcnn.genome.gene import Gene
from texcnn.genome.reference import Reference
from texcnn.genome.shards import WHOLE, cut_into_shards, window_work
from texcnn.genome.windows import WindowSpec

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


SPEC = WindowSpec(700, 300)
PLACED = [Gene(f"G{number}", "", "a", 1000 + 300 * number, "+-"[number % 2]) for number in range(800)]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """A chromosome whose middle half is unknown, with a gene every 300 bases."""
    bases = "ACGT" * 15_000 + "N" * 120_000 + "ACGT" * 15_250
    return Reference(write_fasta(tmp_path_factory.mktemp("half") / "half.fa", {"a": bases, "b": "AC" * 300}))


class TestWork:
    def test_is_the_share_of_known_bases(self, reference: Reference) -> None:
        work = window_work(PLACED, SPEC, reference)
        assert (work[0], work[300], work[798]) == (WHOLE, WHOLE // 32, WHOLE)
        assert sum(work) == pytest.approx(WHOLE * (400 + 400 / 32), rel=0.01)

    def test_ends_with_the_chromosome(self, reference: Reference) -> None:
        genes = [Gene("first", "", "b", 100, "+"), Gene("last", "", "b", 580, "+"), Gene("whole", "", "a", 900, "+")]
        found = [work / WHOLE for work in window_work(genes, SPEC, reference)]
        assert found == pytest.approx([0.4, 0.6, 1.0], abs=0.001)

    def test_is_once_for_transcripts_of_one_start(self, reference: Reference) -> None:
        row = [Gene("g", "", "a", 5000, strand, name) for strand, name in (("+", "t1"), ("+", "t2"), ("-", "t3"))]
        assert window_work(row, SPEC, reference) == [WHOLE, WHOLE // 32, WHOLE]

    @pytest.mark.parametrize("size", [20, 80, 300])
    def test_of_shards_is_alike(self, reference: Reference, size: int) -> None:
        work = window_work(PLACED, SPEC, reference)
        shards = cut_into_shards(PLACED, size, work)
        assert [gene for shard in shards for gene in shard] == PLACED
        assert len(shards) == pytest.approx(800 / size, abs=1)
        mean = sum(work) / 800 * size
        borne = [sum(work[int(gene.id[1:])] for gene in shard) for shard in shards]
        assert all(abs(found - mean) <= mean / 6 for found in borne[:-1])
        assert mean / 4 <= borne[-1] <= 1.6 * mean
        by_genes = [sum(work[int(gene.id[1:])] for gene in shard) for shard in cut_into_shards(PLACED, size)]
        assert max(by_genes) > 1.3 * max(borne), "what it was"

    def test_one_gene_less_changes_one_or_two_shards(self, reference: Reference) -> None:
        work = window_work(PLACED, SPEC, reference)
        before = [tuple(shard) for shard in cut_into_shards(PLACED, 60, work)]
        changed = []
        for place in range(0, 800, 37):
            fewer, less = PLACED[:place] + PLACED[place + 1 :], work[:place] + work[place + 1 :]
            after = {tuple(shard) for shard in cut_into_shards(fewer, 60, less)}
            changed.append(sum(shard not in after for shard in before))
        assert sum(changed) / len(changed) < 2

    @pytest.mark.parametrize("size", [1, 2, 3])
    def test_windows_that_bear_nothing_make_shards_too(self, size: int) -> None:
        shards = cut_into_shards(GENES[:40], size, [WHOLE // 32] * 39 + [WHOLE])
        assert [gene for shard in shards for gene in shard] == GENES[:40]
        assert all(shards)
