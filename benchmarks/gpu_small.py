"""texcnn-mini on a GPU: genes from windows to expression, by one process and by several on one card; each encoder."""

from __future__ import annotations

import functools
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from multiprocessing.synchronize import Barrier

import torch
from bench_gpu import GENES, projected
from gpu_variants import in_batches

from texcnn.bench.model import random_windows
from texcnn.bench.rounds import Row, time_rounds
from texcnn.embedding.options import ComputeOptions
from texcnn.model.load import load_model
from texcnn.model.predict_windows import WINDOWS_PER_CHUNK, predict_windows

SHARDS = 4
ROUNDS = 3
SECONDS_TO_START, SECONDS_TO_END = 60, 120


def measure(device: str) -> Iterator[Row]:
    """Times all genes by one process, then by several that share the card, then each encoder alone."""
    model = load_model("texcnn-mini")
    name = f"texcnn-mini {model.config.version}, windows to expression"
    for shards in (1, SHARDS):
        what = name if shards == 1 else f"{name}, {shards} processes on the card"
        yield from projected(what, GENES[device], _seconds(device, shards))
    yield from _encoder_rows(device)


def _seconds(device: str, shards: int) -> float:
    """Wall time of all genes, shared out; each process has loaded the model and predicted a chunk before."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(shards + 1)
    workers = [
        context.Process(target=_predict, args=(device, GENES[device] // shards, shards, barrier), daemon=True)
        for _ in range(shards)
    ]
    for worker in workers:
        worker.start()
    barrier.wait(SECONDS_TO_START)
    start = time.perf_counter()
    barrier.wait(SECONDS_TO_END)
    return time.perf_counter() - start


def _predict(device: str, genes: int, shards: int, barrier: Barrier) -> None:
    torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // shards))
    model = load_model("texcnn-mini")
    windows = random_windows(max(1, genes), model.window.length)
    options = ComputeOptions(64, device)

    def predict(chosen: list[str]) -> None:
        for _ in predict_windows(model, chosen, options=options):
            pass

    predict(windows[:WINDOWS_PER_CHUNK])
    barrier.wait(SECONDS_TO_START)
    predict(windows)
    barrier.wait(SECONDS_TO_END)


def _encoder_rows(device: str) -> Iterator[Row]:
    """Each encoder's tokens, and its vectors from batches of two sizes."""
    model = load_model("texcnn-mini")
    network = model.segment_network()
    n_genes = 128 if device == "cuda" else 1
    windows = random_windows(n_genes, model.window.length)
    pieces = [piece for window in windows for piece in network.segments.split(window).bases]
    runs: dict[str, Callable[[], object]] = {}
    for number, encoder in enumerate(network.encoders, 1):
        name = f"{number} {encoder.name}"
        tokens = encoder.to(torch.device(device)).tokenize(pieces)
        runs[f"{name}, tokens"] = functools.partial(encoder.tokenize, pieces)
        for budget in (32768, 2097152):
            runs[f"{name}, {budget // 1024}k tokens"] = functools.partial(
                in_batches, encoder.embed, tokens, budget, 4096
            )
    for run in runs.values():
        run()
    seconds = time_rounds(runs, ROUNDS)
    for what, times in seconds.items():
        yield Row(f"texcnn-mini, {what}", statistics.median(times) / n_genes * 20_000, "s per 20,000 genes")
