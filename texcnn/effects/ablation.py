"""What each segment of a window adds to a prediction: the prediction without it, its bases unknown, is compared."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from torch import Tensor

from texcnn.effects.changes import ChangedWindow
from texcnn.effects.score import EffectEngine

STRETCH = 500
"""Bases left out at a time where a model has no segments."""


def ablate(
    engine: EffectEngine, window: str, features: Tensor | None, length: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Predicts a window with each segment in turn replaced by N.

    An encoder's segment of N is masked: the head reads the others alone.

    Args:
        engine: The open model.
        window: Upper-case ``ACGTN`` of the model's length.
        features: Scaled inputs of the head, ``(1, n_features)``; None for a head without any.
        length: Bases per segment; the last one may be shorter.

    Returns:
        The prediction of the window, float32 ``(n_cell_types,)``, and for each segment that prediction minus the one
        without it, float32 ``(n_segments, n_cell_types)``; NaN where nothing is known without it.
    """
    starts = range(0, len(window), length)
    changes = [_without(window, start, min(start + length, len(window))) for start in starts]
    scored = engine.score([window], features, changes)
    return scored.reference[0], -scored.delta


def _without(window: str, start: int, end: int) -> ChangedWindow:
    return ChangedWindow(0, window[:start] + "N" * (end - start) + window[end:], ((start, end),))
