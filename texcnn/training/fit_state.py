"""What an epoch leaves: its losses, and the state from which the next one starts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor

from texcnn.checkpoints import load_state, save_state


@dataclass(frozen=True)
class Epoch:
    """Mean squared errors, in the scale of the labels' standard deviations.

    Attributes:
        epoch: Number, from 1.
        train_loss: Mean over the epoch's batches, with dropout, while the weights move.
        valid_loss: Of the validation genes, after the epoch.
    """

    epoch: int
    train_loss: float
    valid_loss: float


@dataclass(frozen=True)
class FitState:
    """Everything that the next epochs depend on; random numbers follow from seed and epoch, so they have no state.

    Attributes:
        head: The head's tensors.
        best: Those of the epoch with the smallest validation loss.
        optimizer: Its tensors, ``<parameter>.<name>``.
        history: The epochs so far.
    """

    head: dict[str, Tensor]
    best: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    history: list[Epoch]


def save_fit(path: Path, state: FitState, fingerprint: str) -> None:
    """Writes the state after an epoch; see :func:`texcnn.checkpoints.save_state`."""
    parts = {part: getattr(state, part) for part in ("head", "best", "optimizer")}
    save_state(path, parts, [asdict(epoch) for epoch in state.history], fingerprint)


def load_fit(path: Path, fingerprint: str) -> FitState | None:
    """Reads what :func:`save_fit` wrote; see :func:`texcnn.checkpoints.load_state`."""
    found = load_state(path, fingerprint)
    if found is None:
        return None
    parts, history = found
    return FitState(
        **{part: parts.get(part, {}) for part in ("head", "best", "optimizer")},
        history=[Epoch(**values) for values in history],
    )
