"""Modules of a user in evaluation mode while they predict, and as they were afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn

from texcnn.encoders.module_encoder import ModuleEncoder


@contextmanager
def evaluation_mode(parts: Iterable[object]) -> Iterator[None]:
    """Sets modules to evaluation for the time of the block: dropout in training mode would give random numbers.

    Args:
        parts: As of :func:`stop_training`.
    """
    training = stop_training(parts)
    try:
        yield
    finally:
        resume_training(training)


def stop_training(parts: Iterable[object]) -> list[nn.Module]:
    """Sets modules to evaluation; returns those of their layers that were in training mode.

    Args:
        parts: Modules, and encoders whose weights are a module; others have no such mode.
    """
    training = []
    for part in parts:
        module = part.model if isinstance(part, ModuleEncoder) else part
        if isinstance(module, nn.Module):
            training += [layer for layer in module.modules() if layer.training]
            module.eval()
    return training


def resume_training(layers: Iterable[nn.Module]) -> None:
    """Puts these layers back into training mode."""
    for layer in layers:
        layer.training = True
