"""How the bundled networks are trained: AdamW that decays weights alone, clipped gradients, and averaged weights.

Sources: AdamW, Loshchilov & Hutter 2019 (arXiv:1711.05101); averaged weights, Polyak & Juditsky 1992.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

LONGEST_GRADIENT = 5.0


def learning_rate(highest: float, progress: float, *, rise: float, least: float) -> float:
    """Returns the rate at a share of the training.

    Args:
        highest: The highest rate.
        progress: Share of the training that is done.
        rise: Share of the training over which the rate rises.
        least: Share of the highest rate to which it then falls as a cosine.
    """
    return float(highest * min(progress / rise, 1) * (least + (1 - least) / 2 * (1 + np.cos(np.pi * progress))))


def optimizer_of(parameters: Iterable[nn.Parameter], decay: float) -> torch.optim.Optimizer:
    """Returns AdamW that decays weights, not biases."""
    chosen = [parameter for parameter in parameters if parameter.requires_grad]
    return torch.optim.AdamW(
        [
            {"params": [parameter for parameter in chosen if parameter.ndim > 1], "weight_decay": decay},
            {"params": [parameter for parameter in chosen if parameter.ndim == 1], "weight_decay": 0.0},
        ]
    )


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Sets the learning rate of all weights."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def step_down(
    loss: Tensor, optimizer: torch.optim.Optimizer, network: nn.Module, average: nn.Module, step: int, ema: float
) -> None:
    """Takes one step down the loss; the average follows the network.

    Args:
        loss: Of one batch.
        optimizer: Of the network's weights.
        network: What is trained.
        average: Its copy, of averaged weights.
        step: Steps taken before: the first ones count more in the average.
        ema: Share of the average that a step keeps.
    """
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), LONGEST_GRADIENT)
    optimizer.step()
    with torch.no_grad():
        kept = min(ema, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - kept)
        for ours, theirs in zip(average.buffers(), network.buffers(), strict=True):
            ours.copy_(theirs)
