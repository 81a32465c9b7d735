"""Chunks of segments in, the vectors of a single call out, whether the device computes at once or is awaited late."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch
from tiny import CompositionEncoder

from texcnn.embedding import stream
from texcnn.embedding.cache import SegmentCache
from texcnn.embedding.engine import EmbeddingSession, embed_segments, embedding_session
from texcnn.embedding.options import ComputeOptions
from texcnn.embedding.stream import embed_chunks, embed_windows_in_chunks
from texcnn.segments.segment import SegmentSpec

CHUNKS = [["ACGT", "GG", "ACGT"], ["GG", "TTTA"], [], ["TTTA", "TTTA"], ["ACGT", "C", "GG"]]
OPTIONS = ComputeOptions(3, "cpu")


@pytest.fixture(params=[True, False], ids=["at-once", "late"])
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    chosen: bool = request.param
    monkeypatch.setattr(stream, "_computes_at_once", lambda device: chosen)
    return chosen


@pytest.mark.parametrize(
    ("neighbours", "max_bytes", "computed"),
    [
        (False, 10**6, [2, 1, 0, 0, 1]),  # the cache has what any chunk computed
        (False, 0, [2, 1, 0, 1, 3]),  # without one, the last chunk's vectors serve
        (True, 10**6, [2, 1, 0, 1, 3]),
    ],
)
def test_chunks_give_the_vectors_of_one_call_and_compute_each_segment_once(
    at_once: bool, neighbours: bool, max_bytes: int, computed: list[int]
) -> None:
    encoders = [CompositionEncoder(), CompositionEncoder()]
    cache = SegmentCache(max_bytes)
    with embedding_session(encoders, OPTIONS, cache) as session:
        found = list(embed_chunks(session, CHUNKS, neighbours=neighbours))
    assert [len(vectors) for vectors in found] == [len(chunk) for chunk in CHUNKS]
    expected = embed_segments(encoders, [segment for chunk in CHUNKS for segment in chunk], options=OPTIONS)
    assert torch.equal(torch.cat(found), expected)
    assert (cache.asked, cache.computed) == (10, sum(computed))
    assert encoders[0].batches[:-1] == [number for number in computed if number]
    assert (len(cache) > 0) == (max_bytes > 0 and not neighbours)


def test_the_first_chunk_uses_the_cache_whatever_the_others_may(at_once: bool) -> None:
    cache = SegmentCache()
    cache.put(["GG"], torch.full((1, 4), 7.0))
    with embedding_session([CompositionEncoder()], OPTIONS, cache) as session:
        first, second, third = embed_chunks(session, [["GG", "A"], ["GG"], ["A", "GG"]], neighbours=True)
    assert first[0].tolist() == second[0].tolist() == third[1].tolist() == [7.0] * 4


def test_a_vector_dropped_while_its_chunk_was_tokenised_is_computed(at_once: bool) -> None:
    encoder, cache = CompositionEncoder(), SegmentCache()
    cache.put(["GG"], torch.full((1, 4), 7.0))

    class Dropping(EmbeddingSession):
        def parts(self, items):  # type: ignore[no-untyped-def]
            cache.max_bytes = 1
            cache.put(["A" * 9], torch.zeros(1, 4))
            return super().parts(items)

    with embedding_session([encoder], OPTIONS, cache) as session:
        dropping = Dropping(session.encoders, session.options, cache, session._budgets)
        (vectors,) = embed_chunks(dropping, [["GG", "A"]])
    assert vectors.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]


def test_windows_are_cut_in_the_thread_that_reads_them_and_masked(at_once: bool) -> None:
    threads: set[int] = set()

    def chunks() -> Iterator[list[str]]:
        threads.add(threading.get_ident())
        yield ["GGGGGNNNNN", "N" * 10]
        yield ["ACGTNGGGGG"]

    encoder = CompositionEncoder()
    with embedding_session([encoder], OPTIONS) as session:
        first, second = embed_windows_in_chunks(session, chunks(), SegmentSpec(5))
    assert threading.get_ident() not in threads
    assert first.mask.tolist() == [[True, False], [False, False]]
    assert first.values[0].tolist() == [[0, 0, 1, 0], [0, 0, 0, 0]]
    assert second.values[0].tolist() == [pytest.approx([0.2] * 4), [0, 0, 1, 0]]
    assert sum(encoder.batches) == 2


def test_an_error_of_the_reader_comes_after_the_chunks_before_it_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def chunks() -> Iterator[list[str]]:
        yield ["A"]
        raise ValueError("no second one")

    with embedding_session([CompositionEncoder()], OPTIONS) as session:
        coming = embed_chunks(session, chunks())
        assert next(coming).tolist() == [[1, 0, 0, 0]]
        with pytest.raises(ValueError, match="no second one"):
            next(coming)
