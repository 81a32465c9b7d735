"""Changed windows of a head that reads bases itself: only the places that a change reaches are computed again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from texcnn.effects.changes import ChangedWindow
from texcnn.effects.finite import finite_where_known
from texcnn.embedding.options import ComputeOptions
from texcnn.model.network import OneHotNetwork
from texcnn.segments.bases import one_hot, stack_codes


@runtime_checkable
class LocalHead(Protocol):
    """A head whose layers over bases give a row of places, each of which depends on some of the bases only."""

    length: int
    places_per_change: int
    """Places that a substitution can reach; a change that reaches more is predicted as a whole window."""

    @property
    def n_places(self) -> int:
        """Places of a window."""
        ...

    def places(self, one_hot: Tensor) -> Tensor:
        """All places of windows, ``(n, channels, n_places)``."""
        ...

    def changed_places(self, start: int, end: int) -> range:
        """The places that depend on some bases."""
        ...

    def slice_bounds(self, first: int, number: int) -> tuple[int, int]:
        """The bases that some places depend on."""
        ...

    def places_of_slices(self, one_hot: Tensor, first: Tensor) -> Tensor:
        """Places computed from these bases alone."""
        ...

    def read(self, places: Tensor, features: Tensor | None = None) -> Tensor:
        """Predictions of places."""
        ...


def can_score_by_places(head: nn.Module) -> bool:
    """Whether a head knows which bases its places depend on, and has enough places."""
    return isinstance(head, LocalHead) and head.n_places >= head.places_per_change


@torch.inference_mode()
def score_by_places(
    network: OneHotNetwork,
    options: ComputeOptions,
    windows: Sequence[str],
    features: Tensor | None,
    changes: Sequence[ChangedWindow],
) -> tuple[Tensor, Tensor]:
    """Predicts windows, and their changes from the places that these reach; indels, which reach many, as a whole.

    Args:
        network: The network, its head on the device of ``options``.
        options: How to compute.
        windows: Windows before.
        features: Scaled inputs of the head; None for a head without any.
        changes: Their changes.

    Returns:
        float32 ``(n_windows, n_cell_types)`` and ``(n_changes, n_cell_types)``; NaN without a known base.
    """
    head = network.head
    assert isinstance(head, LocalHead)
    known = torch.tensor([window.count("N") < len(window) for window in windows])
    places = torch.cat(
        [
            head.places(one_hot(stack_codes(windows[start : start + options.batch_size]).to(options.device)))
            for start in range(0, len(windows), options.batch_size)
        ]
    )
    scaled = None if features is None else features.to(options.device)
    reference = finite_where_known(head.read(places, scaled).cpu(), known)
    first = [_first_place(head, change) for change in changes]
    near = [number for number, place in enumerate(first) if place is not None]
    alternative = torch.full((len(changes), reference.shape[1]), torch.nan)
    if near:
        some = [changes[number] for number in near]
        begin = [place for place in first if place is not None]
        left = torch.tensor([change.sequence.count("N") < len(change.sequence) for change in some])
        alternative[near] = finite_where_known(_predict_local(head, places, features, some, begin, options), left)
    far = [number for number, place in enumerate(first) if place is None]
    if far:
        rows = [changes[number].row for number in far]
        whole = network.predict(
            [changes[number].sequence for number in far], None if features is None else features[rows], options
        )
        alternative[far] = finite_where_known(*whole)
    return reference, alternative


def _first_place(head: LocalHead, change: ChangedWindow) -> int | None:
    """The first of the ``places_per_change`` places that a change reaches; None where it reaches others too."""
    if not change.touched:
        return 0
    reached = head.changed_places(change.touched[0][0], change.touched[-1][1])
    if len(reached) > head.places_per_change:
        return None
    return min(reached.start, head.n_places - head.places_per_change)


def _predict_local(
    head: LocalHead,
    places: Tensor,
    features: Tensor | None,
    changes: Sequence[ChangedWindow],
    first: Sequence[int],
    options: ComputeOptions,
) -> Tensor:
    """Predicts changes that reach few places from all places of the windows before."""
    parts = []
    at_once = options.batch_size * 2  # a slice is much shorter than a window
    for start in range(0, len(changes), at_once):
        some = slice(start, start + at_once)
        batch, begin = changes[some], torch.tensor(first[some], device=options.device)
        slices = []
        for change, place in zip(batch, first[some], strict=True):
            low, high = head.slice_bounds(place, head.places_per_change)
            inside = change.sequence[max(low, 0) : high]
            slices.append("N" * max(-low, 0) + inside + "N" * (high - max(low, 0) - len(inside)))
        bases = one_hot(stack_codes(slices).to(options.device))
        rows = torch.tensor([change.row for change in batch], device=options.device)
        patched = places[rows]
        columns = begin[:, None] + torch.arange(head.places_per_change, device=options.device)
        fresh = head.places_of_slices(bases, begin)
        patched.scatter_(2, columns[:, None].expand_as(fresh), fresh)
        scaled = None if features is None else features.to(options.device)[rows]
        parts.append(head.read(patched, scaled).cpu())
    return torch.cat(parts)
