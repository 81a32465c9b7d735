"""Many segments in, their vectors out: each distinct segment embedded once, batches of like lengths."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from texcnn.device import resolve_device, resolve_dtype
from texcnn.embedding.ahead import ahead
from texcnn.embedding.reuse import SegmentMemory
from texcnn.encoders.protocol import Encoder, ReducedPrecision
from texcnn.errors import InputError, RunError
from texcnn.progress import Progress, progress_bar
from texcnn.segments.segment import Segments, SegmentSpec

TOKENS_PER_SEGMENT = 128
"""What a segment counts for a batch: a little more than the byte-pair tokens of 500 bases."""

CPU_TOKENS = 4096
"""Most tokens of a batch on a CPU, to keep memory small: a larger one gains nothing there. With DNABERT-2 117M, 768 to
8192 could not be told apart (0.75 to 0.82 of the matrix product's peak, medians of five rounds on a shared machine);
256 took a third longer."""

SEGMENTS_AHEAD = 512
"""Segments tokenised at a time, while those before are embedded; enough for several batches of a GPU."""

_LOG = logging.getLogger("texcnn")
_fitting: WeakKeyDictionary[Encoder, int] = WeakKeyDictionary()
"""Tokens per batch of encoders that ran out of memory with more, so that each chunk of genes does not try again."""


@dataclass(frozen=True)
class Embeddings:
    """Segment vectors of some windows.

    Attributes:
        values: float32 ``(n_windows, n_segments, dim)``; zero where masked.
        mask: bool ``(n_windows, n_segments)``, True where the segment has enough known bases.
    """

    values: Tensor
    mask: Tensor


def check_batch_size(batch_size: int) -> None:
    """Refuses a batch size below 1, with which no batch would ever be computed."""
    if batch_size < 1:
        raise InputError(f"unusable batch size {batch_size}", allowed="a whole number from 1")


def embed_segments(
    encoders: Sequence[Encoder],
    segments: Sequence[str],
    *,
    batch_size: int,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    progress: bool = False,
) -> Tensor:
    """Embeds segments; each distinct one is computed once.

    A batch is filled up to a number of tokens, :data:`TOKENS_PER_SEGMENT` for each segment of ``batch_size`` and on a
    CPU :data:`CPU_TOKENS` at most, so that segments of any length need like memory. A batch for which the memory does
    not suffice is halved and tried again. Neither changes the result.

    Args:
        encoders: Their vectors are joined per segment, in this order.
        segments: Upper-case ``ACGTN``, of any lengths.
        batch_size: Segments of 500 bases per forward pass.
        device: Where to compute; None is the GPU if there is one.
        dtype: Type of the encoders' matrix products (:func:`texcnn.device.resolve_dtype`).
        progress: Whether to show progress.

    Returns:
        float32 ``(n, sum of the encoders' dim)`` on the CPU, in the order of ``segments``.

    Raises:
        InputError: when the batch size is not positive, the device is not there, or the type cannot be used on it.
        RunError: when the memory does not suffice for a single segment.
    """
    check_batch_size(batch_size)
    resolved = resolve_device(device)
    computed_in = resolve_dtype(dtype, resolved)
    budget = batch_size * TOKENS_PER_SEGMENT
    if resolved.type == "cpu":
        budget = min(budget, CPU_TOKENS)
    rows: dict[str, int] = {}
    index = torch.tensor([rows.setdefault(segment, len(rows)) for segment in segments], dtype=torch.long)
    distinct = list(rows)
    with progress_bar(progress, total=len(distinct) * len(encoders), what="embedding", unit="segments") as bar:
        joined = []
        for encoder in encoders:
            if isinstance(encoder, ReducedPrecision):
                encoder.compute_in(computed_in)
            joined.append(_embed_distinct(encoder.to(resolved), distinct, budget, bar))
    return torch.cat(joined, dim=1)[index]


def _embed_distinct(encoder: Encoder, segments: Sequence[str], budget: int, bar: Progress) -> Tensor:
    parts = [segments[start : start + SEGMENTS_AHEAD] for start in range(0, len(segments), SEGMENTS_AHEAD)]
    vectors = [_embed_tokens(encoder, tokens, budget, bar) for tokens in ahead(map(encoder.tokenize, parts))]
    return torch.cat(vectors) if vectors else torch.zeros(0, encoder.dim)


def _embed_tokens(encoder: Encoder, tokens: Sequence[Sequence[int]], budget: int, bar: Progress) -> Tensor:
    # Segments of like token counts share a batch, so that little is spent on padding; the sort is stable, so the
    # batches, and with them the last bits of every float, are the same in every run.
    order = sorted(range(len(tokens)), key=lambda row: -len(tokens[row]))
    found: list[Tensor] = []
    budget = min(budget, _fitting.get(encoder, budget))
    start = 0
    while start < len(order):
        batch = _next_batch(islice(order, start, None), tokens, budget)
        vectors = _embed_or_none(encoder, [tokens[row] for row in batch])
        if vectors is None:
            if len(batch) == 1:
                raise RunError(
                    f"out of memory with a single segment of {len(tokens[batch[0]])} tokens",
                    where=f"the encoder {encoder.name}",
                    remedy="use a machine or a GPU with more memory, --device cpu, or shorter segments",
                )
            budget = _fitting[encoder] = sum(len(tokens[row]) for row in batch) // 2
            _LOG.warning("out of memory with a batch of %d segments: going on with half of it", len(batch))
            continue
        found.append(vectors.float())
        start += len(batch)
        bar.update(len(batch))
    in_order = torch.empty(len(tokens), encoder.dim, dtype=torch.float32)
    in_order[order] = torch.cat(found).cpu()  # only now: a copy after each batch would let a GPU wait for the next one
    return in_order


def _next_batch(rows: Iterable[int], tokens: Sequence[Sequence[int]], budget: int) -> list[int]:
    """Takes rows as long as their tokens stay within the budget; one at least."""
    batch: list[int] = []
    for row in rows:
        budget -= len(tokens[row])
        if batch and budget < 0:
            break
        batch.append(row)
    return batch


def _embed_or_none(encoder: Encoder, tokens: Sequence[Sequence[int]]) -> Tensor | None:
    """Embeds a batch; None where the memory does not suffice, and then what it took is free again."""
    try:
        return encoder.embed(tokens)
    except RuntimeError as error:  # torch.OutOfMemoryError is one; the CPU's allocator has no class of its own
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
    if torch.cuda.is_available():
        torch.cuda.empty_cache()  # here, where the error and the tensors that it holds are gone
    return None


def embed_windows(
    encoders: Sequence[Encoder],
    sequences: Sequence[str],
    spec: SegmentSpec,
    *,
    batch_size: int,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    memory: SegmentMemory | None = None,
    progress: bool = False,
) -> Embeddings:
    """Cuts windows into segments and embeds those that are usable.

    Args:
        encoders: Their vectors are joined per segment, in this order.
        sequences: Windows of equal length, upper-case ``ACGTN``, on the gene's strand.
        spec: How to cut them.
        batch_size: Segments of 500 bases per forward pass.
        device: Where to compute; None is the GPU if there is one.
        dtype: Type of the encoders' matrix products (:func:`texcnn.device.resolve_dtype`).
        memory: Vectors of the windows before, which are not computed again; it then holds these.
        progress: Whether to show progress.

    Returns:
        The vectors; a masked segment's is zero, never an embedding of unknown bases.
    """
    cut: list[Segments] = [spec.split(sequence) for sequence in sequences]
    dim = sum(encoder.dim for encoder in encoders)
    if not cut:
        return Embeddings(torch.zeros(0, 0, dim), torch.zeros(0, 0, dtype=torch.bool))
    mask = torch.stack([torch.from_numpy(segments.mask) for segments in cut])
    usable = [bases for segments in cut for bases in segments.usable]
    values = torch.zeros(*mask.shape, dim)

    def compute(segments: Sequence[str]) -> Tensor:
        return embed_segments(encoders, segments, batch_size=batch_size, device=device, dtype=dtype, progress=progress)

    values[mask] = (memory or SegmentMemory()).embed(usable, compute)
    return Embeddings(values, mask)
