"""The device asked for is the device used, or an error that says which there are."""

from __future__ import annotations

import pytest
import torch

from texcnn.device import resolve_device
from texcnn.errors import InputError


def gpus(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: number > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: number)


@pytest.mark.parametrize(("number", "expected"), [(0, "cpu"), (2, "cuda")])
@pytest.mark.parametrize("wish", [None, "auto"])
def test_the_gpu_if_there_is_one(monkeypatch: pytest.MonkeyPatch, number: int, expected: str, wish: str | None) -> None:
    gpus(monkeypatch, number)
    assert resolve_device(wish).type == expected


def test_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 2)
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("cuda:1") == torch.device("cuda:1")
    assert resolve_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize(("number", "wish"), [(0, "cuda"), (0, "cuda:0"), (1, "cuda:1")])
def test_a_missing_gpu_is_refused(monkeypatch: pytest.MonkeyPatch, number: int, wish: str) -> None:
    gpus(monkeypatch, number)
    with pytest.raises(InputError, match=f"'{wish}' asked for, but .* {number} usable GPU.*the device cpu"):
        resolve_device(wish)


@pytest.mark.parametrize("wish", ["gpu", "cuda:x", "meta", ""])
def test_unknown_names_list_the_valid_ones(wish: str) -> None:
    with pytest.raises(InputError, match=r"unknown device.*auto, cpu, cuda, cuda:N"):
        resolve_device(wish)
