"""Which device computes."""

from __future__ import annotations

import torch

from texcnn.errors import InputError


def resolve_device(device: str | torch.device | None = None) -> torch.device:
    """Turns a user's wish into a device that exists.

    Args:
        device: ``None`` or ``"auto"`` for the GPU if there is one, else ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.

    Returns:
        The device.

    Raises:
        InputError: when the name is not one of these, or the GPU asked for is not there.
    """
    if device is None or str(device) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        wanted = torch.device(device)
    except RuntimeError:
        wanted = None
    if wanted is None or wanted.type not in ("cpu", "cuda"):
        raise InputError(f"unknown device '{device}'", where="--device", allowed="auto, cpu, cuda, cuda:N")
    if wanted.type == "cuda":
        found = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (wanted.index or 0) >= found:
            raise InputError(
                f"device '{device}' asked for, but this machine has {found} usable GPU{'s' if found != 1 else ''}",
                where="--device",
                allowed=", ".join(["auto", "cpu", *(f"cuda:{index}" for index in range(found))]),
                remedy="use --device cpu, or check the driver with nvidia-smi",
            )
    return wanted
