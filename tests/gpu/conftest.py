"""The device that the checks of a GPU run on."""

from __future__ import annotations

import os

import pytest
import torch


@pytest.fixture(scope="session")
def gpu() -> str:
    """A GPU's name; skips where there is none, unless TEXCNN_GPU_CHECKS names another device to try the checks on."""
    device = os.environ.get("TEXCNN_GPU_CHECKS", "cuda")
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return device
