"""Changed windows of encoders and a head: touched segments are embedded again, and the head reads the patched rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from texcnn.effects.changes import ChangedWindow
from texcnn.effects.finite import finite_where_known
from texcnn.embedding.embeddings import Embeddings
from texcnn.embedding.engine import EmbeddingSession
from texcnn.model.network import HeadInputs, SegmentNetwork

_HEAD_BATCH = 256
"""Windows per call of the head: with two large encoders a window's vectors take 130 kB."""


@runtime_checkable
class LocalSegmentHead(Protocol):
    """A head that first looks at each segment and its neighbours, and then at what it found in the whole window."""

    reach: int

    def responses(self, values: Tensor, mask: Tensor, at: Tensor | None = None) -> Tensor:
        """What it finds at each segment, ``(n, filters, segments)``."""
        ...

    def read(self, responses: Tensor, mask: Tensor, features: Tensor | None = None) -> Tensor:
        """Predictions of what it found in whole windows."""
        ...


@dataclass(frozen=True)
class _Patches:
    """Segments that changes touch, and their vectors; all tensors have a row for each.

    Attributes:
        change: Number of the change, int64.
        segment: Number of the segment, int64.
        usable: Whether the segment has enough known bases after the change, bool.
        values: float32 ``(n, dim)``; zero where it is not usable.
    """

    change: Tensor
    segment: Tensor
    usable: Tensor
    values: Tensor

    def take(self, wanted: Tensor) -> _Patches:
        """Returns some of them."""
        return _Patches(self.change[wanted], self.segment[wanted], self.usable[wanted], self.values[wanted])


@torch.inference_mode()
def score_by_segments(
    network: SegmentNetwork,
    session: EmbeddingSession,
    windows: Sequence[str],
    features: Tensor | None,
    changes: Sequence[ChangedWindow],
) -> tuple[Tensor, Tensor]:
    """Predicts windows, and their changes from the vectors of the segments that these touch.

    Where a change touches one segment, a head that looks at neighbours first does so at this segment alone.

    Args:
        network: Encoders and head.
        session: The open session of the encoders.
        windows: Windows before.
        features: Scaled inputs of the head; None for a head without any.
        changes: Their changes.

    Returns:
        float32 ``(n_windows, n_cell_types)`` and ``(n_changes, n_cell_types)``; NaN without a usable segment.
    """
    before = session.embed_windows(windows, network.segments)
    head = network.head
    rows = torch.tensor([change.row for change in changes], dtype=torch.long)
    patches = _embed_patches(network, session, changes)
    touched = torch.bincount(patches.change, minlength=len(changes))
    if isinstance(head, LocalSegmentHead):
        found = torch.cat([head.responses(*part) for part in _parts(before)])
        reference = head.read(found, before.mask, features)
        local = touched == 1
    else:
        reference = network.apply(network.head_inputs(before, features))
        local = torch.zeros(len(changes), dtype=torch.bool)
    reference = finite_where_known(reference, before.mask.any(dim=1))
    alternative = reference[rows]  # that of a change that touches nothing
    for numbers in local.nonzero().flatten().split(_HEAD_BATCH):
        assert isinstance(head, LocalSegmentHead)
        batch = patches.take(torch.isin(patches.change, numbers))
        alternative[numbers] = _apply_locally(head, before, found, features, rows[numbers], batch)
    for numbers in (~local & (touched > 0)).nonzero().flatten().split(_HEAD_BATCH):
        batch = patches.take(torch.isin(patches.change, numbers))
        places = torch.searchsorted(numbers, batch.change), batch.segment
        values, mask = before.values[rows[numbers]], before.mask[rows[numbers]]
        values[places], mask[places] = batch.values, batch.usable
        inputs = HeadInputs(values, mask, None if features is None else features[rows[numbers]])
        alternative[numbers] = finite_where_known(network.apply(inputs), inputs.known)
    return reference, alternative


def _parts(before: Embeddings) -> list[tuple[Tensor, Tensor]]:
    return list(zip(before.values.split(_HEAD_BATCH), before.mask.split(_HEAD_BATCH), strict=True))


def _apply_locally(
    head: LocalSegmentHead,
    before: Embeddings,
    found: Tensor,
    features: Tensor | None,
    rows: Tensor,
    patches: _Patches,
) -> Tensor:
    """Predicts changes of one segment each from what the head found in the windows ``rows`` before."""
    n, reach = len(rows), head.reach
    middle = 2 * reach
    at = patches.segment[:, None] + torch.arange(-middle, middle + 1)
    inside = (at >= 0) & (at < before.mask.shape[1])
    # There is nothing beyond the window's ends, or beyond the segments that a head reads.
    at = at.clamp(0, before.mask.shape[1] - 1)
    values = before.values[rows[:, None], at] * inside[..., None]
    mask = before.mask[rows[:, None], at] & inside
    values[:, middle], mask[:, middle] = patches.values, patches.usable
    near = slice(reach, 3 * reach + 1)
    fresh = head.responses(values, mask, at)[:, :, near].transpose(1, 2)
    patched, mask = found[rows], before.mask[rows]
    mask[torch.arange(n), patches.segment] = patches.usable
    change, place = inside[:, near].nonzero(as_tuple=True)
    patched[change, :, at[:, near][change, place]] = fresh[change, place]
    predicted = head.read(patched, mask, None if features is None else features[rows])
    return finite_where_known(predicted, mask.any(dim=1))


def _embed_patches(network: SegmentNetwork, session: EmbeddingSession, changes: Sequence[ChangedWindow]) -> _Patches:
    touched = _touched_segments(changes, network.segments.length, lambda number: session.placing.readers(number)[1])
    length = network.segments.length
    kept = [
        network.segments.is_usable(changes[change].sequence[number * length : (number + 1) * length])
        for change, number in touched
    ]
    usable = torch.tensor(kept, dtype=torch.bool)
    values = torch.zeros(len(touched), session.dim)
    values[usable] = session.embed(
        [
            segment
            for (change, number), keep in zip(touched, kept, strict=True)
            if keep
            for segment in session.placing.cut(changes[change].sequence, [number], network.segments)
        ]
    )
    return _Patches(
        torch.tensor([change for change, _ in touched], dtype=torch.long),
        torch.tensor([segment for _, segment in touched], dtype=torch.long),
        usable,
        values,
    )


def _touched_segments(
    changes: Sequence[ChangedWindow], length: int, context: Callable[[int], int]
) -> list[tuple[int, int]]:
    """Number of the change and of the segment, for each segment whose vector a change may move.

    ``context`` returns how many bases on either side of a segment its vector depends on.
    """
    touched: list[tuple[int, int]] = []
    for number, change in enumerate(changes):
        last = (len(change.sequence) - 1) // length
        done = -1
        for start, end in change.touched:
            first, stop = start // length, (end - 1) // length
            near = [
                segment
                for segment in (first - 1, *range(first, stop + 1), stop + 1)
                if done < segment <= last
                and segment >= 0
                and start < (segment + 1) * length + (reach := context(segment))
                and end > segment * length - reach
            ]
            touched += [(number, segment) for segment in near]
            done = max([done, *near])
    return touched
