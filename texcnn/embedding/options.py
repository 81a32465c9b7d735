"""How to compute: batch size, device, number type and compilation, checked and resolved once."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from texcnn.device import resolve_device, resolve_dtype
from texcnn.errors import InputError

DEFAULT_BATCH_SIZE = 64


@dataclass(frozen=True, init=False)
class ComputeOptions:
    """Where and in which type of number to compute.

    The constructor resolves names once: everything below it reads a device and a type that exist.

    Attributes:
        batch_size: Segments of 500 bases per forward pass, or windows for a one-hot model. It changes speed and memory,
            never the result.
        device: Where to compute.
        dtype: Type of the encoders' matrix products.
        compile: Whether ``torch.compile`` works on the encoders first (:mod:`texcnn.encoders.compiled`).

    Args:
        batch_size: As above.
        device: ``cpu``, ``cuda`` or ``cuda:N``; None or ``auto`` for the GPU if there is one.
        dtype: A name of :data:`texcnn.device.DTYPES`; None or ``auto`` for float32 on a CPU and 16 bits on a GPU.
        compile: As above.

    Raises:
        InputError: when the batch size is not a positive whole number, the device is not there, the type cannot be
            used on it, or ``compile`` is not a bool.
    """

    batch_size: int
    device: torch.device
    dtype: torch.dtype
    compile: bool

    def __init__(
        self,
        batch_size: int = DEFAULT_BATCH_SIZE,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        compile: bool = False,
    ) -> None:
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise InputError(
                f"unusable batch size {batch_size!r}", where="`batch_size`", allowed="a whole number from 1"
            )
        if not isinstance(compile, bool):
            raise InputError(f"{compile!r} is not yes or no", where="`compile`", allowed="True or False")
        resolved = resolve_device(device)
        object.__setattr__(self, "batch_size", batch_size)
        object.__setattr__(self, "device", resolved)
        object.__setattr__(self, "dtype", resolve_dtype(dtype, resolved))
        object.__setattr__(self, "compile", compile)
