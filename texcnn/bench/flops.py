"""How many floating-point operations a token costs, and how many per second this machine reaches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import torch
from transformers import BertModel

from texcnn.cpu_products import linear
from texcnn.encoders.dnabert2_model import Dnabert2Model
from texcnn.encoders.protocol import Encoder
from texcnn.encoders.token_encoder import TokenEncoder

_CPU = torch.device("cpu")


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
    """Counts the operations of rows of tokens; padding is not useful work and is not counted."""
    return sum(
        length * flops_per_token(hidden=hidden, intermediate=intermediate, layers=layers, length=length, gated=gated)
        for length in lengths
    )


def encoder_flops(encoder: Encoder, lengths: Sequence[int]) -> int | None:
    """Counts the operations an encoder needs for rows of tokens; None for one whose arithmetic is not known here."""
    model = encoder.model if isinstance(encoder, TokenEncoder) else None
    if not isinstance(model, Dnabert2Model | BertModel):
        return None
    config = model.config
    return batch_flops(
        lengths,
        hidden=config.hidden_size,
        intermediate=config.intermediate_size,
        layers=config.num_hidden_layers,
        gated=isinstance(model, Dnabert2Model),
    )


def gemm_flops_per_second(
    device: torch.device = _CPU, dtype: torch.dtype = torch.float32, *, repeats: int = 8
) -> float:
    """Measures the best rate of a product of two square matrices, 2048 wide on a CPU and 8192 wide on a GPU.

    Of PyTorch's ways to multiply them the fastest counts (:mod:`texcnn.cpu_products`).
    """
    size = 2048 if device.type == "cpu" else 8192
    left, right = (torch.rand(size, size, device=device).to(dtype) for _ in range(2))
    product = torch.empty_like(left)
    ways: list[Callable[[], object]] = [lambda: torch.mm(left, right, out=product)]
    if device.type == "cpu":
        ways.append(lambda: linear(left, right))
    best = float("inf")
    for _ in range(repeats):
        for multiply in ways:
            synchronize(device)
            start = time.perf_counter()
            with torch.inference_mode():
                multiply()
            synchronize(device)
            best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


def synchronize(device: torch.device) -> None:
    """Waits for a GPU, which otherwise is still computing when a clock is read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
