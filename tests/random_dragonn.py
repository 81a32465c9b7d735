"""MPRA-DragoNN with random weights, drawn anew from the same seed."""

from __future__ import annotations

import torch

from texcnn.heads.mpra_dragonn import MpraDragoNN


def random_head(length: int, spread: float) -> MpraDragoNN:
    """A network for windows of ``length`` bases in evaluation mode, its weights of that standard deviation."""
    torch.manual_seed(0)
    head = MpraDragoNN(length)
    for name, value in head.state_dict().items():
        if value.is_floating_point():
            drawn = torch.rand_like(value) + 0.5 if name.endswith("running_var") else torch.randn_like(value) * spread
            value.copy_(drawn)
    return head.eval()
