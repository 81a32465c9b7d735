"""The state of a fit on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from texcnn.checkpoints import load_state
from texcnn.errors import InputError
from texcnn.training.fit_state import Epoch, FitState, load_fit, save_fit

HISTORY = [Epoch(1, 0.5, 0.25), Epoch(2, 0.1 + 0.2, 1e-17)]


def state() -> FitState:
    return FitState(
        {"output.weight": torch.arange(6.0).reshape(2, 3), "count": torch.tensor(3)},
        {"output.weight": torch.zeros(2, 3, dtype=torch.bfloat16)},
        {"0.exp_avg": torch.full((2,), 1 / 3), "0.step": torch.tensor(7.0)},
        HISTORY,
    )


def test_everything_comes_back_with_its_bits(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    save_fit(path, state(), "f")
    found = load_fit(path, "f")
    assert found is not None
    assert found.history == HISTORY  # also numbers that decimal fractions do not hold
    for part in ("head", "best", "optimizer"):
        tensors, expected = getattr(found, part), getattr(state(), part)
        assert tensors.keys() == expected.keys()
        assert all(
            tensors[name].dtype == value.dtype and tensors[name].equal(value) for name, value in expected.items()
        )


def test_before_the_first_epoch_there_is_nothing(tmp_path: Path) -> None:
    assert load_fit(tmp_path / "none", "f") is None
    empty = FitState({}, {}, {}, [])
    save_fit(tmp_path / "empty", empty, "f")
    assert load_fit(tmp_path / "empty", "f") == empty


def test_it_is_the_layout_of_every_checkpoint(tmp_path: Path) -> None:
    save_fit(tmp_path / "run", state(), "f")
    found = load_state(tmp_path / "run", "f")
    assert found is not None
    assert found[0].keys() == {"head", "best", "optimizer"}
    assert found[1][1] == {"epoch": 2, "train_loss": 0.1 + 0.2, "valid_loss": 1e-17}


def test_another_fits_state_is_refused(tmp_path: Path) -> None:
    save_fit(tmp_path / "run", state(), "f")
    with pytest.raises(InputError, match="belongs to a training with other data or other options"):
        load_fit(tmp_path / "run", "g")
