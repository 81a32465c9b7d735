"""Changed windows against the windows they came from: only what a change touches is embedded again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from texcnn.effects.changes import ChangedWindow
from texcnn.effects.finite import finite_where_known
from texcnn.effects.score_bases import can_score_by_places, score_by_places
from texcnn.effects.score_segments import score_by_segments
from texcnn.embedding.cache import SegmentCache
from texcnn.embedding.engine import EmbeddingSession
from texcnn.embedding.options import ComputeOptions
from texcnn.model.model import Model
from texcnn.model.network import OneHotNetwork, SegmentNetwork, open_session

TOLERANCES = {torch.float32: 1e-5, torch.bfloat16: 5e-2, torch.float16: 1e-2}
"""How far the fast path may be from the whole computation, relative to the largest prediction or 1: batches of other
sizes round differently, more so in 16 bits."""

_CACHE_BYTES = 64 * 2**20
"""Room for the segments of some hundred windows: variants come sorted, so that a window is needed for a short time."""

_Way = Callable[[Sequence[str], Tensor | None, Sequence[ChangedWindow]], tuple[Tensor, Tensor]]

_LOG = logging.getLogger("texcnn")


@dataclass(frozen=True)
class EffectScores:
    """Predictions before and after changes, in the model's unit.

    Attributes:
        reference: float32 ``(n_windows, n_cell_types)``; NaN for a window without a usable segment.
        alternative: float32 ``(n_changes, n_cell_types)``; NaN the same, before or after the change.
        rows: int64 ``(n_changes,)``, the window of each change.
    """

    reference: npt.NDArray[np.float32]
    alternative: npt.NDArray[np.float32]
    rows: npt.NDArray[np.int64]

    @property
    def delta(self) -> npt.NDArray[np.float32]:
        """After minus before, float32 ``(n_changes, n_cell_types)``."""
        return self.alternative - self.reference[self.rows]


class EffectEngine:
    """Scores changes of windows with one model; :func:`open_engine` makes it.

    Args:
        model: The model.
        session: The open session of its network.

    Attributes:
        incremental: Whether untouched segments keep their vectors, and untouched places of a head that reads bases
            their values. The first call of :meth:`score` decides that by comparing both ways.
        scored: Changes scored so far.
    """

    def __init__(self, model: Model, session: Any) -> None:
        self._model = model
        self._network = model.network
        self._session = session
        self._fast = self._fast_path()
        self.incremental = self._fast is not None
        self._checked = not self.incremental
        self.scored = 0

    def score(self, windows: Sequence[str], features: Tensor | None, changes: Sequence[ChangedWindow]) -> EffectScores:
        """Predicts windows before and after changes.

        Args:
            windows: Windows of the model's length, upper-case ``ACGTN``; each one is predicted once.
            features: Scaled inputs of the head, ``(len(windows), n_features)``; None for a head without any.
            changes: Their changes, any number for each window.

        Returns:
            Predictions of all windows and all changes, in their order. What else is scored in the same call, or was
            in earlier calls since :meth:`forget`, moves them by rounding only.

        Raises:
            RunError: A prediction is not finite although bases and features are known.
        """
        if not windows:
            empty = np.zeros((0, len(self._model.cell_types)), np.float32)
            return EffectScores(empty, empty, np.zeros(0, np.int64))
        if not self._checked:
            self._checked = True
            self.incremental = self._fast_path_agrees(windows, features)
            self.forget()
        score = self._fast if self.incremental and self._fast is not None else self._by_windows
        reference, alternative = score(windows, features, changes)
        self.scored += len(changes)
        rows = torch.tensor([change.row for change in changes], dtype=torch.long)
        # An effect needs both predictions.
        alternative = alternative.masked_fill(reference[rows].isnan(), torch.nan)
        return EffectScores(reference.numpy(), alternative.numpy(), rows.numpy())

    def forget(self) -> None:
        """Drops the vectors of earlier calls, which were computed in batches of other sizes: rounding depends on that.

        What is scored from here on has the same bits as in a new run, so that shards, and a run that continues another,
        give those of one run.
        """
        if isinstance(self._session, EmbeddingSession):
            self._session.cache.clear()

    def _fast_path(self) -> _Way | None:
        """The fast path, which skips what a change does not touch; None where the network has none."""
        if isinstance(self._network, SegmentNetwork):
            return partial(score_by_segments, self._network, self._session)
        if isinstance(self._network, OneHotNetwork) and can_score_by_places(self._network.head):
            return partial(score_by_places, self._network, self._session)
        return None

    @torch.inference_mode()
    def _by_windows(
        self, windows: Sequence[str], features: Tensor | None, changes: Sequence[ChangedWindow]
    ) -> tuple[Tensor, Tensor]:
        """Predicts every window as a whole: for one-hot models, and as the fall-back."""
        rows = [change.row for change in changes]
        parts = []
        for texts, scaled in (
            (windows, features),
            ([change.sequence for change in changes], None if features is None else features[rows]),
        ):
            if texts:
                values, known = self._network.predict(texts, scaled, self._session)
                parts.append(finite_where_known(values, known))
            else:
                parts.append(torch.zeros(0, parts[0].shape[1] if parts else 0))
        return parts[0], parts[1]

    def _fast_path_agrees(self, windows: Sequence[str], features: Tensor | None) -> bool:
        """Compares both ways on a substitution in the first and the last segment, and on a deletion near the end."""
        assert self._fast is not None
        row, window = max(enumerate(windows), key=lambda item: -item[1].count("N"))
        last = len(window) - 1
        # In the last segment but one: two changed segments are enough for the check.
        segments = getattr(self._network, "segments", None)
        gone = max(len(window) - (500 if segments is None else segments.length) * 3 // 2, 0)
        changes = [
            ChangedWindow(0, _other_base(window, 0), ((0, 1),)),
            ChangedWindow(0, _other_base(window, last), ((last, last + 1),)),
            ChangedWindow(0, window[:gone] + window[gone + 1 :] + "A", ((gone, last + 1),)),
        ]
        scaled = None if features is None else features[[row]]
        fast = torch.cat(self._fast([window], scaled, changes))
        # Without a cache, or the whole computation would take its vectors from the fast one.
        is_cached = isinstance(self._session, EmbeddingSession)
        uncached = replace(self._session, cache=SegmentCache(0)) if is_cached else self._session
        texts = [window, *(change.sequence for change in changes)]
        whole, _ = self._network.predict(texts, None if features is None else features[[row] * len(texts)], uncached)
        dtype = self._session.options.dtype if is_cached else torch.float32
        allowed = TOLERANCES[dtype] * max(1.0, float(whole.nan_to_num().abs().max()))
        difference = float((fast - whole).nan_to_num().abs().max())
        if torch.equal(fast.isnan(), whole.isnan()) and difference <= allowed:
            return True
        _LOG.warning(
            "the fast path differs from the whole computation by %.3g (%.3g allowed): every window is embedded as a "
            "whole, which is slower; an encoder whose vectors depend on other segments does that",
            difference, allowed,
        )  # fmt: skip
        return False


@contextmanager
def open_engine(
    model: Model, options: ComputeOptions | None = None, cache: SegmentCache | None = None
) -> Iterator[EffectEngine]:
    """Opens a model for many calls of :meth:`EffectEngine.score`.

    Args:
        model: The model.
        options: How to compute; None for the defaults.
        cache: Vectors of segments that were computed before, by this model in this number type; None for a new one.

    Yields:
        The engine.
    """
    with open_session(model.network, options, SegmentCache(_CACHE_BYTES) if cache is None else cache) as session:
        yield EffectEngine(model, session)


def _other_base(window: str, position: int) -> str:
    other = "C" if window[position] != "C" else "A"
    return window[:position] + other + window[position + 1 :]
