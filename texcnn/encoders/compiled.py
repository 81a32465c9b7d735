"""torch.compile for encoders: on request only, and tried out before a long run depends on it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from texcnn.encoders.protocol import Compilable, Encoder
from texcnn.errors import InputError


def compile_encoders(encoders: Sequence[Encoder], device: torch.device) -> None:
    """Compiles encoders in place; those that have nothing to compile stay as they are.

    Vectors then agree with the others within rounding (1e-5 in float32). The first batches take longer, up to a minute
    where PyTorch's cache on this machine has no compiled code yet.

    Args:
        encoders: The encoders.
        device: Where they are going to compute.

    Raises:
        InputError: when nothing can be compiled for the device, or no encoder has what to compile.
    """
    found = compilable(encoders)
    _check_compiler(device)
    for encoder in found:
        encoder.compile()


def compilable(encoders: Sequence[Encoder]) -> list[Compilable]:
    """Returns the encoders that have something to compile.

    Raises:
        InputError: when there is none.
    """
    found: list[Compilable] = [encoder for encoder in encoders if isinstance(encoder, Compilable)]
    if not found:
        raise InputError(
            "no encoder that could be compiled",
            where="`compile`",
            allowed="DNABERT, DNABERT-2 and Nucleotide Transformer",
            remedy="leave it out",
        )
    return found


def _check_compiler(device: torch.device) -> None:
    """Compiles something small: PyTorch itself looks for its tools no sooner than in the first batch."""
    try:
        torch.compile(_something_small, dynamic=True)(torch.ones(2, device=device))
    except Exception as error:  # each of the tools fails in its own way
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        needed = (
            "a C++ compiler (g++, or the one that CXX names)" if device.type == "cpu" else "Triton and a C compiler"
        )
        raise InputError(
            f"torch.compile does not work on this machine: {reason}",
            where="`compile`",
            allowed=f"where {needed} is installed",
            remedy="install it, or leave `compile` out",
        ) from error


def _something_small(values: Tensor) -> Tensor:
    return torch.nn.functional.gelu(values) + 1
