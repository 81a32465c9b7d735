"""Each distinct segment once, in batches of like lengths, and the same numbers however they are batched."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import CompositionEncoder
from torch import Tensor

import texcnn.embedding.engine
from texcnn.embedding.cache import SegmentCache
from texcnn.embedding.engine import CPU_TOKENS, embed_segments, embed_windows, embedding_session
from texcnn.embedding.options import ComputeOptions
from texcnn.encoders.token_encoder import TokenEncoder
from texcnn.errors import InputError, RunError
from texcnn.model.load import load_model
from texcnn.segments.segment import SegmentSpec

SEGMENTS = ["ACGT", "GG", "ACGT", "A", "GG", "ACGTACGTTT"]


def test_order_of_input_and_each_distinct_once() -> None:
    encoder = CompositionEncoder()
    found = embed_segments([encoder], SEGMENTS, options=ComputeOptions(3, "cpu"))
    expected = [[segment.count(base) / len(segment) for base in "ACGT"] for segment in SEGMENTS]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert encoder.batches == [4]


class Recorder(CompositionEncoder):
    """Notes the lengths in each batch it computes, and has no memory for more than ``most`` tokens."""

    def __init__(self, most: float = float("inf")) -> None:
        super().__init__()
        self.lengths: list[list[int]] = []
        self.refused: list[int] = []
        self.most = most

    def embed(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        lengths = [len(row) for row in tokens]
        if sum(lengths) > self.most:
            self.refused.append(len(lengths))
            raise self.out_of_memory()
        self.lengths.append(lengths)
        return super().embed(tokens)

    def out_of_memory(self) -> Exception:
        return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


def test_batches_are_filled_by_tokens_with_segments_of_like_lengths() -> None:
    encoder = Recorder()
    # Batches of 512 tokens.
    embed_segments([encoder], ["A" * n for n in (60, 600, 180, 256, 255, 200, 7)], options=ComputeOptions(1, "cpu"))
    assert encoder.lengths == [[600], [256, 255], [200, 180, 60, 7]]


def test_an_encoder_of_small_tokens_has_more_of_them_in_a_batch() -> None:
    class Small(Recorder):
        token_cost = 1 / 4

    small, large = Small(), Recorder()
    segments = ["ACGT"[n % 4] * 512 for n in range(4)]
    embed_segments([small, large], segments, options=ComputeOptions(1, "cpu"))
    assert small.lengths == [[512] * 4]
    assert large.lengths == [[512]] * 4


def test_a_batch_on_the_cpu_has_a_bound_of_its_own() -> None:
    encoder = Recorder()
    embed_segments([encoder], ["A" * n for n in range(401, 411)], options=ComputeOptions(64, "cpu"))
    assert [sum(lengths) for lengths in encoder.lengths] == [2040, 2015]
    assert CPU_TOKENS == 2048


class CpuRecorder(Recorder):
    def out_of_memory(self) -> Exception:
        return RuntimeError("[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory")


@pytest.mark.parametrize("kind", [Recorder, CpuRecorder])
def test_out_of_memory_halves_the_batch_and_loses_no_segment(
    kind: type[Recorder], caplog: pytest.LogCaptureFixture
) -> None:
    segments = ["ACGT"[n % 4] * n for n in range(1, 40)]
    expected = embed_segments([CompositionEncoder()], segments, options=ComputeOptions(8, "cpu"))
    encoder = kind(most=100)
    with embedding_session([encoder], ComputeOptions(8, "cpu"), SegmentCache(0)) as session:
        found = session.embed(segments)
        assert torch.equal(found, expected)
        assert sorted(length for lengths in encoder.lengths for length in lengths) == list(range(1, 40))
        n_refused = len(encoder.refused)
        assert n_refused == len(caplog.records) > 1
        assert "out of memory with a batch of 39 segments: continuing with half of it" in caplog.messages
        # The next chunk starts with what fits.
        assert torch.equal(session.embed(segments), expected)
        assert len(encoder.refused) == n_refused


def test_a_segment_that_does_not_fit_alone_ends_the_run_with_a_remedy() -> None:
    with pytest.raises(
        RunError, match=r"out of memory with a single segment of 9 tokens .* composition .* the device cpu"
    ):
        embed_segments([Recorder(most=8)], ["A" * 9, "A" * 3], options=ComputeOptions(8, "cpu"))


def test_other_errors_are_not_taken_for_want_of_memory() -> None:
    class Broken(CompositionEncoder):
        def embed(self, tokens: Sequence[Sequence[int]]) -> Tensor:
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        embed_segments([Broken()], ["A", "C"], options=ComputeOptions(8, "cpu"))


def test_segments_are_tokenised_while_others_are_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Part by part, in a thread; the vectors come back in the order of the segments."""
    monkeypatch.setitem(texcnn.embedding.engine.PREFETCHED_SEGMENTS, "cpu", 3)
    threads: set[int] = set()

    class Watched(CompositionEncoder):
        def tokenize(self, segments: Sequence[str]) -> list[list[int]]:
            assert len(segments) <= 3
            threads.add(threading.get_ident())
            return super().tokenize(segments)

    segments = ["ACGT"[n % 4] * n + "A" for n in range(10)]
    found = embed_segments([Watched()], segments, options=ComputeOptions(8, "cpu"))
    expected = [[segment.count(base) / len(segment) for base in "ACGT"] for segment in segments]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert threading.get_ident() not in threads


