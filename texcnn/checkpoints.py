"""The state of an unfinished training on disk: one safetensors file, with its history in the header."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from texcnn.errors import InputError, RunError
from texcnn.files import atomic_file, check_output

_HEADER = "texcnn"


@dataclass(frozen=True)
class WorkFolder:
    """What an unfinished training keeps next to its output: ``OUT.work``, deleted once the output is written.

    Attributes:
        path: The folder.
        command: What is unfinished, such as ``train``; the folder of another command is left alone.
    """

    path: Path
    command: str

    @classmethod
    def of(cls, out: Path, command: str) -> WorkFolder:
        """Names the work folder of an output.

        Raises:
            InputError: when something else has its name.
        """
        work = cls(out.with_name(f"{out.name}.work"), command)
        check_output(work.path, overwrite=True, marker=work._marker)
        return work

    def open(self, *, fresh: bool) -> None:
        """Makes the folder; with ``fresh`` it is emptied first."""
        if fresh and self.path.exists():
            shutil.rmtree(self.path)
        self.path.mkdir(parents=True, exist_ok=True)
        line = f"The same texcnn {self.command} command, given again, continues from here.\n"
        (self.path / self._marker).write_text(line, encoding="utf-8")

    def remove(self) -> None:
        """Deletes the folder, since its output is written."""
        shutil.rmtree(self.path)

    @property
    def _marker(self) -> str:
        return f"unfinished-{self.command}ing.txt"


def step_seed(seed: int, step: int) -> int:
    """Returns the seed of a step of a training: one that continues draws what an uninterrupted one would have drawn.

    Args:
        seed: Of the training. Two trainings never share a seed within the first million steps.
        step: Number of the step or epoch.
    """
    return seed * 1_000_003 + step


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Returns an optimiser's state as named tensors."""
    state = optimizer.state_dict()["state"]
    return {f"{index}.{name}": value for index, values in state.items() for name, value in values.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Puts back what :func:`optimizer_tensors` returned."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def save_state(path: Path, parts: Mapping[str, Mapping[str, Tensor]], history: Any, fingerprint: str) -> None:
    """Writes named tensors and what came before, whole or not at all; a file already there stays until then.

    Args:
        path: The file.
        parts: Tensors that share no memory, by part and name; no part's name has a slash.
        history: What JSON can hold.
        fingerprint: Digest of the data and options of the training.

    Raises:
        RunError: when it cannot be written, as on a full disk.
    """
    tensors = {
        f"{part}/{name}": value.detach().cpu().contiguous()
        for part, named in parts.items()
        for name, value in named.items()
    }
    header = json.dumps({"fingerprint": fingerprint, "history": history})
    with atomic_file(path) as temporary:
        try:
            save_file(tensors, temporary, metadata={_HEADER: header})
        except (OSError, SafetensorError) as error:
            raise RunError(
                f"cannot write the checkpoint: {error}",
                where=path,
                remedy="make room, then give the same command again: it continues from the checkpoint before",
            ) from error


def load_state(path: Path, fingerprint: str) -> tuple[dict[str, dict[str, Tensor]], Any] | None:
    """Reads what :func:`save_state` wrote; None where there is nothing.

    Returns:
        The parts, without those that were empty, and the history.

    Raises:
        InputError: when it cannot be read, or belongs to a training with other data or options.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as handle:
            header = json.loads((handle.metadata() or {})[_HEADER])
            written, history = header["fingerprint"], header["history"]
            tensors = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118 - it is not a mapping
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"unreadable checkpoint: {error}", where=path, remedy="delete it to start again") from error
    if written != fingerprint:
        raise InputError(
            "the checkpoint belongs to a training with other data or other options",
            where=path,
            remedy="give the options it was started with, or `overwrite` to start again",
        )
    parts: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        part, _, name = key.partition("/")
        parts.setdefault(part, {})[name] = value
    return parts, history
