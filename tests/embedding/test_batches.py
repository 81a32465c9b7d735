"""Batches of segments: filled by tokens, halved where the memory does not suffice, and put back in their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import CompositionEncoder

from texcnn.embedding.batches import VectorsOnTheWay, embed_or_none, next_batch
from texcnn.embedding.engine import embed_segments, embed_windows, embedding_session
from texcnn.embedding.options import ComputeOptions
from texcnn.errors import RunError
from texcnn.segments.segment import SegmentSpec


@given(lengths=st.lists(st.integers(0, 20), min_size=1, max_size=20), budget=st.integers(0, 60))
def test_a_batch_is_as_long_as_the_budget_allows_and_never_empty(lengths: list[int], budget: int) -> None:
    tokens = [[0] * length for length in lengths]
    batch = next_batch(range(len(lengths)), tokens, budget)
    assert batch == list(range(len(batch)))
    assert batch
    assert sum(lengths[row] for row in batch) <= budget or len(batch) == 1
    if len(batch) < len(lengths):
        assert sum(lengths[: len(batch) + 1]) > budget


@given(order=st.permutations(range(7)))
def test_vectors_come_back_in_their_places(order: list[int]) -> None:
    vectors = torch.tensor([[float(place), 10.0 * place] for place in order])
    assert VectorsOnTheWay(vectors, order).in_order()[:, 0].tolist() == list(range(7))


class Failing(CompositionEncoder):
    """Has room for some tokens only."""

    def __init__(self, room: int, error: Exception) -> None:
        super().__init__()
        self.room, self.error = room, error

    def embed(self, tokens: Sequence[Sequence[int]]) -> torch.Tensor:
        if sum(map(len, tokens)) > self.room:
            raise self.error
        return super().embed(tokens)


NO_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
]


@pytest.mark.parametrize("error", NO_MEMORY, ids=["GPU", "CPU"])
def test_lack_of_memory_is_distinguished_from_other_errors(error: Exception) -> None:
    encoder = Failing(4, error)
    assert embed_or_none(encoder, [[0, 1, 2, 3]]).shape == (1, 4)  # type: ignore[union-attr]
    assert embed_or_none(encoder, [[0, 1, 2, 3, 0]]) is None
    with pytest.raises(RuntimeError, match="other"):
        embed_or_none(Failing(0, RuntimeError("an other error")), [[0]])
    with pytest.raises(ValueError, match="other"):
        embed_or_none(Failing(0, ValueError("an other error")), [[0]])


@pytest.mark.parametrize("error", NO_MEMORY, ids=["GPU", "CPU"])
@given(segments=st.lists(st.text("ACGT", min_size=1, max_size=9), min_size=1, max_size=40), room=st.integers(9, 60))
def test_what_the_memory_holds_changes_no_vector(error: Exception, segments: list[str], room: int) -> None:
    expected = embed_segments([CompositionEncoder()], segments)
    assert torch.equal(embed_segments([Failing(room, error)], segments), expected)


def test_a_budget_that_was_too_large_is_not_tried_again() -> None:
    encoder = Failing(20, NO_MEMORY[1])
    tried: list[int] = []
    usual = encoder.embed
    encoder.embed = lambda tokens: tried.append(sum(map(len, tokens))) or usual(tokens)  # type: ignore[method-assign,func-returns-value]
    segments = [f"{'ACGT'[a]}{'ACGT'[b]}{'ACGT'[c]}GG" for a in range(4) for b in range(4) for c in range(4)]
    with embedding_session([encoder]) as session:
        session.embed(segments[:32])
        first = len(tried)
        session.embed(segments[32:])
    assert max(tried[:first]) > 20
    assert max(tried[first:]) <= 20


def test_a_segment_that_has_no_room_alone_says_how_long_it_is() -> None:
    with pytest.raises(
        RunError, match=r"out of memory with a single segment of 30 tokens – in the encoder composition"
    ):
        embed_segments([Failing(5, NO_MEMORY[0])], ["A" * 30])


class Wide(CompositionEncoder):
    """Twice the composition, twice as long."""

    name = "wide"
    dim = 8

    def embed(self, tokens: Sequence[Sequence[int]]) -> torch.Tensor:
        vectors = super().embed(tokens)
        return torch.cat([2 * vectors, 4 * vectors], dim=1)

    def to(self, device: torch.device) -> Self:
        return self


@given(
    windows=st.lists(st.text("ACGTN", min_size=12, max_size=12), min_size=1, max_size=6),
    length=st.integers(1, 13), share=st.sampled_from([0.0, 0.3, 0.5, 1.0]), batch_size=st.integers(1, 9),
)  # fmt: skip
def test_windows_of_several_encoders_are_their_segments_next_to_each_other(
    windows: list[str], length: int, share: float, batch_size: int
) -> None:
    spec, options = SegmentSpec(length, share), ComputeOptions(batch_size, "cpu")
    found = embed_windows([CompositionEncoder(), Wide()], windows, spec, options=options)
    assert found.values.shape == (len(windows), -(-12 // length), 12)
    for row, window in enumerate(windows):
        for place, start in enumerate(range(0, 12, length)):
            segment = window[start : start + length]
            usable = segment.count("N") / len(segment) <= share
            assert found.mask[row, place] == usable
            shares = [segment.count(base) / len(segment) for base in "ACGT"] if usable else [0.0] * 4
            expected = [*shares, *(2 * each for each in shares), *(4 * each for each in shares)]
            assert found.values[row, place].tolist() == pytest.approx(expected, abs=1e-6)
