"""Many segments in, their vectors out: each distinct segment embedded once, batches of similar lengths."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TypeVar

import torch
from torch import Tensor

from texcnn.device import gpu_kernels
from texcnn.embedding.batches import VectorsOnTheWay, embed_or_none, joined, next_batch
from texcnn.embedding.cache import SegmentCache
from texcnn.embedding.embeddings import Embeddings
from texcnn.embedding.evaluation_mode import resume_training, stop_training
from texcnn.embedding.options import ComputeOptions
from texcnn.embedding.placing import Placing, laid_out
from texcnn.embedding.prefetch import prefetch
from texcnn.embedding.workers import SEGMENTS_PER_TASK, VectorsOfWorker, worker_threads
from texcnn.encoders.compiled import compile_encoders
from texcnn.encoders.protocol import Encoder, ReducedPrecision, TokenCost
from texcnn.errors import RunError
from texcnn.progress import Progress, progress_bar
from texcnn.segments.segment import AnySegment, SegmentSpec

TOKENS_PER_SEGMENT = 512
"""Room for a segment of 500 bases of the batch size: 497 tokens of 6-mers, or four segments of byte-pair tokens. On an
H200 DNABERT-2 117M reached 0.41 of the matrix product with 64 times as many tokens, 0.31 with a quarter of that, and
0.56 and 0.29 where it was compiled (benchmarks/gpu-h200.md)."""

CPU_TOKENS = 2048
"""Most tokens of a batch on a CPU, to keep memory small: a larger one gains nothing there. One layer of DNABERT-2 117M
took 4 % more with twice as many, 8 % more in bfloat16, and the same with half."""

PREFETCHED_SEGMENTS = {"cpu": 512, "cuda": 4096}
"""Segments tokenised and sorted at a time, while those before are embedded; enough for several batches."""

Item = TypeVar("Item")

_LOG = logging.getLogger("texcnn")


@dataclass(frozen=True)
class EmbeddingSession:
    """Encoders on their device in their number type, and the vectors found so far; see :func:`embedding_session`.

    Attributes:
        encoders: Their vectors are joined per segment, in this order.
        options: How they compute.
        cache: Vectors of the segments before.
        workers: Threads for encoders of small batches; None where PyTorch's own threads share each batch.
    """

    encoders: Sequence[Encoder]
    options: ComputeOptions
    cache: SegmentCache
    _budgets: list[int] = field(default_factory=list)
    """Tokens per batch of each encoder: halved where the memory did not suffice, so that no chunk tries again."""
    workers: ThreadPoolExecutor | None = None

    @property
    def dim(self) -> int:
        """Length of a segment's joined vector."""
        return sum(encoder.dim for encoder in self.encoders)

    @cached_property
    def placing(self) -> Placing:
        """Which of the encoders read which segments."""
        return Placing(self.encoders)

    def embed(self, segments: Sequence[AnySegment], *, progress: bool = False) -> Tensor:
        """Embeds segments; each distinct one that the cache lacks is computed once.

        A batch is filled up to a number of tokens, :data:`TOKENS_PER_SEGMENT` for each segment of the batch size and on
        a CPU :data:`CPU_TOKENS` at most, so that segments of any length need like memory; more of an encoder whose
        tokens are small (:class:`texcnn.encoders.protocol.TokenCost`). A batch for which the memory does not suffice is
        halved and tried again. Neither changes the result.

        Args:
            segments: Upper-case ``ACGTN``, of any lengths, or what :meth:`Placing.cut` made of them.
            progress: Whether to show progress.

        Returns:
            float32 ``(n, dim)`` on the CPU, in the order of ``segments``.

        Raises:
            RunError: when the memory does not suffice for a single segment.
        """

        def compute(distinct: Sequence[AnySegment]) -> Tensor:
            total = len(distinct) * len(self.encoders)
            with progress_bar(progress, total=total, what="embedding", unit="segments") as bar:
                parts = [self._embed_with(index, distinct, bar) for index in range(len(self.encoders))]
            return joined(parts, dim=1)

        return self.cache.embed(segments, compute)

    def embed_windows(self, windows: Sequence[str], spec: SegmentSpec, *, progress: bool = False) -> Embeddings:
        """Cuts windows into segments and embeds those that are usable.

        Args:
            windows: Bases of equal length, upper-case ``ACGTN``, on the gene's strand.
            spec: How to cut them.
            progress: Whether to show progress.

        Returns:
            The vectors; a masked segment's is zero, never an embedding of unknown bases.
        """
        cut = [spec.split(window) for window in windows]
        numbers = [segments.usable_numbers for segments in cut]
        usable = [each for place in zip(windows, numbers, strict=True) for each in self.placing.cut(*place, spec)]
        return Embeddings.of_cut(cut, self.embed(usable, progress=progress) if cut else torch.zeros(0, self.dim))

    def embed_tokens(self, index: int, tokens: Sequence[Sequence[int]], *, progress: bool = False) -> Tensor:
        """Embeds rows of tokens with one of the encoders, as :meth:`embed` does.

        Args:
            index: Number of the encoder.
            tokens: Of its :meth:`~texcnn.encoders.protocol.Encoder.tokenize`.
            progress: Whether to show progress.

        Returns:
            float32 ``(n, dim)`` on the CPU, in the order of ``tokens``.

        Raises:
            RunError: when the memory does not suffice for a single row.
        """
        with progress_bar(progress, total=len(tokens), what="embedding", unit="segments") as bar:
            return self._embed_parts(index, self.parts(tokens), bar)

    def _embed_with(self, index: int, segments: Sequence[AnySegment], bar: Progress) -> Tensor:
        places = self.placing.read_by(index, segments)
        bases = self.placing.bases(index, [segments[place] for place in places])
        tokens = prefetch(map(self.encoders[index].tokenize, self.parts(bases)))
        return laid_out(self._embed_parts(index, tokens, bar), places, len(segments))

    def parts(self, items: Sequence[Item]) -> Iterator[Sequence[Item]]:
        """Splits what is tokenised or embedded into parts of :data:`PREFETCHED_SEGMENTS`; for workers into less."""
        size = SEGMENTS_PER_TASK if self.workers else PREFETCHED_SEGMENTS[self.options.device.type]
        return (items[start : start + size] for start in range(0, len(items), size))

    def _embed_parts(self, index: int, parts: Iterable[Sequence[Sequence[int]]], bar: Progress) -> Tensor:
        found: list[Tensor] = []
        # The next part is begun before vectors of the last one are awaited: a GPU has work meanwhile.
        ahead = 2 * torch.get_num_threads() if self.workers else 1
        waiting: deque[VectorsOnTheWay | VectorsOfWorker] = deque()
        for tokens in parts:
            waiting.append(self.start(index, tokens, bar))
            if len(waiting) > ahead:
                found.append(waiting.popleft().in_order())
        found += [coming.in_order() for coming in waiting]
        return joined(found) if found else torch.zeros(0, self.encoders[index].dim)

    def start(
        self, index: int, tokens: Sequence[Sequence[int]], bar: Progress | None = None
    ) -> VectorsOnTheWay | VectorsOfWorker:
        """Gives the device the tokens of a part, batch by batch; without waiting for a GPU or a worker.

        Args:
            index: Number of the encoder.
            tokens: Rows of its tokens.
            bar: Advanced by the rows that were given; None for no bar.

        Returns:
            Their vectors, in the order of ``tokens``.

        Raises:
            RunError: when the memory does not suffice for a single row; of a worker when its vectors are collected.
        """
        if self.workers:
            return VectorsOfWorker(self.workers.submit(self._start, index, tokens), len(tokens), bar)
        return self._start(index, tokens, bar)

    def _start(self, index: int, tokens: Sequence[Sequence[int]], bar: Progress | None = None) -> VectorsOnTheWay:
        encoder = self.encoders[index]
        # Segments of similar token counts share a batch, so that there is little padding; the sort is stable, so the
        # batches, and with them the last bits of every float, are the same in every run.
        order = sorted(range(len(tokens)), key=lambda row: -len(tokens[row]))
        found: list[Tensor] = []
        start = 0
        while start < len(order):
            batch = next_batch(islice(order, start, None), tokens, self._budgets[index])
            vectors = embed_or_none(encoder, [tokens[row] for row in batch])
            if vectors is None:
                if len(batch) == 1:
                    raise RunError(
                        f"out of memory with a single segment of {len(tokens[batch[0]])} tokens",
                        where=f"the encoder {encoder.name}",
                        remedy="use a machine or a GPU with more memory, the device cpu, or shorter segments",
                    )
                self._budgets[index] = sum(len(tokens[row]) for row in batch) // 2
                _LOG.warning("out of memory with a batch of %d segments: continuing with half of it", len(batch))
                continue
            found.append(vectors.float())
            start += len(batch)
            if bar is not None:
                bar.update(len(batch))
        return VectorsOnTheWay(joined(found), order)


