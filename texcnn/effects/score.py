"""Changed windows against the windows they came from: only what a change touches is embedded again."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from texcnn.embedding.cache import SegmentCache
from texcnn.embedding.engine import EmbeddingSession
from texcnn.embedding.options import ComputeOptions
from texcnn.errors import RunError
from texcnn.model.model import Model
from texcnn.model.network import HeadInputs, SegmentNetwork

TOLERANCES = {torch.float32: 1e-5, torch.bfloat16: 5e-2, torch.float16: 1e-2}
"""How far the fast path may be from the whole computation, relative to the largest prediction or 1: batches of other
sizes round differently, in 16 bits more so."""

_HEAD_BATCH = 256
"""Windows per call of the head: with two large encoders a window's vectors take 130 kB."""

_LOG = logging.getLogger("texcnn")


@dataclass(frozen=True, slots=True)
class ChangedWindow:
    """What became of a window.

    Attributes:
        row: Which of the windows it was.
        sequence: Its bases after the change, as many as before.
        touched: Ranges of positions where they may differ, sorted and apart; see
            :class:`texcnn.genome.edit.EditedWindow`.
    """

    row: int
    sequence: str
    touched: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class EffectScores:
    """Predictions before and after changes, in the model's unit.

    Attributes:
        reference: float32 ``(n_windows, n_cell_types)``; NaN for a window without a usable segment.
        alternative: float32 ``(n_changes, n_cell_types)``; NaN likewise, before or after the change.
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
        incremental: Whether untouched segments keep their vectors. The first call of :meth:`score` decides that by
            comparing both ways; a model of bases, without segments, has no fast path.
        scored: Changes scored so far.
    """

    def __init__(self, model: Model, session: Any) -> None:
        self._model = model
        self._network = model.network
        self._session = session
        self.incremental = isinstance(model.network, SegmentNetwork)
        self._checked = not self.incremental
        self.scored = 0

    def score(self, windows: Sequence[str], features: Tensor | None, changes: Sequence[ChangedWindow]) -> EffectScores:
        """Predicts windows before and after changes.

        Args:
            windows: Windows of the model's length, upper-case ``ACGTN``; each one is predicted once.
            features: Scaled inputs of the head, ``(len(windows), n_features)``; None for a head without any.
            changes: What became of them, any number for each.

        Returns:
            Predictions of all windows and all changes, in their order. They depend neither on what else is scored in
            the same call, nor on the calls before.

        Raises:
            RunError: A prediction is not finite although bases and features are known.
        """
        if not windows:
            empty = np.zeros((0, len(self._model.cell_types)), np.float32)
            return EffectScores(empty, empty, np.zeros(0, np.int64))
        if not self._checked:
            self._checked = True
            self.incremental = self._fast_path_agrees(windows, features)
        score = self._by_segments if self.incremental else self._by_windows
        reference, alternative = score(windows, features, changes)
        self.scored += len(changes)
        rows = torch.tensor([change.row for change in changes], dtype=torch.long)
        # A prediction without its counterpart is no effect.
        alternative = alternative.masked_fill(reference[rows].isnan(), torch.nan)
        return EffectScores(reference.numpy(), alternative.numpy(), rows.numpy())

    @torch.inference_mode()
    def _by_windows(
        self, windows: Sequence[str], features: Tensor | None, changes: Sequence[ChangedWindow]
    ) -> tuple[Tensor, Tensor]:
        """Every window as a whole: one-hot models, and the fall-back."""
        rows = [change.row for change in changes]
        parts = []
        for texts, scaled in (
            (windows, features),
            ([change.sequence for change in changes], None if features is None else features[rows]),
        ):
            if texts:
                values, known = self._network.predict(texts, scaled, self._session)
                parts.append(_finite(values, known))
            else:
                parts.append(torch.zeros(0, parts[0].shape[1] if parts else 0))
        return parts[0], parts[1]

    @torch.inference_mode()
    def _by_segments(
        self, windows: Sequence[str], features: Tensor | None, changes: Sequence[ChangedWindow]
    ) -> tuple[Tensor, Tensor]:
        network, session = self._network, self._session
        assert isinstance(network, SegmentNetwork)
        assert isinstance(session, EmbeddingSession)
        before = session.embed_windows(windows, network.segments)
        reference = _finite(network.apply(network.head_inputs(before, features)), before.mask.any(dim=1))
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
            alternative[start : start + len(batch)] = _finite(network.apply(inputs), inputs.known)
        unchanged = torch.ones(len(changes), dtype=torch.bool)
        unchanged[patch_rows] = False
        alternative[unchanged] = reference[rows[unchanged]]
        return reference, alternative

    def _fast_path_agrees(self, windows: Sequence[str], features: Tensor | None) -> bool:
        """Compares both ways on a substitution in the first and the last segment, and on a deletion near the end."""
        assert isinstance(self._network, SegmentNetwork)
        row, window = max(enumerate(windows), key=lambda item: -item[1].count("N"))
        last = len(window) - 1
        # In the last segment but one, so that two segments tell and no more are embedded for the check.
        gone = max(len(window) - self._network.segments.length * 3 // 2, 0)
        changes = [
            ChangedWindow(0, _other_base(window, 0), ((0, 1),)),
            ChangedWindow(0, _other_base(window, last), ((last, last + 1),)),
            ChangedWindow(0, window[:gone] + window[gone + 1 :] + "A", ((gone, last + 1),)),
        ]
        scaled = None if features is None else features[[row]]
        fast = torch.cat(self._by_segments([window], scaled, changes))
        # Without a cache, or the whole computation would take its vectors from the fast one.
        afresh = replace(self._session, cache=SegmentCache(0))
        texts = [window, *(change.sequence for change in changes)]
        whole, _ = self._network.predict(texts, None if features is None else features[[row] * len(texts)], afresh)
        allowed = TOLERANCES[self._session.options.dtype] * max(1.0, float(whole.nan_to_num().abs().max()))
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
    with model.network.session(options, SegmentCache() if cache is None else cache) as session:
        yield EffectEngine(model, session)


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


def _finite(values: Tensor, known: Tensor) -> Tensor:
    """NaN where nothing is known; anything else that is not finite is an error."""
    if (known & ~values.isfinite().all(dim=1)).any():
        raise RunError(
            "the model gave a number that is not finite",
            remedy="compute in float32 (`dtype`); if that does not help, the model's weights are unusable",
        )
    return values.masked_fill(~known[:, None], torch.nan)


def _other_base(window: str, position: int) -> str:
    other = "C" if window[position] != "C" else "A"
    return window[:position] + other + window[position + 1 :]
