"""Batches of several sizes, compiled or not, from token ids to vectors: what the engine's sizes on a GPU rest on."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import torch
from bench_encoders import FLOP_SIZES, dnabert, dnabert2
from bench_gpu import GENES_PER_ROUND, segments_of_genes, use_tiny_sizes
from torch import Tensor, nn

from texcnn.bench.flops import batch_flops, gemm_flops_per_second, synchronize
from texcnn.bench.rounds import Row, median_ratio, time_rounds
from texcnn.device import gpu_kernels
from texcnn.encoders import dnabert2_layers
from texcnn.encoders.compiled import compile_encoders
from texcnn.encoders.token_encoder import TokenEncoder

Rows = Sequence[Sequence[int]]
ROUNDS = 3


def in_batches(embed: Callable[[Rows], Tensor], tokens: Rows, budget: int, pool: int) -> Tensor:
    """What the engine does: rows of a pool sorted by length, batches of a number of tokens, one copy per pool."""
    found = []
    for start in range(0, len(tokens), pool):
        part = tokens[start : start + pool]
        order = sorted(range(len(part)), key=lambda row: -len(part[row]))
        batches: list[Tensor] = []
        batch: list[int] = []
        room = budget
        for row in order:
            if batch and len(part[row]) > room:
                batches.append(embed([part[each] for each in batch]))
                batch, room = [], budget
            batch.append(row)
            room -= len(part[row])
        batches.append(embed([part[each] for each in batch]))
        vectors = torch.cat(batches).float().cpu()
        in_order = torch.empty_like(vectors)
        in_order[order] = vectors
        found.append(in_order)
    return torch.cat(found)


def measure(device: str, out: Path) -> Iterator[Row]:
    """Times each way of DNABERT-2 and of DNABERT."""
    torch.manual_seed(0)
    if device == "cpu":
        use_tiny_sizes()
    with gpu_kernels():  # as in a session
        yield from _dnabert2_rows(device, out)
        yield from _dnabert_rows(device)


@contextmanager
def _attention_by_length() -> Iterator[None]:
    """Has no kernel that takes rows of all lengths."""
    before = dnabert2_layers.packed_rows
    dnabert2_layers.packed_rows = lambda lengths, bias: None
    try:
        yield
    finally:
        dnabert2_layers.packed_rows = before


@contextmanager
def _cudnn_attention() -> Iterator[None]:
    """Lets PyTorch choose cuDNN's attention, which a session switches off, for the rows of each length."""
    before = torch.backends.cuda.cudnn_sdp_enabled()
    torch.backends.cuda.enable_cudnn_sdp(True)
    try:
        with _attention_by_length():
            yield
    finally:
        torch.backends.cuda.enable_cudnn_sdp(before)


def _within(
    embed: Callable[[Rows], Tensor], block: Callable[[], AbstractContextManager[None]]
) -> Callable[[Rows], Tensor]:
    def inside(rows: Rows) -> Tensor:
        with block():
            return embed(rows)

    return inside


def _dnabert2_rows(device: str, out: Path) -> Iterator[Row]:
    full = dnabert2()
    tokens = full.tokenize(segments_of_genes(GENES_PER_ROUND[device]))
    expected = full.embed(tokens[:21])
    whole, compiled = (full.copy().compute_in(torch.bfloat16).to(torch.device(device)) for _ in range(2))
    compile_encoders([compiled], torch.device(device))
    ways: dict[str, tuple[Callable[[Rows], Tensor], int, int]] = {
        "as the engine": (whole.embed, 32768, 4096),
        "attention by row length": (_within(whole.embed, _attention_by_length), 32768, 4096),
        "cuDNN's attention by row length": (_within(whole.embed, _cudnn_attention), 32768, 4096),
        "64k tokens": (whole.embed, 65536, 4096),
        "compiled": (compiled.embed, 32768, 4096),
        "compiled, attention by row length": (_within(compiled.embed, _attention_by_length), 32768, 4096),
    }
    yield from _timed("DNABERT-2", ways, tokens, expected, device, gated=True)
    batch = sorted(tokens, key=len)[-280:]
    profiled = [_profile(name, encoder, batch, device) for name, encoder in (("eager", whole), ("compiled", compiled))]
    (out / "profile.txt").write_text("\n\n".join(profiled), encoding="utf-8")
    yield from _layer_products(device)


