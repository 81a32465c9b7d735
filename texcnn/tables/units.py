"""The units that models learn and predict in."""

from __future__ import annotations

UNIT_TRANSFORMS = ("log10p0.1", "none")
"""log10(x + 0.1) of RPKM, TPM or counts per million; or the values as they are."""

LOG10_OFFSET = 0.1
"""Added before the logarithm, as by Xpresso."""
