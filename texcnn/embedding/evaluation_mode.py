"""Modules of a user in evaluation mode while they predict, and as they were afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluation_mode(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Sets modules to evaluation for the time of the block: dropout in training mode would give random numbers."""
    training = stop_training(modules)
    try:
        yield
    finally:
        resume_training(training)


def stop_training(modules: Iterable[nn.Module]) -> list[nn.Module]:
    """Sets modules to evaluation; returns those of their layers that were in training mode."""
    training = []
    for module in modules:
        training += [layer for layer in module.modules() if layer.training]
        module.eval()
    return training


def resume_training(layers: Iterable[nn.Module]) -> None:
    """Puts layers back into training mode, each for itself."""
    for layer in layers:
        layer.training = True
