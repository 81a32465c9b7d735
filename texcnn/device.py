"""Which device computes, and in which type of number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from texcnn.errors import InputError, unknown_name

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
"""The types that encoders' matrix products can be computed in, by name."""

CPU = torch.device("cpu")

_AMPERE = 8


def resolve_device(device: str | torch.device | None = None) -> torch.device:
    """Turns a device's name into a device that exists.

    Args:
        device: ``None`` or ``"auto"`` for the GPU if there is one, else ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.

    Returns:
        The device.

    Raises:
        InputError: when the name is not one of these, or there is no such GPU.
    """
    if device is None or str(device) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        wanted = torch.device(device) if isinstance(device, str | torch.device) else None
    except RuntimeError:
        wanted = None
    if wanted is None or wanted.type not in ("cpu", "cuda"):
        raise InputError(f"unknown device '{device}'", where="`device`", allowed="auto, cpu, cuda, cuda:N")
    if wanted.type == "cuda":
        found = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (wanted.index or 0) >= found:
            raise InputError(
                f"device '{device}' asked for, but this machine has {found} usable GPU{'s' if found != 1 else ''}",
                where="`device`",
                allowed=", ".join(["auto", "cpu", *(f"cuda:{index}" for index in range(found))]),
                remedy="use the device cpu, or check the driver with nvidia-smi",
            )
    return wanted


def resolve_dtype(dtype: str | torch.dtype | None, device: torch.device) -> torch.dtype:
    """Turns a type's name into the type of the encoders' matrix products.

    Args:
        dtype: ``None`` or ``"auto"`` for float32 on a CPU, so that numbers do not depend on the processor, and on a GPU
            for bfloat16 (from compute capability 8) or float16 (before); or a name of :data:`DTYPES`.
        device: Where it is computed.

    Returns:
        The type.

    Raises:
        InputError: for any other name, and for float16 on a CPU.
    """
    if dtype is None or str(dtype) == "auto":
        if device.type == "cuda":
            return torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= _AMPERE else torch.float16
        return torch.float32
    name = dtype_name(dtype) if isinstance(dtype, torch.dtype) else dtype
    if str(name) not in DTYPES:
        raise unknown_name("type", name, ["auto", *DTYPES], where="`dtype`")
    if name == "float16" and device.type == "cpu":
        raise InputError(
            "float16 on a CPU, which has too few instructions for it",
            where="`dtype`",
            allowed="auto, float32, bfloat16",
            remedy="use another type, or a GPU",
        )
    return DTYPES[name]


def dtype_name(dtype: torch.dtype) -> str:
    """Returns a type's name as users write it, such as ``bfloat16``."""
    return str(dtype).removeprefix("torch.")


@contextmanager
def gpu_kernels() -> Iterator[None]:
    """Chooses PyTorch's kernels on a GPU for the time of the block, then puts the user's choice back.

    float32 is float32: by default convolutions round their factors to TF32's 10 bits there, which moved predictions of
    texcnn-mini by up to 2e-4 from the CPU's. Attention is not cuDNN's, which plans each pair of row length and number
    of rows again: of rows that are packed by length there are thousands, and planning took longer than computing.
    """
    convolutions, products = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    attention = torch.backends.cuda.cudnn_sdp_enabled()
    try:
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cuda.enable_cudnn_sdp(False)
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = convolutions, products
        torch.backends.cuda.enable_cudnn_sdp(attention)
