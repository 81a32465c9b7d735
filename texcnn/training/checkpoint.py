"""The state of a training between two epochs, on disk: one safetensors file, its numbers' description in the header."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from texcnn.errors import InputError, RunError
from texcnn.files import atomic_file

_HEADER = "texcnn"


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
class Checkpoint:
    """Everything that the next epochs depend on; chance is drawn anew from seed and epoch, so it has no state.

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


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Returns an optimiser's state as named tensors."""
    state = optimizer.state_dict()["state"]
    return {f"{place}.{name}": value for place, values in state.items() for name, value in values.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Puts back what :func:`optimizer_tensors` returned."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        place, _, name = key.partition(".")
        state.setdefault(int(place), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def save_checkpoint(path: Path, checkpoint: Checkpoint, fingerprint: str) -> None:
    """Writes a checkpoint, whole or not at all; one already there stays until then.

    Args:
        path: The file.
        checkpoint: What to keep.
        fingerprint: Digest of the data and options of the training.

    Raises:
        RunError: when it cannot be written, as on a full disk.
    """
    tensors = {
        f"{part}/{name}": value.detach().cpu().contiguous()
        for part in ("head", "best", "optimizer")
        for name, value in getattr(checkpoint, part).items()
    }
    header = json.dumps({"fingerprint": fingerprint, "history": [asdict(epoch) for epoch in checkpoint.history]})
    try:
        with atomic_file(path) as temporary:
            save_file(tensors, temporary, metadata={_HEADER: header})
    except (OSError, SafetensorError) as error:
        raise RunError(
            f"cannot write the checkpoint: {error}",
            where=path,
            remedy="make room, then give the same command again: it goes on from the last complete epoch",
        ) from error


def load_checkpoint(path: Path, fingerprint: str) -> Checkpoint | None:
    """Reads a checkpoint; None where there is none.

    Raises:
        InputError: when it cannot be read, or belongs to a training with other data or options.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as handle:
            header = json.loads((handle.metadata() or {})[_HEADER])
            tensors = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118 - it is no mapping
    except (SafetensorError, KeyError, ValueError) as error:
        raise InputError(f"unreadable checkpoint: {error}", where=path, remedy="delete it to start anew") from error
    if header["fingerprint"] != fingerprint:
        raise InputError(
            "the checkpoint belongs to a training with other data or other options",
            where=path,
            remedy="give the options it was started with, or --overwrite to start anew",
        )
    parts: dict[str, dict[str, Tensor]] = {"head": {}, "best": {}, "optimizer": {}}
    for key, value in tensors.items():
        part, _, name = key.partition("/")
        parts[part][name] = value
    return Checkpoint(**parts, history=[Epoch(**values) for values in header["history"]])
