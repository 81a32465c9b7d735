"""A GPU gives the CPU's numbers: float32, bfloat16, compiled, short of memory, with several shards on one card."""

from __future__ import annotations

import functools
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest
import torch

from texcnn.bench.model import random_windows
from texcnn.embedding.cache import SegmentCache
from texcnn.embedding.engine import embed_segments, embed_windows, embedding_session
from texcnn.embedding.options import ComputeOptions
from texcnn.embedding.stream import embed_windows_in_chunks
from texcnn.encoders import packed_attention
from texcnn.encoders.dnabert import DnabertEncoder
from texcnn.encoders.dnabert2 import Dnabert2Config, Dnabert2Encoder, Dnabert2Model
from texcnn.encoders.packed_attention import packed_rows
from texcnn.encoders.token_encoder import TokenEncoder
from texcnn.model.load import load_model
from texcnn.model.predict_windows import predict_windows
from texcnn.pretraining.vocabulary import train_bpe
from texcnn.segments.bpe import BpeTokenizer
from texcnn.segments.kmer import KmerTokenizer
from texcnn.segments.segment import SegmentSpec

pytestmark = pytest.mark.gpu

WINDOWS = 24
SIZES = {"hidden_size": 192, "num_hidden_layers": 4, "num_attention_heads": 3, "intermediate_size": 384}


def dnabert2() -> Dnabert2Encoder:
    torch.manual_seed(0)
    tokenizer = BpeTokenizer(train_bpe(random_windows(4, 10_000), 1024))
    return Dnabert2Encoder(Dnabert2Model(Dnabert2Config(vocab_size=1024, **SIZES)), tokenizer)


def dnabert() -> DnabertEncoder:
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    tokenizer = KmerTokenizer(4)
    config = BertConfig.from_dict({"vocab_size": tokenizer.vocab_size, "attn_implementation": "sdpa", **SIZES})
    return DnabertEncoder(BertModel(config, add_pooling_layer=False), tokenizer)


@pytest.fixture(params=[dnabert2, dnabert], ids=["dnabert2", "dnabert"])
def encoder(request: pytest.FixtureRequest) -> TokenEncoder:
    return request.param()


def segments() -> list[str]:
    """Of many lengths, so that batches are ragged."""
    window = random_windows(1, 40_000)[0]
    return [window[300 * n : 300 * n + 40 + 3 * n] for n in range(128)]


@functools.cache
def predictions(device: str, dtype: str = "float32", first: int = 0, step: int = 1) -> npt.NDArray[np.float32]:
    """Predictions of the bundled model, ``(windows, cell types)``."""
    model = load_model("texcnn-mini")
    windows = random_windows(WINDOWS, model.window.length)[first::step]
    chunks = predict_windows(model, windows, options=ComputeOptions(64, device, dtype))
    return np.concatenate([chunk.values for chunk in chunks])


def smallest_correlation(found: torch.Tensor, expected: torch.Tensor) -> float:
    pairs = zip(found.numpy(), expected.numpy(), strict=True)
    return min(float(np.corrcoef(one, other)[0, 1]) for one, other in pairs)


def test_float32_vectors_are_the_cpus(gpu: str, encoder: TokenEncoder) -> None:
    expected = embed_segments([encoder], segments(), options=ComputeOptions(64, "cpu", "float32"))
    found = embed_segments([encoder], segments(), options=ComputeOptions(64, gpu, "float32"))
    assert (found - expected).abs().max() <= 2e-5 * expected.abs().max()


def test_float32_predictions_are_the_cpus(gpu: str) -> None:
    assert np.abs(predictions(gpu) - predictions("cpu")).max() <= 1e-4


