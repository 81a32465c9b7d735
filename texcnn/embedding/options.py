"""How to compute: batch size, device, number type and compilation, checked and resolved once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from texcnn.errors import InputError

if TYPE_CHECKING:
    import torch

    Device = torch.device
    Dtype = torch.dtype
else:  # torch takes seconds to load, which commands that compute nothing do not wait for
    Device = Dtype = object

DEFAULT_BATCH_SIZE = 64

_ALWAYS_THERE = (None, "auto", "cpu"), (None, "auto", "float32")
"""Devices and types that no machine and no other option rule out."""


@dataclass(frozen=True, init=False)
class ComputeOptions:
    """Where and in which type of number to compute.

    Names are resolved once: everything below reads a device and a type that exist. The constructor does so, or, where
    the names exist everywhere, the first who reads them.

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
    device: Device
    dtype: Dtype
    compile: bool

    def __init__(
        self,
        batch_size: int = DEFAULT_BATCH_SIZE,
        device: str | Device | None = None,
        dtype: str | Dtype | None = None,
        compile: bool = False,
    ) -> None:
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise InputError(
                f"unusable batch size {batch_size!r}", where="`batch_size`", allowed="a whole number from 1"
            )
        if not isinstance(compile, bool):
            raise InputError(f"{compile!r} is not yes or no", where="`compile`", allowed="True or False")
        object.__setattr__(self, "batch_size", batch_size)
        object.__setattr__(self, "compile", compile)
        object.__setattr__(self, "_asked", (device, dtype))
        if device not in _ALWAYS_THERE[0] or dtype not in _ALWAYS_THERE[1]:
            self._resolve()

    def __getattr__(self, name: str) -> Any:
        """Resolves device and type when they are first read."""
        if name in ("device", "dtype") and "_asked" in self.__dict__:
            self._resolve()
            return self.__dict__[name]
        raise AttributeError(f"'{type(self).__name__}' has no attribute '{name}'")

    def _resolve(self) -> None:
        from texcnn.device import resolve_device, resolve_dtype

        device, dtype = self.__dict__["_asked"]
        resolved = resolve_device(device)
        object.__setattr__(self, "device", resolved)
        object.__setattr__(self, "dtype", resolve_dtype(dtype, resolved))
