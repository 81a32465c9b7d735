"""A model described without torch: what decides which work it can share."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import save_tiny_dnabert2

from texcnn.errors import ModelError
from texcnn.features.spec import FeatureSpec
from texcnn.files import sha256_file
from texcnn.model.bundle import BundleFiles
from texcnn.model.catalog import resolve_model
from texcnn.model.describe import describe_model


def test_says_what_a_program_needs(tmp_path: Path) -> None:
    features = [FeatureSpec("log10_cds_length_bp", default=0.0), FeatureSpec("cds_gc")]
    output = describe_model(save_tiny_dnabert2(tmp_path / "a", features=features))
    assert (output["kind"], output["features"], output["needed"]) == (
        "segments",
        ["log10_cds_length_bp", "cds_gc"],
        ["cds_gc"],
    )
    assert output["half_life"] == "log10"
    assert 0 < output["encoder_bytes"] < 100_000
    assert output["cell_types"] == ["x", "y", "z"]
    assert json.dumps(output)


def test_half_life_scales(tmp_path: Path) -> None:
    scales = {}
    for name in ("cds_length_bp", "log10_cds_length_bp", "MYC"):
        scales[name] = describe_model(save_tiny_dnabert2(tmp_path / name, features=[FeatureSpec(name)]))["half_life"]
    assert scales == {"cds_length_bp": "plain", "log10_cds_length_bp": "log10", "MYC": None}


def test_equal_encoders_are_found_whatever_the_head(tmp_path: Path) -> None:
    a = describe_model(save_tiny_dnabert2(tmp_path / "a", seed=1))
    b = describe_model(save_tiny_dnabert2(tmp_path / "b", seed=2))
    c = describe_model(save_tiny_dnabert2(tmp_path / "c", seed=1, features=[FeatureSpec("MYC")]))
    assert a["encoders"] != b["encoders"]
    assert a["encoders"] == c["encoders"]
    assert a["content"] != c["content"]
    again = describe_model(save_tiny_dnabert2(tmp_path / "again", seed=1))
    assert again == a, "a folder's name is not a part of it"


def test_unreadable_weights(tmp_path: Path) -> None:
    folder = save_tiny_dnabert2(tmp_path / "a")
    (folder / "model.safetensors").write_bytes(b"pickle?")
    config = json.loads((folder / "config.json").read_text())
    config["sha256"]["model.safetensors"] = sha256_file(folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="unreadable weights"):
        describe_model(folder)


def test_encoders_weights_are_counted_and_counting_bases_has_none(tiny: Path) -> None:
    assert describe_model(tiny)["encoder_bytes"] == 0
    weights = BundleFiles(resolve_model("texcnn-yeast")).tensors("encoders.")
    expected = sum(tensor.numel() * tensor.element_size() for tensor in weights.values())
    assert describe_model("texcnn-yeast")["encoder_bytes"] == expected > 0


def test_torch_is_not_loaded() -> None:
    code = "import sys; from texcnn.model.describe import describe_model; describe_model(); "
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_vectors_that_are_quickly_made_again(tmp_path: Path, tiny: Path) -> None:
    """Counts, and small convolutions over short windows; no language model, whatever its size, and no plug-in."""
    assert not describe_model(tiny)["cheap"]
    assert describe_model("texcnn-yeast")["cheap"]
    assert describe_model("texcnn-mini")["cheap"], "small convolutions and counts, but 460 kB a gene on the disk"
    assert not describe_model(save_tiny_dnabert2(tmp_path / "a"))["cheap"]
