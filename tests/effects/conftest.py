"""A random genome with genes, for variants."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "genome"))

from effect_files import Case, random_case


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return random_case(tmp_path)
