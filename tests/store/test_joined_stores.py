"""Several stores read as one, whatever the cuts: the rows, the chunks, and stores that do not go together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from texcnn.embedding.embeddings import Embeddings
from texcnn.errors import StoreError
from texcnn.genome.gene import Gene
from texcnn.genome.skipped import Skipped
from texcnn.genome.windows import WindowSpec
from texcnn.segments.segment import SegmentSpec
from texcnn.store.joined import JoinedStores
from texcnn.store.spec import StoreSpec
from texcnn.store.store import EmbeddingStore
from texcnn.training.examples import SegmentVectors, StoredVectors, digest_tensors

SPEC = StoreSpec(("a" * 64,), 3, WindowSpec(20, 10), SegmentSpec(10), "g.fa", "c" * 64, genes_per_chunk=2)
CPU = torch.device("cpu")


def genes(start: int, end: int) -> list[Gene]:
    return [Gene(f"g{place}", f"g{place}", "chr1", 40 + place, "+") for place in range(start, end)]


def vectors(start: int, end: int) -> Embeddings:
    """Row r has r + segment / 10 in every number; the segment r % 3 is masked."""
    rows = torch.arange(start, end)
    mask = torch.arange(3)[None] != (rows % 3)[:, None]
    values = (rows[:, None] + torch.arange(3)[None] / 10)[:, :, None].expand(-1, -1, SPEC.dim)
    return Embeddings(values * mask[:, :, None], mask)


def fill(
    folder: Path, start: int, end: int, spec: StoreSpec = SPEC, skipped: tuple[Skipped, ...] = ()
) -> EmbeddingStore:
    store = EmbeddingStore.create(folder, spec, genes(start, end), list(skipped))
    whole = vectors(start, end)
    with store.writing():
        for chunk in range(store.n_chunks):
            rows = store.rows(chunk)
            part = Embeddings(whole.values[rows], whole.mask[rows])
            store.write_chunk(chunk, part, [0.0] * len(part.mask))
    return EmbeddingStore.open(folder)


@settings(max_examples=10)
@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4), order=st.randoms(use_true_random=False))
def test_any_cuts_give_the_rows_of_one_store(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], order: object
) -> None:
    folder = tmp_path_factory.mktemp("stores")
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    n = sum(sizes)
    parts = [
        fill(folder / f"{place}", start, start + size)
        for place, (start, size) in enumerate(zip(starts, sizes, strict=True))
    ]
    joined = JoinedStores(parts)
    assert [gene.id for gene in joined.genes] == [f"g{place}" for place in range(n)]
    assert (joined.n_segments, joined.folder) == (3, folder / "0")
    whole = vectors(0, n)
    rows = order.choices(range(n), k=2 * n)  # type: ignore[attr-defined]
    found = joined.read_rows(rows)
    assert found.values.equal(whole.values[rows])
    assert found.mask.equal(whole.mask[rows])
    # Chunks follow one another without a gap, and hold the same rows.
    ends = [0]
    for chunk in range(joined.n_chunks):
        place = joined.rows(chunk)
        assert place.start == ends[-1]
        ends.append(place.stop)
        read = joined.read_chunk(chunk)
        assert read.embeddings.values.equal(whole.values[place])
        assert [gene.id for gene in read.genes] == [gene.id for gene in joined.genes[place]]
    assert ends[-1] == n
    assert joined.n_chunks == sum(-(-size // 2) for size in sizes)


def test_skipped_genes_are_listed_once(tmp_path: Path) -> None:
    one, two, three = (Skipped(name, "why") for name in "xyz")
    stores = [fill(tmp_path / "a", 0, 2, skipped=(two, one)), fill(tmp_path / "b", 2, 3, skipped=(one, three))]
    assert JoinedStores(stores).skipped == [two, one, three]
    assert JoinedStores(stores[::-1]).skipped == [one, three, two]


def test_stores_of_other_kinds_are_refused_with_what_differs(tmp_path: Path) -> None:
    first = fill(tmp_path / "a", 0, 2)
    other = fill(tmp_path / "b", 2, 4, replace(SPEC, fasta_fingerprint="d" * 64))
    with pytest.raises(StoreError) as refused:
        JoinedStores([first, other])
    assert str(refused.value) == (
        f"the stores '{tmp_path / 'a'}' and '{tmp_path / 'b'}' differ: fasta_fingerprint: cccccccccccc... in the "
        "store, dddddddddddd... now – in `embeddings` – allowed: stores of the same encoders, window and genome"
    )


def test_a_gene_of_two_stores_is_refused(tmp_path: Path) -> None:
    fill(tmp_path / "a", 0, 3)
    fill(tmp_path / "b", 2, 4)
    with pytest.raises(StoreError, match=r"a gene is in several stores – in `embeddings` – allowed: each gene in one"):
        JoinedStores.open([tmp_path / "a", tmp_path / "b"])


def test_an_unfinished_store_is_refused(tmp_path: Path) -> None:
    EmbeddingStore.create(tmp_path / "b", SPEC, genes(0, 3), [])
    with pytest.raises(StoreError, match="unfinished: 0 of 2 chunks"):
        JoinedStores.open([fill(tmp_path / "a", 3, 4).folder, tmp_path / "b"])


class TestStoredVectors:
    def test_rows_of_several_stores_as_in_memory(self, tmp_path: Path) -> None:
        joined = JoinedStores([fill(tmp_path / "a", 0, 3), fill(tmp_path / "b", 3, 8)])
        chosen = [7, 0, 4, 2, 3]
        stored = StoredVectors(joined, chosen)
        whole = vectors(0, 8)
        memory = SegmentVectors(Embeddings(whole.values[chosen], whole.mask[chosen]))
        assert len(stored) == len(memory) == 5
        for rows in ([0, 1, 2, 3, 4], [4, 4, 0], []):
            wanted = torch.tensor(rows, dtype=torch.long)
            for found, expected in zip(stored.take(wanted, CPU), memory.take(wanted, CPU), strict=True):
                assert found.equal(expected)

    def test_a_fingerprint_is_of_the_chosen_rows_in_their_order(self, tmp_path: Path) -> None:
        joined = JoinedStores([fill(tmp_path / "a", 0, 3), fill(tmp_path / "b", 3, 8)])
        prints = {tuple(rows): StoredVectors(joined, rows).fingerprint() for rows in ([0, 1, 2], [0, 2, 1], [0, 1])}
        assert len(set(prints.values())) == 3
        # The same vectors in one store: the same fingerprint.
        one = JoinedStores([fill(tmp_path / "c", 0, 8)])
        assert StoredVectors(one, [0, 1, 2]).fingerprint() == prints[0, 1, 2]

    def test_a_digest_knows_type_shape_and_what_is_missing(self) -> None:
        same = torch.tensor([[1.0, 2.0]])
        others = [same.double(), same.T, same.flatten(), same + 1, None, torch.zeros(0)]
        digests = [digest_tensors([one]) for one in (same, *others)]
        assert len(set(digests)) == len(digests)
        assert digest_tensors([same]) == digest_tensors([same.clone()]) == digest_tensors(iter([same]))
        assert digest_tensors([same, None]) != digest_tensors([None, same])
        columns = torch.tensor([[1.0, 9.0], [2.0, 9.0]])[:, :1].T
        assert digest_tensors([columns]) == digest_tensors([same]), "a view is its numbers"


def test_each_store_is_asked_once_for_the_rows_that_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of one store are asked for in one go, and of a store without any not at all."""
    stores = [fill(tmp_path / f"{place}", 3 * place, 3 * place + 3) for place in range(3)]
    asked: list[tuple[Path, list[int]]] = []
    read = EmbeddingStore.read_rows

    def counted(self: EmbeddingStore, rows: list[int]) -> Embeddings:
        asked.append((self.folder, list(rows)))
        return read(self, rows)

    monkeypatch.setattr(EmbeddingStore, "read_rows", counted)
    found = JoinedStores(stores).read_rows([8, 0, 7, 1])
    assert asked == [(tmp_path / "2", [2, 1]), (tmp_path / "0", [0, 1])]
    np.testing.assert_array_equal(found.values.numpy(), vectors(0, 9).values[[8, 0, 7, 1]].numpy())
