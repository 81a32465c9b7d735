import torch

from texcnn.embedding.engine import Embeddings
from texcnn.segments.bases import stack_codes
from texcnn.training.inputs import SegmentVectors, WindowBases, digest_tensors

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
