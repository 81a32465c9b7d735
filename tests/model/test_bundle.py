"""A bundle comes back as it was saved, and nothing that was changed is trusted."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd
import pytest
import torch
from tiny import CELL_TYPES, save_tiny, save_tiny_dnabert2

from texcnn.errors import ModelError
from texcnn.features.spec import FeatureSpec
from texcnn.files import sha256_file
from texcnn.model.bundle import BundleConfig, BundleFiles, copy_bundle, save_bundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_tiny(tmp_path / "bundle", features=[FeatureSpec("utr", mean=2.0, scale=0.5, default=0.0)])


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_comes_back_as_saved(folder: Path) -> None:
    files = BundleFiles(folder)
    assert files.config.name == "tiny"
    assert files.config.features == (FeatureSpec("utr", mean=2.0, scale=0.5, default=0.0),)
    assert files.config.encoders[0].type == "composition"
    assert files.config.window.length == 30
    assert files.cell_types.to_dict("list") == CELL_TYPES.to_dict("list")
    assert set(files.tensors("head.")) == {
        "convolutions.0.weight",
        "convolutions.0.bias",
        "output.weight",
        "output.bias",
    }
    assert BundleConfig.from_json(files.config.to_json(), where=folder) == files.config


def test_sums_are_those_of_the_files(folder: Path) -> None:
    sums = json.loads((folder / "config.json").read_text())["sha256"]
    assert set(sums) == {"model.safetensors", "cell_types.tsv", "README.md"}
    assert all(sha256_file(folder / name) == value for name, value in sums.items())


@pytest.mark.parametrize("name", ["model.safetensors", "cell_types.tsv", "README.md"])
def test_a_changed_file_is_refused(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(
        ModelError, match=rf"wrong checksum: sha256 {sha256_file(folder / name)}.*{name}.*allowed: .*fetch"
    ):
        BundleFiles(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "cell_types.tsv", "README.md"])
def test_a_missing_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"'{name}' is missing"):
        BundleFiles(folder)


def test_a_file_without_a_sum_is_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    del config["sha256"]["model.safetensors"]
    edit_config(folder, sha256=config["sha256"])
    with pytest.raises(ModelError, match=r"no checksum for 'model\.safetensors'"):
        BundleFiles(folder)


def test_a_file_outside_the_folder_is_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    edit_config(folder, sha256={**config["sha256"], "../elsewhere": "0"})
    with pytest.raises(ModelError, match=r"no checksum for '\.\./elsewhere'"):
        BundleFiles(folder)


@pytest.mark.parametrize(
    ("version", "remedy"), [(99, "update texcnn"), (0, "export the model again"), (None, "export")]
)
def test_another_format_version_is_refused(folder: Path, version: int | None, remedy: str) -> None:
    edit_config(folder, format_version=version)
    with pytest.raises(ModelError, match=f"format version {version}.*allowed: 1.*{remedy}"):
        BundleFiles(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, "unknown entries colour"),
        ({"window": {"upstream": -1, "downstream": 5}}, "unusable model description"),
        ({"window": None}, "unusable model description"),
        ({"kind": "magic"}, "unusable entries: kind: input should be 'segments' or 'one-hot'"),
        ({"encoders": []}, "kind 'segments' with 0 encoders"),
        ({"encoders": None}, "unusable entries: encoders"),
        ({"head": {"type": {}}}, r"unusable entries: head\.type: input should be a valid string"),
        ({"head": {"type": "linear", "options": [1]}}, r"unusable entries: head\.options"),
        ({"head": {"type": "linear", "colour": 1}}, "unusable model description.*colour"),
        ({"sha256": False}, "unusable entries: sha256: input should be an object"),
        ({"features": [{"name": None}]}, r"unusable entries: features\[0\]\.name"),
        ({"features": [{"name": "x", "mean": "1"}]}, r"unusable entries: features\[0\]\.mean"),
        ({"features": [{"name": "x", "mean": math.nan}]}, "not JSON: NaN is not a finite number"),
        ({"window": {"upstream": 5, "downstream": math.nan}}, "not JSON: NaN is not a finite number"),
        ({"window": {"upstream": 5, "downstream": math.inf}}, "not JSON: Infinity is not a finite number"),
        ({"window": {"upstream": 5.5, "downstream": 5}}, r"unusable entries: window\.upstream"),
        ({"window": {"upstream": True, "downstream": 5}}, r"unusable entries: window\.upstream"),
        ({"name": None, "unit": 7}, "unusable entries: name: .*; unit: "),
        ({"encoders": [{"type": "x"}]}, r"unusable entries: encoders\[0\]\.source: field required"),
    ],
)
def test_an_unusable_config_is_refused(folder: Path, changes: dict[str, object], message: str) -> None:
    edit_config(folder, **changes)
    with pytest.raises(ModelError, match=message):
        BundleFiles(folder)


def test_config_that_is_no_json(folder: Path, tmp_path: Path) -> None:
    (folder / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"not JSON"):
        BundleFiles(folder)
    (folder / "config.json").write_text("[1]")
    with pytest.raises(ModelError, match=r"not a JSON object"):
        BundleFiles(folder)
    (folder / "config.json").write_text("[" * 100_000)
    with pytest.raises(ModelError, match=r"nested too deeply"):
        BundleFiles(folder)
    (folder / "config.json").write_text('{"format_version": 1, "scale": 1e999}')
    with pytest.raises(ModelError, match=r"1e999 is not a finite number"):
        BundleFiles(folder)
    (folder / "config.json").write_bytes(b'{"name": "\xff"}')
    with pytest.raises(ModelError, match=r"not JSON.*0xff"):
        BundleFiles(folder)
    with pytest.raises(ModelError, match=r"not a model bundle.*config.json"):
        BundleFiles(tmp_path)


def test_weights_that_are_no_safetensors(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"pickle?")
    sums = {name: sha256_file(folder / name) for name in ("model.safetensors", "cell_types.tsv", "README.md")}
    edit_config(folder, sha256=sums)
    files = BundleFiles(folder)
    with pytest.raises(ModelError, match=r"unreadable weights"):
        files.tensors("head.")


def test_weights_that_are_not_finite(folder: Path) -> None:
    config = BundleFiles(folder).config
    for value in (math.nan, math.inf):
        save_bundle(folder, config, {"head.x": torch.tensor([1.0, value]), "head.y": torch.zeros(2)}, CELL_TYPES, "")
        with pytest.raises(ModelError, match=r"numbers that are not finite, in head\.x"):
            BundleFiles(folder).tensors("head.")


def test_a_pointer_of_git_lfs_is_known_as_one(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(ModelError, match=r"model\.safetensors is a Git LFS pointer.*git lfs pull"):
        BundleFiles(folder)


def test_further_files_are_kept_and_checked(tmp_path: Path) -> None:
    files = BundleFiles(save_tiny_dnabert2(tmp_path / "bundle"))
    assert files.path("tokenizer.json").read_bytes().startswith(b"{")
    with pytest.raises(ModelError, match=r"no file 'vocab.txt'"):
        files.path("vocab.txt")


def test_saving_replaces_the_whole_folder(folder: Path) -> None:
    (folder / "stray").write_text("left over")
    config = BundleFiles(folder).config
    save_bundle(folder, config, {"head.x": torch.zeros(1)}, CELL_TYPES, "# new\n")
    assert not (folder / "stray").exists()
    assert (folder / "README.md").read_text() == "# new\n"
    assert sorted(path.name for path in folder.parent.iterdir()) == ["bundle"]


def test_a_failed_save_leaves_the_old_bundle(folder: Path) -> None:
    before = (folder / "config.json").read_bytes()
    config = BundleFiles(folder).config
    with pytest.raises(TypeError):
        save_bundle(folder, config, {}, CELL_TYPES, "# new\n", files={"bad": object()})  # type: ignore[dict-item]
    assert (folder / "config.json").read_bytes() == before
    assert sorted(path.name for path in folder.parent.iterdir()) == ["bundle"]


def test_cell_types_need_unique_names(folder: Path) -> None:
    config = BundleFiles(folder).config
    for table in (
        pd.DataFrame({"cell_type": ["a", "a"]}),
        pd.DataFrame({"name": ["a"]}),
        pd.DataFrame({"cell_type": ["a\tb"]}),
    ):
        with pytest.raises(ModelError, match=r"unique names"):
            save_bundle(folder, config, {}, table, "")


def test_a_copy_is_the_same_bundle(folder: Path, tmp_path: Path) -> None:
    copy_bundle(folder, tmp_path / "copy")
    names = sorted(path.name for path in folder.iterdir())
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == names
    assert all((folder / name).read_bytes() == (tmp_path / "copy" / name).read_bytes() for name in names)
