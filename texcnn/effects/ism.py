"""In-silico saturation mutagenesis: replaces every base of a stretch of a window by each of the three others."""

from __future__ import annotations

from itertools import islice

import numpy as np
import numpy.typing as npt
from torch import Tensor

from texcnn.effects.changes import ChangedWindow
from texcnn.effects.score import EffectEngine
from texcnn.progress import progress_bar
from texcnn.segments.bases import BASES

_CHANGES_AT_ONCE = 1023
"""Substitutions per call of the engine: each holds a copy of the window."""


def saturation_mutagenesis(
    engine: EffectEngine, window: str, features: Tensor | None, start: int, end: int, *, progress: bool = False
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Predicts every substitution between two places of a window.

    Args:
        engine: The open model.
        window: Upper-case ``ACGTN`` of the model's length.
        features: Scaled inputs of the head, ``(1, n_features)``; None for a head without any.
        start: First place, counted in the window's direction.
        end: The place after the last one.
        progress: Whether to show progress.

    Returns:
        The prediction of the window, float32 ``(n_cell_types,)``, and what each base instead of the window's changes,
        float32 ``(end - start, 4, n_cell_types)`` in the order A, C, G, T: 0 for the window's base, NaN where it is N.
    """
    reference = engine.score([window], features, []).reference[0]
    delta = np.full((end - start, 4, len(reference)), np.nan, np.float32)
    places = [place for place in range(start, end) if window[place] != "N"]
    changes = ((place, base) for place in places for base in BASES if base != window[place])
    with progress_bar(progress, total=3 * len(places), what="mutating", unit="substitutions") as bar:
        while taken := list(islice(changes, _CHANGES_AT_ONCE)):
            scored = engine.score([window], features, [_substituted(window, place, base) for place, base in taken])
            rows = [place - start for place, _ in taken]
            delta[rows, [BASES.index(base) for _, base in taken]] = scored.delta
            bar.update(len(taken))
    for place in places:
        delta[place - start, BASES.index(window[place])] = 0
    return reference, delta


def importance(delta: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Returns how much replacing a base lowers the prediction, the mean over the three other bases.

    Args:
        delta: As :func:`saturation_mutagenesis` returns it.

    Returns:
        float32 ``(end - start, n_cell_types)``; NaN where the base is N.
    """
    mean: npt.NDArray[np.float32] = -delta.sum(axis=1) / 3
    return mean


def _substituted(window: str, place: int, base: str) -> ChangedWindow:
    return ChangedWindow(0, window[:place] + base + window[place + 1 :], ((place, place + 1),))
