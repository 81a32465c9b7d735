"""How to compute: names become a device and a type once, and nonsense is refused."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, replace

import pytest
import torch

from texcnn import device as devices
from texcnn.embedding.options import ComputeOptions
from texcnn.errors import InputError


def test_names_are_resolved_once() -> None:
    options = ComputeOptions(3, "cpu", "bfloat16")
    assert (options.batch_size, options.device, options.dtype) == (3, torch.device("cpu"), torch.bfloat16)
    assert ComputeOptions(device="cpu").dtype == torch.float32
    assert replace(options, dtype="float32") == ComputeOptions(3, "cpu", "float32")
    with pytest.raises(FrozenInstanceError):
        options.batch_size = 4  # type: ignore[misc]


@pytest.mark.parametrize("asked", [{}, {"device": "cpu"}, {"device": "auto", "dtype": "auto"}, {"dtype": "float32"}])
def test_names_that_exist_everywhere_wait_until_they_are_read(
    asked: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved: list[object] = []
    real = devices.resolve_device
    monkeypatch.setattr(devices, "resolve_device", lambda name: resolved.append(name) or real(name))
    options = ComputeOptions(**asked)  # type: ignore[arg-type]
    assert not resolved
    assert options.dtype in (torch.float32, torch.bfloat16, torch.float16)
    assert isinstance(options.device, torch.device)
    assert resolved == [asked.get("device")], "once"
    assert copy.deepcopy(options) == pickle.loads(pickle.dumps(ComputeOptions(**asked))) == options  # type: ignore[arg-type]
    with pytest.raises(AttributeError, match="has no attribute 'devise'"):
        options.devise  # noqa: B018


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch_size": 0}, r"unusable batch size 0 .* `batch_size`"),
        ({"batch_size": 2.0}, r"unusable batch size 2.0"),
        ({"batch_size": True}, r"unusable batch size True"),
        ({"device": "gpu"}, r"unknown device 'gpu' .* `device` .* auto, cpu, cuda"),
        ({"device": "cpu", "dtype": "half"}, r"unknown type 'half' .* `dtype`"),
        ({"compile": "yes"}, r"'yes' is not yes or no .* `compile`"),
    ],
)
def test_nonsense_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ComputeOptions(**wrong)  # type: ignore[arg-type]
