"""What encoders whose weights are one PyTorch module have in common: where these are, and a digest of them."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import numpy.typing as npt
import torch
from torch import Tensor, nn


class ModuleEncoder(ABC):
    """Weights in evaluation mode, without gradients.

    Args:
        model: Holds the weights.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model.eval().requires_grad_(False)
        self._fingerprint: str | None = None

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device

    def to(self, device: torch.device) -> Self:
        """Moves the weights."""
        self.model.to(device)
        return self

    def _moved(self, array: npt.NDArray[Any]) -> Tensor:
        """Copies to the encoder's device; to a GPU without waiting until it has finished what it computes."""
        tensor = torch.from_numpy(array)
        if self.device.type == "cuda":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)

    @abstractmethod
    def fingerprint_parts(self) -> Sequence[str]:
        """What the vectors depend on in addition to the weights, such as the tokenizer and the pooling."""

    def fingerprint(self) -> str:
        """Hex digest over the weights (names, types, shapes, bytes) and :meth:`fingerprint_parts`.

        Computed once: the weights of a loaded encoder do not change, and reading 117 million of them takes a while.
        """
        if self._fingerprint is None:
            digest = hashlib.sha256("\n".join(self.fingerprint_parts()).encode())
            for name, tensor in sorted(self.model.state_dict().items()):
                digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
                digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
            self._fingerprint = digest.hexdigest()
        return self._fingerprint
