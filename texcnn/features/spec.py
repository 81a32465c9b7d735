"""Which extra inputs a model's head takes, as written in its bundle, and how they are scaled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class FeatureSpec:
    """One extra input per gene.

    Attributes:
        name: Column of the feature table.
        mean: Subtracted from the value; fitted on training genes.
        scale: Divides the difference; fitted on training genes.
        default: Value, after scaling, where no feature table is given; None if the model needs a table.
    """

    name: str
    mean: float = 0.0
    scale: float = 1.0
    default: float | None = None


def scale_features(values: npt.NDArray[np.floating], specs: Sequence[FeatureSpec]) -> Tensor:
    """Scales features ``(n, n_features)`` by the mean and spread of the training genes, float32."""
    import torch  # a model is described without it

    mean = np.array([spec.mean for spec in specs])
    scale = np.array([spec.scale for spec in specs])
    return torch.from_numpy(((values - mean) / scale).astype(np.float32))