@contextmanager
def embedding_session(
    encoders: Sequence[Encoder], options: ComputeOptions | None = None, cache: SegmentCache | None = None
) -> Iterator[EmbeddingSession]:
    """Sets encoders to their device, number type and evaluation for the time of the block, then puts them back.

    Args:
        encoders: Their vectors are joined per segment, in this order.
        options: How to compute; None for the defaults.
        cache: Vectors of these encoders in this number type; None for a new one.

    Yields:
        The session.

    Raises:
        InputError: when ``options.compile`` is set and there is nothing to compile.
    """
    options = options or ComputeOptions()
    tokens = options.batch_size * TOKENS_PER_SEGMENT
    if options.device.type == "cpu":
        tokens = min(tokens, CPU_TOKENS)
    budgets = [round(tokens / encoder.token_cost) if isinstance(encoder, TokenCost) else tokens for encoder in encoders]
    if options.compile:
        compile_encoders(encoders, options.device)
    before = [
        (encoder, getattr(encoder, "device", torch.device("cpu")), getattr(encoder, "dtype", torch.float32))
        for encoder in encoders
    ]
    training = stop_training(encoders)
    try:
        for encoder in encoders:
            if isinstance(encoder, ReducedPrecision):
                encoder.compute_in(options.dtype)
            encoder.to(options.device)
        with gpu_kernels(), worker_threads(encoders, options.device) as workers:
            yield EmbeddingSession(encoders, options, SegmentCache() if cache is None else cache, budgets, workers)
    finally:
        for encoder, device, dtype in before:
            if isinstance(encoder, ReducedPrecision):
                encoder.compute_in(dtype)
            encoder.to(device)
        resume_training(training)


def embed_segments(
    encoders: Sequence[Encoder],
    segments: Sequence[str],
    *,
    options: ComputeOptions | None = None,
    progress: bool = False,
) -> Tensor:
    """Embeds segments in a new session; see :meth:`EmbeddingSession.embed`."""
    with embedding_session(encoders, options, SegmentCache(0)) as session:
        return session.embed(segments, progress=progress)


def embed_windows(
    encoders: Sequence[Encoder],
    windows: Sequence[str],
    spec: SegmentSpec,
    *,
    options: ComputeOptions | None = None,
    progress: bool = False,
) -> Embeddings:
    """Embeds windows in a new session; see :meth:`EmbeddingSession.embed_windows`."""
    with embedding_session(encoders, options, SegmentCache(0)) as session:
        return session.embed_windows(windows, spec, progress=progress)