def test_bfloat16_vectors_correlate_with_float32_to_four_nines(gpu: str, encoder: TokenEncoder) -> None:
    expected = embed_segments([encoder], segments(), options=ComputeOptions(64, "cpu", "float32"))
    found = embed_segments([encoder], segments(), options=ComputeOptions(64, gpu, "bfloat16"))
    assert smallest_correlation(found, expected) >= 0.9999


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_one_attention_kernel_takes_rows_of_all_lengths(gpu: str, dtype: torch.dtype) -> None:
    if gpu == "cpu":
        pytest.skip("a CPU has no such kernel")
    assert packed_attention._works(torch.device(gpu), dtype)
    bias = torch.zeros(1, 3, 64, 64, device=gpu, dtype=dtype)
    with torch.inference_mode():
        assert packed_rows([5], bias) is not None  # one short row: fewer tokens than the bias has places


def test_bfloat16_predictions_move_by_a_fraction_of_their_spread(gpu: str) -> None:
    full, low = predictions(gpu), predictions(gpu, "bfloat16")
    # Made-up windows differ less than genes do, so that the bound is wider than the hundredth that holds for genes.
    shift = np.sqrt(((low - full) ** 2).mean(axis=0)) / full.std(axis=0)
    assert shift.max() <= 0.05


def test_vectors_do_not_depend_on_the_batch_size(gpu: str, encoder: TokenEncoder) -> None:
    few, many = (
        embed_segments([encoder], segments(), options=ComputeOptions(size, gpu, "float32")) for size in (3, 500)
    )
    assert (few - many).abs().max() <= 2e-5 * many.abs().max()


def test_compiled_vectors_are_the_same(gpu: str, encoder: TokenEncoder) -> None:
    expected = embed_segments([encoder], segments(), options=ComputeOptions(64, gpu, "float32"))
    options = ComputeOptions(64, gpu, "float32", compile=True)
    found = embed_segments([encoder], segments(), options=options)
    assert (found - expected).abs().max() <= 2e-5 * expected.abs().max()


@pytest.fixture
def little_memory(gpu: str) -> Iterator[None]:
    """Leaves this process 600 MiB of the card more than it has in use."""
    if gpu == "cpu":
        pytest.skip("a CPU's memory has no such bound")
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 600 * 2**20) / total)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


def test_out_of_memory_halves_the_batch_and_loses_nothing(
    gpu: str, little_memory: None, caplog: pytest.LogCaptureFixture
) -> None:
    encoder = dnabert2()
    # 360,000 tokens, which need a gigabyte in one batch.
    pieces = [window[n : n + 4000] for window in random_windows(40, 40_000) for n in range(0, 40_000, 4000)]
    expected = embed_segments([encoder], pieces[:6], options=ComputeOptions(1, gpu, "float32"))
    with embedding_session([encoder], ComputeOptions(4096, gpu, "float32"), SegmentCache(0)) as session:
        found = session.embed(pieces)
    assert any("out of memory with a batch of" in message for message in caplog.messages)
    assert (found[:6] - expected).abs().max() <= 2e-5 * expected.abs().max()
    assert found.isfinite().all()


def test_chunks_whose_vectors_are_fetched_late_are_the_whole(gpu: str) -> None:
    """Of windows that share segments with the chunk before, and with one long ago."""
    encoder = dnabert2()
    windows = [window[shift:][:9000] for window in random_windows(3, 10_000) for shift in (0, 500, 1000)] * 2
    options = ComputeOptions(64, gpu, "float32")
    expected = embed_windows([encoder], windows, SegmentSpec(500), options=options).values
    for cache in (SegmentCache(0), SegmentCache()):
        with embedding_session([encoder], options, cache) as session:
            chunks = [windows[start : start + 4] for start in range(0, len(windows), 4)]
            found = [part.values for part in embed_windows_in_chunks(session, chunks, SegmentSpec(500))]
        assert (torch.cat(found) - expected).abs().max() <= 2e-5 * expected.abs().max()


def test_several_shards_on_one_card_give_the_numbers_of_one(gpu: str) -> None:
    shards = 3
    with ProcessPoolExecutor(shards, mp_context=multiprocessing.get_context("spawn")) as pool:
        parts = list(pool.map(predictions, [gpu] * shards, ["float32"] * shards, range(shards), [shards] * shards))
    expected = predictions(gpu)
    for shard, part in enumerate(parts):
        assert np.abs(part - expected[shard::shards]).max() <= 1e-5
