"""Gradient x input: what bases contribute to an output, by the chain rule through a segment's vector."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def gradients_at(inputs: Tensor, vector: Tensor, gradients: Tensor) -> Tensor:
    """Returns what outputs change with the inputs that a vector was computed from.

    Args:
        inputs: A leaf that requires gradients, of any shape.
        vector: What was computed from it, ``(dim,)``.
        gradients: What the outputs change with the vector, ``(n_outputs, dim)``.

    Returns:
        ``(n_outputs, *inputs.shape)``.
    """
    wanted = gradients.to(vector.device, vector.dtype)
    return torch.stack([torch.autograd.grad(vector, inputs, row, retain_graph=True)[0] for row in wanted])


def spread_over_bases(of_tokens: Tensor, spans: Sequence[tuple[int, int]], length: int) -> tuple[Tensor, Tensor]:
    """Gives each base an equal share of what the tokens that hold it contribute.

    Args:
        of_tokens: Contributions of tokens, ``(n_outputs, n_tokens)``.
        spans: The bases of each token, half-open; an empty span for a token without bases.
        length: Bases of the segment.

    Returns:
        Contributions of bases ``(n_outputs, length)``, and of the tokens without any ``(n_outputs,)``: together as much
        as the tokens. float32 on the CPU.
    """
    of_tokens = of_tokens.float().cpu()
    starts, ends = (torch.tensor([span[side] for span in spans], dtype=torch.long) for side in (0, 1))
    held = ends > starts
    shares = of_tokens[:, held] / (ends - starts)[held]
    # Differences at both ends of each span; their running sum is what each base has.
    steps = torch.zeros(len(of_tokens), length + 1, dtype=torch.float64)
    steps.index_add_(1, starts[held], shares.double())
    steps.index_add_(1, ends[held], -shares.double())
    return steps.cumsum(dim=1)[:, :length].float(), of_tokens[:, ~held].sum(dim=1)
