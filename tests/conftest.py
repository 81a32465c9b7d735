"""Fixtures every test may use: where the real data lies, the device, and no network."""

from __future__ import annotations

import logging
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("NXF_OFFLINE", "true")

import pytest
import torch
from hypothesis import settings
from tiny import CompositionEncoder, save_tiny, save_tiny_dnabert2

# The same examples in every run, and no limit on the time of one: a machine may be busy.
settings.register_profile("texcnn", deadline=None, derandomize=True, database=None)
settings.load_profile("texcnn")

PROJECT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("TEXCNN_DATA", PROJECT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's root."""
    return PROJECT


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data; the test is skipped where it is missing."""
    if not (DATA / "human" / "hg38_slice.fa.gz").is_file():
        pytest.skip(f"no real data at {DATA}: set TEXCNN_DATA")
    return DATA


@pytest.fixture(autouse=True)
def _loud() -> None:
    """A command with --quiet, run in the process of the tests, leaves the library's log at errors only."""
    logging.getLogger("texcnn").setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def cuda() -> str:
    """The GPU's name; the test is skipped where there is none."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return "cuda"


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> str:
    """Each device of this machine."""
    return request.getfixturevalue("cuda") if request.param == "cuda" else request.param


@pytest.fixture
def composition(monkeypatch: pytest.MonkeyPatch) -> CompositionEncoder:
    """Registers the encoder type ``composition`` as a package's entry point would, and returns the encoder."""
    from texcnn.encoders import registry

    encoder = CompositionEncoder()
    built_in = registry.encoder_types()
    monkeypatch.setattr(registry, "encoder_types", lambda: {**built_in, "composition": lambda spec, bundle: encoder})
    return encoder


@pytest.fixture
def tiny(tmp_path: Path, composition: CompositionEncoder) -> Path:
    """Folder of a model whose predictions can be worked out by hand."""
    return save_tiny(tmp_path / "tiny-model")


@pytest.fixture
def tiny_dnabert2(tmp_path: Path) -> Path:
    """Folder of a random model of the DNABERT-2 architecture."""
    return save_tiny_dnabert2(tmp_path / "tiny-dnabert2")
