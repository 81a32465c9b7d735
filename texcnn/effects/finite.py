"""Checks that predictions are finite exactly where bases and features are known."""

from __future__ import annotations

import torch
from torch import Tensor

from texcnn.errors import RunError


def finite_where_known(values: Tensor, known: Tensor) -> Tensor:
    """Returns predictions with NaN where nothing is known.

    Args:
        values: float32 ``(n, n_cell_types)``.
        known: bool ``(n,)``.

    Raises:
        RunError: A prediction that should be there is not finite.
    """
    if (known & ~values.isfinite().all(dim=1)).any():
        raise RunError(
            "the model gave a number that is not finite",
            remedy="compute in float32 (`dtype`); if that does not help, the model's weights are unusable",
        )
    return values.masked_fill(~known[:, None], torch.nan)
