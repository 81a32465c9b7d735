"""Fitting models to measured expression.

Here are the names to choose from: they import nothing, so that a help page does not wait for torch.
"""

from __future__ import annotations

from typing import Literal

SPLITS = ("chromosome", "random", "groups", "file")
"""What a split keeps together: chromosomes, single genes, groups such as families; or a split of a file."""

Optimizer = Literal["adamw", "adam", "sgd"]
OPTIMIZERS: tuple[Optimizer, ...] = ("adamw", "adam", "sgd")
