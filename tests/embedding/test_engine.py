"""Each distinct segment once, in batches of like lengths, and the same numbers however they are batched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import CompositionEncoder

from texcnn.embedding.engine import embed_segments, embed_windows
from texcnn.errors import InputError
from texcnn.model.model import load_model
from texcnn.segments.segment import SegmentSpec

SEGMENTS = ["ACGT", "GG", "ACGT", "A", "GG", "ACGTACGTTT"]


def test_order_of_input_and_each_distinct_once() -> None:
    encoder = CompositionEncoder()
    found = embed_segments([encoder], SEGMENTS, batch_size=3, device="cpu")
    expected = [[segment.count(base) / len(segment) for base in "ACGT"] for segment in SEGMENTS]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert encoder.batches == [3, 1]


def test_batches_hold_segments_of_like_lengths() -> None:
    lengths: list[list[int]] = []

    class Recorder(CompositionEncoder):
        def embed(self, tokens):  # type: ignore[no-untyped-def]
            lengths.append([len(row) for row in tokens])
            return super().embed(tokens)

    embed_segments([Recorder()], ["A" * n for n in (3, 9, 1, 8, 2, 7)], batch_size=2, device="cpu")
    assert lengths == [[9, 8], [7, 3], [2, 1]]


def test_encoders_are_joined_per_segment_in_order() -> None:
    class Length(CompositionEncoder):
        dim = 1

        def embed(self, tokens):  # type: ignore[no-untyped-def]
            return torch.tensor([[float(len(row))] for row in tokens])

    found = embed_segments([Length(), CompositionEncoder()], ["GGG", "A"], batch_size=8, device="cpu")
    assert found.tolist() == [[3, 0, 0, 1, 0], [1, 1, 0, 0, 0]]


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_that_holds_nothing_is_refused(batch_size: int) -> None:
    with pytest.raises(InputError, match=rf"unusable batch size {batch_size} "):
        embed_segments([CompositionEncoder()], ["A"], batch_size=batch_size, device="cpu")


def test_nothing_in_nothing_out() -> None:
    assert embed_segments([CompositionEncoder()], [], batch_size=4, device="cpu").shape == (0, 4)
    empty = embed_windows([CompositionEncoder()], [], SegmentSpec(5), batch_size=4, device="cpu")
    assert empty.values.shape[0] == empty.mask.shape[0] == 0


def test_unknown_bases_are_masked_zeros_never_an_embedding() -> None:
    encoder = CompositionEncoder()
    windows = ["GGGGGNNNNNACGTN", "N" * 15]
    found = embed_windows([encoder], windows, SegmentSpec(5, max_n_fraction=0.5), batch_size=4, device="cpu")
    assert found.mask.tolist() == [[True, False, True], [False, False, False]]
    assert found.values[0].tolist() == [[0, 0, 1, 0], [0, 0, 0, 0], pytest.approx([0.2] * 4)]
    assert not found.values[1].any()
    assert sum(encoder.batches) == 2


@pytest.mark.parametrize("batch_size", [1, 2, 5, 100])
def test_a_language_models_vectors_do_not_depend_on_the_batch(
    tiny_dnabert2: Path, device: str, batch_size: int
) -> None:
    network = load_model(tiny_dnabert2).segment_network()
    generator = np.random.default_rng(0)
    segments = ["".join(generator.choice(list("ACGTN"), size=size)) for size in generator.integers(1, 40, 60)]
    whole = embed_segments(network.encoders, segments, batch_size=60, device=device)
    parts = embed_segments(network.encoders, segments, batch_size=batch_size, device=device)
    assert whole.std(dim=0).min() > 0.01
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-6)
    backwards = embed_segments(network.encoders, segments[::-1], batch_size=batch_size, device=device)
    torch.testing.assert_close(backwards.flip(0), whole, rtol=0, atol=1e-6)
