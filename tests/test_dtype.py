"""Types of numbers by wish and by hardware."""

from __future__ import annotations

import pytest
import torch

import texcnn.device
from texcnn.device import dtype_name, resolve_dtype
from texcnn.errors import InputError

CPU, CUDA = torch.device("cpu"), torch.device("cuda:0")


@pytest.mark.parametrize(
    ("wish", "expected"),
    [("float32", torch.float32), ("bfloat16", torch.bfloat16), (torch.bfloat16, torch.bfloat16)],
)
def test_a_wish_is_a_command(wish: str | torch.dtype, expected: torch.dtype) -> None:
    assert resolve_dtype(wish, CPU) == expected
    assert resolve_dtype("float16", CUDA) == torch.float16


@pytest.mark.parametrize("wish", [None, "auto"])
def test_a_cpu_computes_in_float32_whatever_its_instructions(wish: str | None) -> None:
    """Numbers must not depend on the processor; 16 bits on a CPU are for who asks for them."""
    assert resolve_dtype(wish, CPU) == torch.float32


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), torch.float16), ((9, 0), torch.bfloat16)])
def test_a_gpu_by_its_age(capability: tuple[int, int], expected: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert resolve_dtype(None, CUDA) == expected


def test_what_cannot_be_used_is_refused() -> None:
    with pytest.raises(InputError, match=r"float16 on a CPU.* in `dtype` .* allowed: auto, float32, bfloat16"):
        resolve_dtype("float16", CPU)
    with pytest.raises(InputError, match=r"unknown type 'bfloat' .* did you mean 'bfloat16'"):
        resolve_dtype("bfloat", CPU)
    with pytest.raises(InputError, match="unknown type 'int8'"):
        resolve_dtype(torch.int8, CPU)


def test_names_are_those_of_the_command_line() -> None:
    assert [dtype_name(resolve_dtype(name, CUDA)) for name in texcnn.device.DTYPES] == list(texcnn.device.DTYPES)
