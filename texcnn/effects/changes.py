"""What the engine scores: a window after a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChangedWindow:
    """A window after a change.

    Attributes:
        row: Which of the windows it was.
        sequence: Its bases after the change, as many as before.
        touched: Ranges of positions where they may differ, sorted and without overlap; see
            :class:`texcnn.genome.edit.EditedWindow`.
    """

    row: int
    sequence: str
    touched: Sequence[tuple[int, int]]
