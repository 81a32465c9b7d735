"""The device that the checks of a GPU run on."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session")
def gpu(request: pytest.FixtureRequest) -> str:
    """A GPU's name, or that of another device to try the checks on, as TEXCNN_GPU_CHECKS says."""
    device = os.environ.get("TEXCNN_GPU_CHECKS", "cuda")
    return request.getfixturevalue("cuda") if device == "cuda" else device
