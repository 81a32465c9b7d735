"""Vectors as a store keeps them: float32, float16, or bfloat16 as the 16-bit words that NumPy has no type for."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from texcnn.errors import StoreError

ARRAY_DTYPES = {"float32": "float32", "float16": "float16", "bfloat16": "uint16"}
"""Type of a store's vectors to that of its Zarr array."""


def encode(values: Tensor, store_dtype: str) -> npt.NDArray[Any]:
    """Rounds float32 vectors to the nearest of a store's type.

    Raises:
        StoreError: when a vector is beyond the range of float16.
    """
    if store_dtype == "bfloat16":
        return values.to(torch.bfloat16).view(torch.int16).numpy().view(np.uint16)
    if store_dtype == "float16":
        rounded = values.to(torch.float16)
        if not torch.isfinite(rounded[torch.isfinite(values)]).all():
            raise StoreError(
                f"vectors up to {values.abs().max():.3g} exceed the range of float16",
                where="`store_dtype`",
                allowed="up to 65504 in float16",
                remedy="use `store_dtype` bfloat16, which has float32's range",
            )
        return rounded.numpy()
    return values.numpy()


def decode(stored: npt.NDArray[Any], store_dtype: str) -> Tensor:
    """Turns stored vectors into float32; exact."""
    if store_dtype == "bfloat16":
        return torch.from_numpy(stored.view(np.int16)).view(torch.bfloat16).float()
    return torch.from_numpy(stored).float()
