"""How many floating-point operations a token costs, and how many per second this machine has to give."""

from __future__ import annotations

import time
from collections.abc import Iterable

import torch

_SIZE = 2048


def flops_per_token(*, hidden: int, intermediate: int, layers: int, length: int, gated: bool) -> int:
    """Counts the matrix products of a BERT-like encoder, a multiplication and an addition as two operations.

    Norms, activations, softmax and embedding look-ups are left out, as is usual: they are not arithmetic that a
    matrix product's peak could be compared with.

    Args:
        hidden: Width of the states.
        intermediate: Width inside the MLP.
        layers: Number of layers.
        length: Tokens that each token attends to, itself included.
        gated: True for DNABERT-2's gated MLP, whose first projection is twice as wide.
    """
    projections = 4 * hidden * hidden  # query, key, value and output
    mlp = (3 if gated else 2) * hidden * intermediate
    attention = 2 * length * hidden  # scores, and the weighted sum of the values
    return 2 * layers * (projections + mlp + attention)


def batch_flops(lengths: Iterable[int], *, hidden: int, intermediate: int, layers: int, gated: bool) -> int:
    """Counts the operations of rows of tokens; padding is no useful work and is not counted."""
    return sum(
        length * flops_per_token(hidden=hidden, intermediate=intermediate, layers=layers, length=length, gated=gated)
        for length in lengths
    )


def gemm_flops_per_second(repeats: int = 8) -> float:
    """Measures the best rate of a product of two float32 matrices of 2048 x 2048."""
    left, right = torch.rand(_SIZE, _SIZE), torch.rand(_SIZE, _SIZE)
    product = torch.empty(_SIZE, _SIZE)
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        torch.mm(left, right, out=product)
        best = min(best, time.perf_counter() - start)
    return 2 * _SIZE**3 / best
