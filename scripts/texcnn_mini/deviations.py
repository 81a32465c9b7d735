"""How much each member's differences between cell types count.

A network that is fitted to few genes says too little of how cell types differ, and 4-mers say more of it than the other
encoders. So in the mean of all members these differences, beyond those of the usual gene, weigh otherwise than the mean
over cell types does, which stays as it is, and so does the median. :data:`FACTORS` was chosen on the validation
chromosomes; ``docs/texcnn-mini.md`` says how.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FACTORS = {"m": 13 / 7, "k4": 13 / 7, "xf": 6.5 / 7, "k5s": 6.5 / 7, "k6sn": 6.5 / 7}
"""Beginning of a recipe's name to factor: twice as much of 4-mers and convolutions, and 1.3 times as much of all."""


def factor_of(recipe: str) -> float:
    """Returns the factor of a recipe or member."""
    return next(factor for name, factor in FACTORS.items() if recipe.startswith(name))


def scaled(
    values: npt.NDArray[np.floating], usual: npt.NDArray[np.floating], factor: float
) -> npt.NDArray[np.floating]:
    """Multiplies differences between cell types.

    Args:
        values: ``(..., 58)``: the median, which stays, then the cell types.
        usual: ``(58,)``: the usual gene's; its differences stay.
        factor: Of what differs beyond them.
    """
    cell_types, shift = values[..., 1:], usual[1:] - usual[1:].mean()
    mean = cell_types.mean(axis=-1, keepdims=True)
    changed = mean + shift + factor * (cell_types - mean - shift)
    return np.concatenate([values[..., :1], changed], axis=-1)
