"""One batch of segments: which rows it holds, what happens without enough memory, how its vectors come back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from texcnn.encoders.protocol import Encoder


def next_batch(rows: Iterable[int], tokens: Sequence[Sequence[int]], budget: int) -> list[int]:
    """Takes rows as long as their tokens stay within the budget; one at least."""
    batch: list[int] = []
    for row in rows:
        budget -= len(tokens[row])
        if batch and budget < 0:
            break
        batch.append(row)
    return batch


def joined(parts: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Joins tensors; a single one is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts), dim=dim)


def embed_or_none(encoder: Encoder, tokens: Sequence[Sequence[int]]) -> Tensor | None:
    """Embeds a batch; None where the memory does not suffice, and then what it took is free again."""
    try:
        return encoder.embed(tokens)
    except RuntimeError as error:  # torch.OutOfMemoryError is one; the CPU's allocator has no special class
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
    if torch.cuda.is_available():
        torch.cuda.empty_cache()  # here, where the error and the tensors that it holds are gone
    return None


class VectorsOnTheWay:
    """Vectors that a GPU may still be computing, on their way to the CPU.

    Args:
        vectors: float32 ``(n, dim)`` on any device.
        order: The place of each row.
    """

    def __init__(self, vectors: Tensor, order: Sequence[int]) -> None:
        self._rows = vectors.to("cpu", non_blocking=True)
        self._order = order
        self._copied = torch.cuda.Event() if vectors.is_cuda else None
        if self._copied is not None:
            self._copied.record(torch.cuda.current_stream(vectors.device))

    def in_order(self) -> Tensor:
        """Waits for them; float32 ``(n, dim)`` on the CPU, rows in order."""
        if self._copied is not None:
            self._copied.synchronize()
        if all(row == place for row, place in enumerate(self._order)):  # rows of one length: no copy
            return self._rows
        in_order = torch.empty_like(self._rows)
        in_order[self._order] = self._rows
        return in_order
