"""One model, or encoders alone, on made-up windows: tokens, genes and operations per second on this machine."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from texcnn.bench.flops import encoder_flops, gemm_flops_per_second
from texcnn.bench.rounds import Row, median_ratio, peak_memory_mib, time_rounds
from texcnn.device import dtype_name
from texcnn.embedding.engine import embed_segments
from texcnn.embedding.options import ComputeOptions
from texcnn.encoders.protocol import Encoder
from texcnn.genome.windows import WindowSpec
from texcnn.model.model import Model
from texcnn.model.network import SegmentNetwork
from texcnn.model.predict_windows import predict_windows
from texcnn.segments.segment import SegmentSpec

PROJECTED_GENES = 20_000
"""About the genes that code for protein in a mammal."""

_MOST_GENES = 256
_ROUNDS = 3

SECONDS = 5.0
"""About how long a round takes by default."""


def random_windows(number: int, length: int) -> list[str]:
    """Returns windows of random known bases, the same ones each time."""
    source = random.Random(0)
    return ["".join(source.choices("ACGT", k=length)) for _ in range(number)]


def bench_model(model: Model, *, options: ComputeOptions | None = None, seconds: float | None = None) -> list[Row]:
    """Measures a whole model from bases to expression, and its encoders.

    Args:
        model: The model.
        options: How to compute.
        seconds: About how long a round may take; None for :data:`SECONDS`.

    Returns:
        Rates, the time that 20,000 genes would take, the share of the matrix product peak and the peak memory; a model
        that needs features without a default gets zeros for them.
    """
    options = options or ComputeOptions()
    n_features = len(model.config.features)

    def predict(windows: Sequence[str]) -> None:
        features = np.zeros((len(windows), n_features)) if n_features else None
        for _ in predict_windows(model, windows, features, options=options):
            pass

    encoders, segments = [], SegmentSpec()
    if isinstance(model.network, SegmentNetwork):
        encoders, segments = model.network.encoders, model.network.segments
    return _measure(predict, encoders, model.window, segments, options, seconds or SECONDS)


def bench_encoders(
    encoders: Sequence[Encoder],
    window: WindowSpec,
    segments: SegmentSpec,
    *,
    options: ComputeOptions | None = None,
    seconds: float | None = None,
) -> list[Row]:
    """Measures encoders alone, from bases to vectors; the rows are those of :func:`bench_model`."""
    options = options or ComputeOptions()

    def embed(windows: Sequence[str]) -> None:
        pieces = [bases for bases_of in windows for bases in segments.split(bases_of).bases]
        embed_segments(encoders, pieces, options=options)

    return _measure(embed, encoders, window, segments, options, seconds or SECONDS)


def _measure(
    run: Callable[[Sequence[str]], None],
    encoders: Sequence[Encoder],
    window: WindowSpec,
    segments: SegmentSpec,
    options: ComputeOptions,
    round_seconds: float,
) -> list[Row]:
    run(random_windows(1, window.length))  # the first pass of a process also sets up threads and buffers
    start = time.perf_counter()
    run(random_windows(2, window.length))
    each = (time.perf_counter() - start) / 2
    windows = random_windows(max(2, min(_MOST_GENES, round(round_seconds / each))), window.length)
    pieces = [bases for bases_of in windows for bases in segments.split(bases_of).bases]
    peaks: list[float] = []
    runs: dict[str, Callable[[], object]] = {
        "genes": lambda: run(windows),
        "tokens": lambda: [encoder.tokenize(pieces) for encoder in encoders],
        "peak": lambda: peaks.append(gemm_flops_per_second(options.device, options.dtype)),
    }
    if options.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(options.device)
    seconds = time_rounds(runs, _ROUNDS)
    per_second = [len(windows) / time for time in seconds["genes"]]
    rows = [
        Row(f"genes of {window.length:,} bp, {len(windows)} at a time", statistics.median(per_second), "genes/s"),
        Row(f"{PROJECTED_GENES:,} genes at this rate", PROJECTED_GENES / statistics.median(per_second) / 60, "min"),
        Row(f"matrix product, {dtype_name(options.dtype)}", statistics.median(peaks) / 1e9, "GFLOP/s"),
        Row("drift of the machine: fastest round's matrix product / slowest's", max(peaks) / min(peaks), "x"),
    ]
    if encoders:
        rows += _encoder_rows(encoders, pieces, seconds, peaks)
    if options.device.type == "cuda":
        rows.append(Row("peak memory, GPU", torch.cuda.max_memory_allocated(options.device) / 2**20, "MiB"))
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
