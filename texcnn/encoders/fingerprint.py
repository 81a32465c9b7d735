"""A digest of everything that an encoder's vectors depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import nn


def fingerprint_of(module: nn.Module, parts: Sequence[str]) -> str:
    """Returns a hex digest over a module's state (names, types, shapes, bytes).

    Args:
        module: Holds the weights.
        parts: What else the vectors depend on, such as the tokenizer and the pooling.
    """
    digest = hashlib.sha256("\n".join(parts).encode())
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
