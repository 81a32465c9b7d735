"""The bundled models give the committed numbers, on this machine as on every other."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from texcnn.model.catalog import bundled_models

TOLERANCE = 2e-5
"""Processors sum in other orders; a change of a weight, a window or a tokenizer shows in the third digit."""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = Path(__file__).parents[2] / "scripts" / "golden_predictions.py"
    spec = importlib.util.spec_from_file_location("golden_predictions", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("model", list(bundled_models()))
def test_predictions_are_those_that_are_committed(script: ModuleType, model: str) -> None:
    expected = pd.read_csv(script.GOLDEN / f"{model}.tsv", sep="\t")
    assert len(expected) >= 18
    assert expected.iloc[:, -10:].std().min() > 0.01, "the genes differ"
    found = script.golden_predictions(model)
    pd.testing.assert_frame_equal(found, expected, rtol=0, atol=TOLERANCE, check_dtype=False)
