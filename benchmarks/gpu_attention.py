"""Ways to compute parts of DNABERT-2 on a GPU that the engine does not take, to be timed against the one it takes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, chain

import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch file uses
from torch import Tensor

from texcnn.encoders.dnabert2_layers import GatedMLP, RowRun, SelfAttention

_FUSED_GATE = """
template <typename T> T gated(T gate, T linear) {
  const float value = static_cast<float>(gate);
  const float activated = 0.5f * value * (1.0f + erff(value * 0.70710678118654752440f));
  return static_cast<T>(activated * static_cast<float>(linear));
}
"""


@contextmanager
def cudnn_attention() -> Iterator[None]:
    """Lets PyTorch choose cuDNN's attention, which a session switches off."""
    before = torch.backends.cuda.cudnn_sdp_enabled()
    torch.backends.cuda.enable_cudnn_sdp(True)
    try:
        yield
    finally:
        torch.backends.cuda.enable_cudnn_sdp(before)


@contextmanager
def replaced(module: type, forward: Callable[..., Tensor]) -> Iterator[None]:
    """Gives a class of modules another forward pass for the time of the block."""
    before = module.forward
    module.forward = forward
    try:
        yield
    finally:
        module.forward = before


def gate_of_one_product(mlp: GatedMLP, hidden: Tensor) -> Tensor:
    """GELU and its gate over the two halves of one product, each row of one next to a row of the other."""
    gate, linear = mlp.gated_layers(hidden).chunk(2, dim=-1)
    found: Tensor = mlp.layernorm(mlp.wo(mlp.act(gate).mul_(linear)) + hidden)
    return found


def gate_in_one_kernel(mlp: GatedMLP, hidden: Tensor) -> Tensor:
    """GELU and its gate in one kernel that CUDA's run-time compiler makes."""
    to_gate, to_linear = mlp.gated_layers.weight.chunk(2)
    gated = _fused_gate()(F.linear(hidden, to_gate), F.linear(hidden, to_linear))
    found: Tensor = mlp.layernorm(mlp.wo(gated) + hidden)
    return found


@functools.cache
def _fused_gate() -> Callable[[Tensor, Tensor], Tensor]:
    made: Callable[[Tensor, Tensor], Tensor] = torch.cuda.jiterator._create_jit_fn(_FUSED_GATE)
    return made


def mlp_in_slices(tokens: int) -> Callable[[GatedMLP, Tensor], Tensor]:
    """The MLP for so many tokens at a time, whose products then stay in the card's cache."""
    whole = GatedMLP.forward

    def forward(mlp: GatedMLP, hidden: Tensor) -> Tensor:
        return torch.cat([whole(mlp, part) for part in hidden.split(tokens)])

    return forward


class OneAttention:
    """Attention of rows of all lengths in one kernel: the memory-efficient one, told where each row starts.

    The kernel takes a bias for each row of the batch at the place of its first token. One bias serves all: its strides
    say that each row starts at the same number. The kernel's check wants a bias as large as all tokens squared, so that
    the view is that large; only its first numbers are ever read.
    """

    def __init__(self) -> None:
        self._made: tuple[object, Tensor, Tensor, int] | None = None

    def of(self, attention: SelfAttention, hidden: Tensor, runs: Sequence[RowRun], bias: Tensor) -> Tensor:
        """The forward pass of :class:`SelfAttention`."""
        starts, wide, longest = self._prepared(len(hidden), runs, bias)
        qkv = attention.Wqkv(hidden).unflatten(-1, (3, attention.n_heads, -1))
        query, key, value = (part.unsqueeze(0) for part in qkv.unbind(1))
        mixed = torch.ops.aten._efficient_attention_forward(
            query, key, value, wide, starts, starts, longest, longest, 0.0, 0
        )[0]
        return mixed.flatten(2).squeeze(0)

    def _prepared(self, tokens: int, runs: Sequence[RowRun], bias: Tensor) -> tuple[Tensor, Tensor, int]:
        if self._made is not None and self._made[0] is runs:
            return self._made[1:]
        lengths = list(chain.from_iterable([run.length] * run.rows for run in runs))
        starts = (
            torch.tensor([0, *accumulate(lengths)], dtype=torch.int32).pin_memory().to(bias.device, non_blocking=True)
        )
        _, heads, size, _ = bias.shape
        room = (heads - 1) * size * size + (tokens - 1) * size + tokens
        flat = bias.new_zeros(room)
        flat[: bias.numel()] = bias.flatten()
        wide = flat.as_strided((1, heads, tokens, tokens), (0, size * size, size, 1))
        self._made = (runs, starts, wide, max(lengths))
        return starts, wide, max(lengths)
