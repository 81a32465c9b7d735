"""Changed windows of encoders and a head: touched segments are embedded again, and the head reads the patched rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from texcnn.effects.finite import finite_where_known
from texcnn.embedding.engine import EmbeddingSession
from texcnn.model.network import HeadInputs, SegmentNetwork

if TYPE_CHECKING:
    from texcnn.effects.score import ChangedWindow

_HEAD_BATCH = 256
"""Windows per call of the head: with two large encoders a window's vectors take 130 kB."""


@torch.inference_mode()
def score_by_segments(
    network: SegmentNetwork,
    session: EmbeddingSession,
    windows: Sequence[str],
    features: Tensor | None,
    changes: Sequence[ChangedWindow],
) -> tuple[Tensor, Tensor]:
    """Predicts windows, and their changes from the vectors of the segments that these touch.

    Args:
        network: Encoders and head.
        session: The open session of the encoders.
        windows: Windows before.
        features: Scaled inputs of the head; None for a head without any.
        changes: What became of them.

    Returns:
        float32 ``(n_windows, n_cell_types)`` and ``(n_changes, n_cell_types)``; NaN without a usable segment.
    """
    before = session.embed_windows(windows, network.segments)
    reference = finite_where_known(network.apply(network.head_inputs(before, features)), before.mask.any(dim=1))
    patches = _touched_segments(changes, network.segments.length)
    usable = [network.segments.split(bases).mask[0].item() for _, _, bases in patches]
    vectors = session.embed([bases for (_, _, bases), keep in zip(patches, usable, strict=True) if keep])
    alternative = torch.empty(len(changes), reference.shape[1])
    patch_rows = torch.tensor([row for row, _, _ in patches], dtype=torch.long)
    patch_segments = torch.tensor([segment for _, segment, _ in patches], dtype=torch.long)
    patch_usable = torch.tensor(usable, dtype=torch.bool)
    patch_values = torch.zeros(len(patches), session.dim)
    patch_values[patch_usable] = vectors
    rows = torch.tensor([change.row for change in changes], dtype=torch.long)
    for start in range(0, len(changes), _HEAD_BATCH):
        batch = rows[start : start + _HEAD_BATCH]
        values, mask = before.values[batch], before.mask[batch]
        of_batch = ((patch_rows >= start) & (patch_rows < start + len(batch))).nonzero().flatten()
        places = patch_rows[of_batch] - start, patch_segments[of_batch]
        values[places], mask[places] = patch_values[of_batch], patch_usable[of_batch]
        inputs = HeadInputs(values, mask, None if features is None else features[batch])
        alternative[start : start + len(batch)] = finite_where_known(network.apply(inputs), inputs.known)
    unchanged = torch.ones(len(changes), dtype=torch.bool)
    unchanged[patch_rows] = False
    alternative[unchanged] = reference[rows[unchanged]]
    return reference, alternative


def _touched_segments(changes: Sequence[ChangedWindow], length: int) -> list[tuple[int, int, str]]:
    """Number of the change, of the segment, and the segment's bases after the change."""
    touched: list[tuple[int, int, str]] = []
    for number, change in enumerate(changes):
        done = -1
        for start, end in change.touched:
            for segment in range(max(start // length, done + 1), (end - 1) // length + 1):
                touched.append((number, segment, change.sequence[segment * length : (segment + 1) * length]))
                done = segment
    return touched