def test_a_session_chooses_a_gpus_kernels_and_puts_the_users_choice_back() -> None:
    cudnn, cuda = torch.backends.cudnn, torch.backends.cuda

    def choice() -> tuple[bool, bool, bool]:
        return cudnn.allow_tf32, cuda.matmul.allow_tf32, cuda.cudnn_sdp_enabled()

    def fail() -> None:
        with embedding_session([CompositionEncoder()], ComputeOptions(1, "cpu")):
            assert choice() == (False, False, False)
            raise ZeroDivisionError

    before = choice()
    try:
        for chosen in ((True, True, True), (False, True, False)):
            cudnn.allow_tf32, cuda.matmul.allow_tf32 = chosen[:2]
            cuda.enable_cudnn_sdp(chosen[2])
            with pytest.raises(ZeroDivisionError):
                fail()
            assert choice() == chosen
    finally:
        cudnn.allow_tf32, cuda.matmul.allow_tf32 = before[:2]
        cuda.enable_cudnn_sdp(before[2])


def test_an_error_of_the_tokenizer_reaches_the_caller() -> None:
    class Refusing(CompositionEncoder):
        def tokenize(self, segments: Sequence[str]) -> list[list[int]]:
            raise InputError("a segment of 600 bases is too long")

    with pytest.raises(InputError, match="600 bases is too long"):
        embed_segments([Refusing()], ["A"], options=ComputeOptions(8, "cpu"))


def test_encoders_are_joined_per_segment_in_order() -> None:
    class Length(CompositionEncoder):
        dim = 1

        def embed(self, tokens):  # type: ignore[no-untyped-def]
            return torch.tensor([[float(len(row))] for row in tokens])

    found = embed_segments([Length(), CompositionEncoder()], ["GGG", "A"], options=ComputeOptions(8, "cpu"))
    assert found.tolist() == [[3, 0, 0, 1, 0], [1, 1, 0, 0, 0]]


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_that_holds_nothing_is_refused(batch_size: int) -> None:
    with pytest.raises(InputError, match=rf"unusable batch size {batch_size} "):
        embed_segments([CompositionEncoder()], ["A"], options=ComputeOptions(batch_size, "cpu"))


def test_nothing_in_nothing_out() -> None:
    assert embed_segments([CompositionEncoder()], [], options=ComputeOptions(4, "cpu")).shape == (0, 4)
    empty = embed_windows([CompositionEncoder()], [], SegmentSpec(5), options=ComputeOptions(4, "cpu"))
    assert empty.values.shape[0] == empty.mask.shape[0] == 0


def test_unknown_bases_are_masked_zeros_never_an_embedding() -> None:
    encoder = CompositionEncoder()
    windows = ["GGGGGNNNNNACGTN", "N" * 15]
    found = embed_windows([encoder], windows, SegmentSpec(5, max_n_fraction=0.5), options=ComputeOptions(4, "cpu"))
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
    segments = ["".join(generator.choice(list("ACGTN"), size=size)) for size in generator.integers(1, 400, 60)]
    whole = embed_segments(network.encoders, segments, options=ComputeOptions(60, device, "float32"))
    parts = embed_segments(network.encoders, segments, options=ComputeOptions(batch_size, device, "float32"))
    assert whole.std(dim=0).min() > 0.005
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-6)
    backwards = embed_segments(network.encoders, segments[::-1], options=ComputeOptions(batch_size, device, "float32"))
    torch.testing.assert_close(backwards.flip(0), whole, rtol=0, atol=1e-6)


def test_encoders_are_put_back_also_after_an_error(tiny_dnabert2: Path) -> None:
    network = load_model(tiny_dnabert2).segment_network()
    (encoder,) = network.encoders
    assert isinstance(encoder, TokenEncoder)
    before = {name: value.clone() for name, value in encoder.model.state_dict().items()}
    seen = []

    def fail() -> None:
        with embedding_session([encoder], ComputeOptions(device="cpu", dtype="bfloat16")):
            seen.append(encoder.dtype)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert seen == [torch.bfloat16]
    assert (encoder.dtype, encoder.device) == (torch.float32, torch.device("cpu"))
    for name, value in encoder.model.state_dict().items():
        assert torch.equal(value, before[name])


def test_an_encoder_of_another_package_need_not_be_hashable() -> None:
    class Unhashable(CompositionEncoder):
        __hash__ = None  # type: ignore[assignment]

    assert embed_segments([Unhashable()], ["GG"], options=ComputeOptions(1, "cpu")).tolist() == [[0, 0, 1, 0]]


def test_vectors_found_in_inference_mode_can_be_differentiated(tiny_dnabert2: Path) -> None:
    network = load_model(tiny_dnabert2).segment_network()
    with network.session(ComputeOptions(device="cpu")) as session:
        inputs = network.inputs(["ACGTT" * 6], None, session)
    values = inputs.values.clone().requires_grad_()
    network.apply(replace(inputs, values=values))[0, 0].backward()
    assert values.grad is not None
    assert values.grad.abs().sum() > 0
