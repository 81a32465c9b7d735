"""Batches next to each other, a thread each: the same bits, errors where they belong, threads as they were."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch
from tiny import CompositionEncoder
from torch import Tensor

from texcnn.bench.model import random_windows
from texcnn.embedding.cache import SegmentCache
from texcnn.embedding.engine import embed_segments, embedding_session
from texcnn.embedding.options import ComputeOptions
from texcnn.embedding.stream import embed_chunks
from texcnn.encoders.kmer_counts import KmerCountsEncoder
from texcnn.encoders.motif_cnn import MotifCNN, MotifCNNEncoder
from texcnn.errors import RunError
from texcnn.model.load import load_model

OPTIONS = ComputeOptions(8, "cpu")


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    assert torch.get_num_threads() == request.param
    torch.set_num_threads(before)


def motifs() -> MotifCNNEncoder:
    sizes = {"motifs": 5, "motif_width": 4, "pool": 10, "patterns": 3, "pattern_width": 3, "second_pool": 10}
    torch.manual_seed(0)
    return MotifCNNEncoder(MotifCNN(**sizes, places=2), {**sizes, "places": 2})


def segments() -> list[str]:
    window = random_windows(1, 20_000)[0]
    return [window[20 * n : 20 * n + 50 + n % 7] for n in range(700)]


def test_encoders_of_small_batches_have_workers_where_there_are_threads(threads: int) -> None:
    with embedding_session([motifs(), KmerCountsEncoder(2)], OPTIONS) as session:
        assert (session.workers is not None) == (threads > 1)
        named = [thread for thread in threading.enumerate() if thread.name.startswith("texcnn-embed")]
        assert len(named) == (threads if threads > 1 else 0)
        seen: list[int] = []
        thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert seen == [threads], "others start with the threads that they would have"
    assert not any(thread.is_alive() for thread in named)
    with embedding_session([motifs(), CompositionEncoder()], OPTIONS) as session:
        assert session.workers is None


def test_vectors_are_those_of_one_thread(threads: int) -> None:
    encoders = [motifs(), KmerCountsEncoder(2)]
    expected = torch.cat([encoder.embed(encoder.tokenize(segments())) for encoder in encoders], dim=1)
    found = embed_segments(encoders, segments(), options=OPTIONS)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    chunks = [segments()[start : start + 90] for start in range(0, 700, 90)]
    for cache in (SegmentCache(), SegmentCache(0)):
        with embedding_session(encoders, OPTIONS, cache) as session:
            assert torch.equal(torch.cat(list(embed_chunks(session, chunks))), found)


def test_predictions_are_those_of_one_thread() -> None:
    model, before = load_model("texcnn-mini"), torch.get_num_threads()
    windows = random_windows(3, model.window.length)
    found = []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            found.append(model.predict_sequences(windows, device="cpu"))
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(*found)


def test_an_error_in_a_worker_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: KmerCountsEncoder, tokens: Sequence[Sequence[int]]) -> Tensor:
        raise RuntimeError("can't allocate memory: no")

    monkeypatch.setattr(KmerCountsEncoder, "embed", fails)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(RunError, match="out of memory with a single segment"):
            embed_segments([KmerCountsEncoder(2)], segments()[:300], options=OPTIONS)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