def _dnabert_rows(device: str) -> Iterator[Row]:
    full = dnabert()
    tokens = full.tokenize(segments_of_genes(GENES_PER_ROUND[device] // 2 or 1))
    expected = full.embed(tokens[:3])
    whole, compiled = (full.copy().compute_in(torch.bfloat16).to(torch.device(device)) for _ in range(2))
    compile_encoders([compiled], torch.device(device))
    ways: dict[str, tuple[Callable[[Rows], Tensor], int, int]] = {
        "as the engine": (whole.embed, 32768, 10**6),
        "cuDNN's attention": (_within(whole.embed, _cudnn_attention), 32768, 10**6),
        "compiled": (compiled.embed, 32768, 10**6),
    }
    yield from _timed("DNABERT", ways, tokens, expected, device, gated=False)


def _timed(
    name: str,
    ways: dict[str, tuple[Callable[[Rows], Tensor], int, int]],
    tokens: Rows,
    expected: Tensor,
    device: str,
    *,
    gated: bool,
) -> Iterator[Row]:
    """Each way's TFLOP/s, its share of the matrix product, and its smallest correlation with float32."""
    where = torch.device(device)
    useful = batch_flops(map(len, tokens), gated=gated, **FLOP_SIZES)
    peaks: list[float] = []
    runs: dict[str, Callable[[], object]] = {"peak": lambda: peaks.append(gemm_flops_per_second(where, torch.bfloat16))}
    for what, (embed, budget, pool) in ways.items():
        try:
            found, first = _first(embed, tokens, budget, pool)
        except Exception as error:  # the other ways must still be timed
            yield Row(f"{name}, {what}", None, f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
            continue
        pairs = zip(found[: len(expected)].numpy(), expected.numpy(), strict=True)
        smallest = min(float(np.corrcoef(*pair)[0, 1]) for pair in pairs)
        yield Row(f"{name}, {what}: 1 - r with float32", 1 - smallest, "")
        yield Row(f"{name}, {what}: first pass", first, "s")
        runs[what] = functools.partial(in_batches, embed, tokens, budget, pool)
    seconds = time_rounds(runs, ROUNDS)
    for what in [run for run in runs if run != "peak"]:
        achieved = [useful / each for each in seconds[what]]
        yield Row(f"{name}, {what}", statistics.median(achieved) / 1e12, "TFLOP/s")
        yield Row(f"{name}, {what}: share", median_ratio(achieved, peaks), "of the matrix product")
    yield Row(f"{name}: matrix product", statistics.median(peaks) / 1e12, "TFLOP/s")


def _first(embed: Callable[[Rows], Tensor], tokens: Rows, budget: int, pool: int) -> tuple[Tensor, float]:
    start = time.perf_counter()
    return in_batches(embed, tokens, budget, pool), time.perf_counter() - start


def _layer_products(device: str) -> Iterator[Row]:
    """The matrix products of a layer alone, of the layers' shapes: the most that an encoder could reach."""
    where, hidden, inner = torch.device(device), FLOP_SIZES["hidden"], FLOP_SIZES["intermediate"]
    shapes = ((hidden, 3 * hidden), (hidden, hidden), (hidden, 2 * inner), (inner, hidden))
    for size in (8192, 16384, 32768) if device == "cuda" else (512,):
        pairs = [
            (torch.randn(size, a, device=where).bfloat16(), torch.randn(b, a, device=where).bfloat16())
            for a, b in shapes
        ]

        def products(pairs: list[tuple[Tensor, Tensor]] = pairs) -> None:
            for _ in range(12):
                for left, right in pairs:
                    nn.functional.linear(left, right)
            synchronize(where)

        products()
        seconds = min(time_rounds({"products": products}, 5)["products"])
        flops = 12 * 2 * size * sum(a * b for a, b in shapes)
        yield Row(f"matrix products of the layers' shapes alone, {size:,} tokens", flops / seconds / 1e12, "TFLOP/s")


def _profile(name: str, encoder: TokenEncoder, batch: Rows, device: str) -> str:
    """Where the time of one batch goes."""
    from torch.profiler import ProfilerActivity, profile

    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]
    encoder.embed(batch)
    synchronize(torch.device(device))
    with profile(activities=activities) as found:
        encoder.embed(batch)
        synchronize(torch.device(device))
    key = "self_cuda_time_total" if device == "cuda" else "self_cpu_time_total"
    tokens = sum(map(len, batch))
    table = found.key_averages().table(sort_by=key, row_limit=30, max_name_column_width=90)
    return f"{name}: {len(batch)} rows, {tokens} tokens\n{table}"
