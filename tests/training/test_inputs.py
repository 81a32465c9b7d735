from pathlib import Path

import torch

from texcnn.embedding.embeddings import Embeddings
from texcnn.genome.gene import Gene
from texcnn.genome.windows import WindowSpec
from texcnn.segments.bases import stack_codes
from texcnn.segments.segment import SegmentSpec
from texcnn.store.spec import StoreSpec
from texcnn.store.store import EmbeddingStore
from texcnn.training.examples import SegmentVectors, StoredVectors, WindowBases, digest_tensors

CPU = torch.device("cpu")


def vectors() -> SegmentVectors:
    values = torch.arange(24.0).reshape(4, 3, 2)
    return SegmentVectors(Embeddings(values, torch.tensor([[True, True, False]] * 4)))


def test_segment_vectors_come_with_their_mask():
    inputs = vectors()
    values, mask = inputs.take(torch.tensor([2, 0]), CPU)
    assert len(inputs) == 4
    assert values[:, 0, 0].tolist() == [12, 0]
    assert mask.tolist() == [[True, True, False]] * 2


def test_bases_are_bytes_that_become_one_hot_in_the_batch():
    inputs = WindowBases(stack_codes(["ACGT", "NNNN", "TTTT"]))
    (bases,) = inputs.take(torch.tensor([2, 1]), CPU)
    assert (len(inputs), inputs.codes.dtype) == (3, torch.uint8)
    assert bases.tolist() == [[[0.0] * 4, [0.0] * 4, [0.0] * 4, [1.0] * 4], [[0.0] * 4] * 4]


def test_a_fingerprint_knows_every_number_and_shape():
    other = vectors()
    assert vectors().fingerprint() == other.fingerprint()
    other.embeddings.values[3, 2, 1] += 1
    assert vectors().fingerprint() != other.fingerprint()
    masked = vectors()
    masked.embeddings.mask[0, 0] = False
    assert vectors().fingerprint() != masked.fingerprint()
    assert WindowBases(stack_codes(["AC"])).fingerprint() != WindowBases(stack_codes(["AG"])).fingerprint()
    shapes = [digest_tensors([torch.zeros(shape)]) for shape in ((2, 3), (3, 2), (6,))]
    assert len(set(shapes)) == 3
    assert digest_tensors([None, torch.zeros(1)]) != digest_tensors([torch.zeros(1), None])


def test_vectors_left_in_a_store_are_those_in_memory(tmp_path: Path) -> None:
    genes = [Gene(f"g{place}", "", "chr1", 50, "+") for place in range(10)]
    spec = StoreSpec((), 3, WindowSpec(10, 10), SegmentSpec(10), "g.fa", "f", genes_per_chunk=4, store_dtype="bfloat16")
    store = EmbeddingStore.create(tmp_path / "store", spec, genes)
    values = torch.arange(60.0).reshape(10, 2, 3)
    mask = torch.tensor([[True, False]] * 10)
    for chunk in range(3):
        rows = store.rows(chunk)
        store.write_chunk(chunk, Embeddings(values[rows], mask[rows]), [0.0] * len(genes[rows]))
    places = [9, 0, 5, 3]
    stored, held = StoredVectors(store, places), SegmentVectors(Embeddings(values[places], mask[places]))
    rows = torch.tensor([2, 0, 2, 1])
    for found, expected in zip(stored.take(rows, CPU), held.take(rows, CPU), strict=True):
        assert torch.equal(found, expected)
    assert len(stored) == 4
    assert stored.fingerprint() == StoredVectors(store, places).fingerprint()
    assert stored.fingerprint() != StoredVectors(store, places[::-1]).fingerprint()
