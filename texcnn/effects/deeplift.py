"""DeepLIFT's rescale rule: how each input changes the prediction, against neutral inputs.

Shrikumar et al. 2017 (arXiv:1704.02685): a ReLU passes back the ratio of what changes behind it to what changes before
it, a maximum shares its change between the places where it was and is. Contributions then add up to the change of the
prediction exactly; where they do not, the head has layers that these rules do not cover.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool1d, max_unpool1d

from texcnn.errors import ModelError
from texcnn.model.network import HeadInputs, Network, OneHotNetwork

_NO_CHANGE = 1e-7
_TOLERANCE = 1e-3
"""Of the largest prediction or 1: ratios of small changes lose digits."""


@dataclass(frozen=True)
class Multipliers:
    """Contributions of a head's inputs.

    Attributes:
        values: ``(n_cell_types, ...)``, in the shape of one row of the head's inputs.
        reference: The neutral inputs, one row: zero vectors; equal shares of the four bases where a base is
            known.
        prediction: ``(n_cell_types,)``.
        of_reference: The same for ``reference``.
    """

    values: Tensor
    reference: Tensor
    prediction: Tensor
    of_reference: Tensor


def multipliers(network: Network[Any], inputs: HeadInputs, columns: Sequence[int]) -> Multipliers:
    """Applies the rescale rule to the head.

    Args:
        network: The network; its head is in evaluation mode.
        inputs: What the head reads of one window.
        columns: The cell types.

    Raises:
        ModelError: The head has layers that the rule does not cover.
    """
    given = inputs.values.detach()
    if isinstance(network, OneHotNetwork):
        reference = given.sum(dim=1, keepdim=True).expand_as(given) / given.shape[1]
    else:
        reference = torch.zeros_like(given)
    values = torch.cat([given, reference]).requires_grad_()
    features = None if inputs.features is None else torch.cat([inputs.features] * 2)
    with _rescaled(network.head):
        predicted = network.apply(HeadInputs(values, torch.cat([inputs.mask] * 2), features))[:, list(columns)]
        found = torch.stack(
            [torch.autograd.grad(number, values, retain_graph=True)[0][0] for number in predicted[0].unbind()]
        )
    prediction, of_reference = predicted.detach()
    explained = (found * (given - reference)).flatten(1).sum(dim=1)
    difference = float((explained - (prediction - of_reference)).abs().max())
    if difference > _TOLERANCE * max(1.0, float(predicted.detach().abs().max())):
        raise ModelError(
            f"DeepLIFT does not hold for the head {type(network.head).__name__}: contributions miss the prediction by "
            f"{difference:.3g}", where="`method`", allowed="ism, gradient, ablation",
        )  # fmt: skip
    return Multipliers(found, reference, prediction, of_reference)


@contextmanager
def _rescaled(head: nn.Module) -> Iterator[None]:
    """Lets ReLU and maxima pass back multipliers instead of gradients within the block."""
    changed: list[nn.Module] = []
    try:
        for module in head.modules():
            if isinstance(module, nn.ReLU):
                module.forward = _Relu.apply  # type: ignore[method-assign]
            elif isinstance(module, nn.MaxPool1d):
                module.forward = partial(_max_pool, module.kernel_size)  # type: ignore[method-assign]
            else:
                continue
            changed.append(module)
        yield
    finally:
        for module in changed:
            del module.forward


class _Relu(torch.autograd.Function):
    """ReLU of a row and its reference; backwards it multiplies by the ratio of their differences."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.save_for_backward(values)
        return values.relu()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (values,) = ctx.saved_tensors
        before, after = _change(values), _change(values.relu())
        ratio = torch.where(before.abs() < _NO_CHANGE, (values[:1] > 0).to(values.dtype), after / before)
        return gradient * ratio


class _MaxPool(torch.autograd.Function):
    """Maximum over bins of a row and its reference; backwards its change goes to where it was and to where it is."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, size: int) -> Tensor:
        pooled, indices = max_pool1d(values, size, return_indices=True)
        ctx.save_for_backward(values, pooled, indices)
        ctx.size = size
        return pooled

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        values, pooled, indices = ctx.saved_tensors
        larger = torch.maximum(pooled[:1], pooled[1:])
        shares = torch.cat([larger - pooled[1:], pooled[:1] - larger]) * gradient[:1]
        placed = max_unpool1d(shares, indices, ctx.size, output_size=[values.shape[2]]).sum(dim=0, keepdim=True)
        before = _change(values)
        found = torch.where(before.abs() < _NO_CHANGE, torch.zeros_like(before), placed / before)
        return torch.cat([found, torch.zeros_like(found)]), None


def _max_pool(size: int | tuple[int], values: Tensor) -> Tensor:
    return cast(Tensor, _MaxPool.apply(values, size))  # type: ignore[no-untyped-call]


def _change(values: Tensor) -> Tensor:
    return values[:1] - values[1:]
