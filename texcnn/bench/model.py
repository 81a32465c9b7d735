"""One model, or encoders alone, on made-up windows: tokens, genes and operations per second on this machine."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from texcnn.bench.flops import encoder_flops, gemm_flops_per_second
from texcnn.bench.rounds import Row, median_ratio, peak_memory_mib, time_rounds
from texcnn.device import dtype_name, resolve_device, resolve_dtype
from texcnn.embedding.engine import embed_segments
from texcnn.encoders.protocol import Encoder
from texcnn.genome.windows import WindowSpec
from texcnn.model.model import Model
from texcnn.model.network import SegmentNetwork
from texcnn.segments.segment import SegmentSpec

PROJECTED_GENES = 20_000
"""About the genes that code for protein in a mammal."""

_MOST_GENES = 256
_ROUNDS = 3


@dataclass(frozen=True)
class Setting:
    """How to compute: see :func:`texcnn.embedding.engine.embed_segments`.

    Attributes:
        device: Where.
        dtype: Type of the encoders' matrix products.
        batch_size: Segments of 500 bases per forward pass.
        seconds: About how long a round may take.
    """

    device: torch.device
    dtype: torch.dtype
    batch_size: int
    seconds: float = 5.0

    @classmethod
    def of(cls, device: str | None, dtype: str | None, batch_size: int, *, seconds: float = 5.0) -> Setting:
        """Resolves a user's wishes; raises what :mod:`texcnn.device` raises."""
        resolved = resolve_device(device)
        return cls(resolved, resolve_dtype(dtype, resolved), batch_size, seconds)


def random_windows(number: int, length: int) -> list[str]:
    """Returns windows of random known bases, the same ones each time."""
    source = random.Random(0)
    return ["".join(source.choices("ACGT", k=length)) for _ in range(number)]


def bench_model(model: Model, setting: Setting) -> list[Row]:
    """Measures a whole model from bases to expression, and its encoders.

    Returns:
        Rates, the time that 20,000 genes would take, the share of the matrix product peak and the peak memory; a model
        that needs features without a default gets zeros for them.
    """
    features = torch.zeros(1, len(model.config.features)) if model.config.features else None

    def predict(windows: Sequence[str]) -> None:
        extra = None if features is None else features.expand(len(windows), -1)
        model.network.predict(windows, extra, batch_size=setting.batch_size, device=setting.device, dtype=setting.dtype)

    encoders, segments = [], SegmentSpec()
    if isinstance(model.network, SegmentNetwork):
        encoders, segments = model.network.encoders, model.network.segments
    return _measure(predict, encoders, model.window, segments, setting)


def bench_encoders(
    encoders: Sequence[Encoder], window: WindowSpec, segments: SegmentSpec, setting: Setting
) -> list[Row]:
    """Measures encoders alone, from bases to vectors; the rows are those of :func:`bench_model`."""

    def embed(windows: Sequence[str]) -> None:
        pieces = [bases for bases_of in windows for bases in segments.split(bases_of).bases]
        embed_segments(encoders, pieces, batch_size=setting.batch_size, device=setting.device, dtype=setting.dtype)

    return _measure(embed, encoders, window, segments, setting)


def _measure(
    run: Callable[[Sequence[str]], None],
    encoders: Sequence[Encoder],
    window: WindowSpec,
    segments: SegmentSpec,
    setting: Setting,
) -> list[Row]:
    run(random_windows(1, window.length))  # the first pass of a process also sets up threads and buffers
    start = time.perf_counter()
    run(random_windows(2, window.length))
    each = (time.perf_counter() - start) / 2
    windows = random_windows(max(2, min(_MOST_GENES, round(setting.seconds / each))), window.length)
    pieces = [bases for bases_of in windows for bases in segments.split(bases_of).bases]
    peaks: list[float] = []
    runs: dict[str, Callable[[], object]] = {
        "genes": lambda: run(windows),
        "tokens": lambda: [encoder.tokenize(pieces) for encoder in encoders],
        "peak": lambda: peaks.append(gemm_flops_per_second(setting.device, setting.dtype)),
    }
    if setting.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(setting.device)
    seconds = time_rounds(runs, _ROUNDS)
    per_second = [len(windows) / time for time in seconds["genes"]]
    rows = [
        Row(f"genes of {window.length:,} bp, {len(windows)} at a time", statistics.median(per_second), "genes/s"),
        Row(f"{PROJECTED_GENES:,} genes at this rate", PROJECTED_GENES / statistics.median(per_second) / 60, "min"),
        Row(f"matrix product, {dtype_name(setting.dtype)}", statistics.median(peaks) / 1e9, "GFLOP/s"),
    ]
    if encoders:
        rows += _encoder_rows(encoders, pieces, seconds, peaks)
    if setting.device.type == "cuda":
        rows.append(Row("peak memory, GPU", torch.cuda.max_memory_allocated(setting.device) / 2**20, "MiB"))
    return [*rows, Row("peak memory, process", peak_memory_mib(), "MiB")]


def _encoder_rows(
    encoders: Sequence[Encoder], pieces: Sequence[str], seconds: dict[str, list[float]], peaks: Sequence[float]
) -> list[Row]:
    lengths = [[len(row) for row in encoder.tokenize(pieces)] for encoder in encoders]
    n_tokens = sum(map(sum, lengths))
    rounds = len(peaks)
    rows = [
        Row("tokens embedded, tokenising included", median_ratio([n_tokens] * rounds, seconds["genes"]), "tokens/s"),
        Row("tokens made", median_ratio([n_tokens] * rounds, seconds["tokens"]), "tokens/s"),
        Row("tokens made / tokens embedded", median_ratio(seconds["genes"], seconds["tokens"]), "x"),
    ]
    counted = [encoder_flops(encoder, found) for encoder, found in zip(encoders, lengths, strict=True)]
    if any(found is None for found in counted):
        return rows
    achieved = [sum(found for found in counted if found) / time for time in seconds["genes"]]
    share = median_ratio(achieved, peaks)
    return [
        *rows,
        Row("arithmetic of the encoders", statistics.median(achieved) / 1e9, "GFLOP/s"),
        Row("arithmetic of the encoders / matrix product", share, ""),
    ]
