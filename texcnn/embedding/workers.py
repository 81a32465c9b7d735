"""Threads that embed many small batches at a time, each on one core.

Convolutions over bases and counts of k-mers are short steps: several threads that share each step mostly wait for each
other. Batches that run next to each other, one thread each, keep every core busy, and their numbers do not depend on
how many there are.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import torch
from torch import Tensor

from texcnn.embedding.batches import VectorsOnTheWay
from texcnn.encoders.protocol import Encoder, SmallBatches
from texcnn.progress import Progress

SEGMENTS_PER_TASK = 128
"""Few enough to share a chunk of windows out evenly, enough for whole batches."""


@contextmanager
def worker_threads(encoders: Sequence[Encoder], device: torch.device) -> Iterator[ThreadPoolExecutor | None]:
    """Starts as many threads as PyTorch may use here; None where encoders gain nothing from it, or there is one.

    Args:
        encoders: All of them must be of :class:`~texcnn.encoders.protocol.SmallBatches`.
        device: Where they compute.
    """
    number = torch.get_num_threads()
    if device.type != "cpu" or number == 1 or not all(isinstance(encoder, SmallBatches) for encoder in encoders):
        yield None
        return
    started = threading.Barrier(number + 1)

    def start() -> None:
        torch.set_num_threads(1)
        started.wait()

    pool = ThreadPoolExecutor(number, thread_name_prefix="texcnn-embed", initializer=start)
    try:
        for _ in range(number):
            pool.submit(lambda: None)
        started.wait()
        torch.set_num_threads(number)  # what threads started from now on begin with is what was set last
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def one_thread() -> Iterator[None]:
    """Keeps PyTorch to one thread for the time of the block, as its workers have the other cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class VectorsOfWorker:
    """Vectors that a worker is computing.

    Args:
        coming: The worker's answer.
        n_rows: How many.
        bar: Advanced when they arrive; None for no bar.
    """

    def __init__(self, coming: Future[VectorsOnTheWay], n_rows: int, bar: Progress | None) -> None:
        self._coming, self._n_rows, self._bar = coming, n_rows, bar

    def in_order(self) -> Tensor:
        """Waits for them; float32 ``(n, dim)`` on the CPU, rows in order."""
        vectors = self._coming.result().in_order()
        if self._bar is not None:
            self._bar.update(self._n_rows)
        return vectors
