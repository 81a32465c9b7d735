"""Measured expression in the unit that models are trained on."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from texcnn.errors import InputError, unknown_name
from texcnn.tables.units import LOG10_OFFSET, UNIT_TRANSFORMS

_LOG = logging.getLogger("texcnn")


LARGEST_LOGARITHM = 25.0
"""log2 of 32 million: a matrix in RPKM or TPM whose highest value is below it has most likely been logged already."""


def transform_expression(frame: pd.DataFrame, transform: str, *, where: object) -> pd.DataFrame:
    """Brings expression to the unit that models are trained on.

    Args:
        frame: Genes x cell types, as of :func:`read_expression`.
        transform: One of :data:`texcnn.tables.units.UNIT_TRANSFORMS`.
        where: The file, for messages.

    Returns:
        The frame, or log10(x + 0.1) of it; NaN stays NaN. Values that look like logarithms already are logged as a
        warning.

    Raises:
        InputError: when the transform is unknown, or a value is negative and has no logarithm.
    """
    if transform not in UNIT_TRANSFORMS:
        raise unknown_name("unit transform", transform, UNIT_TRANSFORMS)
    if transform == "none":
        return frame
    values = frame.to_numpy(np.float64)
    negative = np.argwhere(values < 0)
    if len(negative):
        row, column = negative[0]
        raise InputError(
            f"{len(negative)} negative values, such as {values[row, column]:g} of gene {frame.index[row]} in "
            f"'{frame.columns[column]}'",
            where=where,
            allowed="RPKM, TPM or the like, from 0 up",
            remedy="if the values are logarithms already, choose the transform 'none'",
        )
    known = values[~np.isnan(values)]
    if known.size and known.max() < LARGEST_LOGARITHM:
        _LOG.warning(
            "%s: the highest value is %g, so the values may be logarithms already; choose the transform 'none' if so",
            where,
            known.max(),
        )
    return pd.DataFrame(np.log10(values + LOG10_OFFSET), index=frame.index, columns=frame.columns)
