"""Many segments in, their vectors out: each distinct segment embedded once, batches of like lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from texcnn.device import resolve_device
from texcnn.embedding.reuse import SegmentMemory
from texcnn.encoders.protocol import Encoder
from texcnn.errors import InputError
from texcnn.progress import Progress, progress_bar
from texcnn.segments.segment import Segments, SegmentSpec


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
    progress: bool = False,
) -> Tensor:
    """Embeds segments; each distinct one is computed once.

    Args:
        encoders: Their vectors are joined per segment, in this order.
        segments: Upper-case ``ACGTN``, of any lengths.
        batch_size: Segments per forward pass.
        device: Where to compute; None is the GPU if there is one.
        progress: Whether to show progress.

    Returns:
        float32 ``(n, sum of the encoders' dim)`` on the CPU, in the order of ``segments``.

    Raises:
        InputError: when the batch size is not positive, or the device is not there.
    """
    check_batch_size(batch_size)
    resolved = resolve_device(device)
    rows: dict[str, int] = {}
    index = torch.tensor([rows.setdefault(segment, len(rows)) for segment in segments], dtype=torch.long)
    distinct = list(rows)
    with progress_bar(progress, total=len(distinct) * len(encoders), what="embedding", unit="segments") as bar:
        joined = [_embed_distinct(encoder.to(resolved), distinct, batch_size, bar) for encoder in encoders]
    return torch.cat(joined, dim=1)[index]


def _embed_distinct(encoder: Encoder, segments: Sequence[str], batch_size: int, bar: Progress) -> Tensor:
    tokens = encoder.tokenize(segments)
    # Segments of like token counts share a batch, so that little is spent on padding; the sort is stable, so the
    # batches, and with them the last bits of every float, are the same in every run.
    order = sorted(range(len(tokens)), key=lambda row: -len(tokens[row]))
    vectors = torch.empty(len(tokens), encoder.dim, dtype=torch.float32)
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        vectors[batch] = encoder.embed([tokens[row] for row in batch]).float().cpu()
        bar.update(len(batch))
    return vectors


def embed_windows(
    encoders: Sequence[Encoder],
    sequences: Sequence[str],
    spec: SegmentSpec,
    *,
    batch_size: int,
    device: str | torch.device | None = None,
    memory: SegmentMemory | None = None,
    progress: bool = False,
) -> Embeddings:
    """Cuts windows into segments and embeds those that are usable.

    Args:
        encoders: Their vectors are joined per segment, in this order.
        sequences: Windows of equal length, upper-case ``ACGTN``, on the gene's strand.
        spec: How to cut them.
        batch_size: Segments per forward pass.
        device: Where to compute; None is the GPU if there is one.
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
    usable = [bases for segments in cut for bases, keep in zip(segments.bases, segments.mask, strict=True) if keep]
    values = torch.zeros(*mask.shape, dim)

    def compute(segments: Sequence[str]) -> Tensor:
        return embed_segments(encoders, segments, batch_size=batch_size, device=device, progress=progress)

    values[mask] = (memory or SegmentMemory()).embed(usable, compute)
    return Embeddings(values, mask)
