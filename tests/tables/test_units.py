"""The units of predictions: what a silent gene has, and numbers without their logarithm."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from texcnn.tables.units import above_floor, linear_unit, to_linear, unit_floor


class TestUnits:
    @pytest.mark.parametrize(
        ("unit", "floor", "linear"),
        [
            ("log10(RPKM + 0.1)", -1, "RPKM"),
            ("log10(counts per million + 0.1)", -1, "counts per million"),
            ("log10(RPKM + 1)", None, None),
            ("log2(TPM + 0.1)", None, None),
            ("tpm", 0, None),
            ("FPKM", 0, None),
            ("z-score", None, None),
            ("", None, None),
        ],
    )
    def test_floors_and_linear_units(self, unit: str, floor: float | None, linear: str | None) -> None:
        assert unit_floor(unit) == floor
        assert linear_unit(unit) == linear
        values = np.array([-7.0, 0.5], np.float32)
        assert above_floor(values, unit).tolist() == [-7.0 if floor is None else floor, 0.5]

    @given(value=st.floats(0, 1e6))
    def test_a_logarithm_comes_back(self, value: float) -> None:
        logged = np.array([math.log10(value + 0.1)], np.float32)
        found = to_linear(logged)
        assert found.dtype == np.float32
        assert found[0] == pytest.approx(value, rel=1e-5, abs=1e-6)

    @given(values=st.lists(st.floats(-5, 5, width=32), min_size=2))
    def test_no_order_changes(self, values: list[float]) -> None:
        ordered = np.sort(np.array(values, np.float32))
        assert (np.diff(to_linear(ordered)) >= 0).all()
        assert (to_linear(ordered) >= 0).all()
