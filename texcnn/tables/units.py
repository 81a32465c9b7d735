"""The units that models learn and predict in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line names units in its help, which must not wait for numpy
    import numpy as np
    import numpy.typing as npt

UNIT_TRANSFORMS = ("log10p0.1", "none")
"""log10(x + 0.1) of RPKM, TPM or counts per million; or the values as they are."""

LOG10_OFFSET = 0.1
"""Added before the logarithm, as by Xpresso."""

_LOG10_UNIT = re.compile(r"log10\((.+) \+ 0\.1\)")


def unit_floor(unit: str) -> float | None:
    """Returns the value of a gene that is silent: -1 for log10(x + 0.1); None for a unit without a lowest value."""
    if _LOG10_UNIT.fullmatch(unit):
        return -1.0
    return 0.0 if unit.upper() in ("RPKM", "FPKM", "TPM", "CPM") else None


def above_floor(values: npt.NDArray[np.float32], unit: str) -> npt.NDArray[np.float32]:
    """Raises what a model predicts below the unit's floor to it."""
    import numpy as np

    floor = unit_floor(unit)
    return values if floor is None else np.maximum(values, np.float32(floor))


def linear_unit(unit: str) -> str | None:
    """Returns the unit without its logarithm: ``RPKM`` for ``log10(RPKM + 0.1)``; None for a unit without one."""
    found = _LOG10_UNIT.fullmatch(unit)
    return None if found is None else found[1]


def to_linear(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Takes log10(x + 0.1) back to x."""
    import numpy as np

    linear = 10 ** values.astype(np.float64) - LOG10_OFFSET
    return np.maximum(linear, 0).astype(np.float32)
