"""model.yaml and the example files are in step with the bundled model and the demo genome."""

from __future__ import annotations

import gzip
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import texcnn


@pytest.fixture(scope="module")
def script(project: Path) -> ModuleType:
    path = project / "scripts" / "make_kipoi_model.py"
    specification = importlib.util.spec_from_file_location("make_kipoi_model", path)
    assert specification is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["make_kipoi_model"] = module
    assert specification.loader is not None
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(project: Path) -> Path:
    return project / "kipoi_model" / "TExCNN"


def test_running_the_script_changes_nothing(script: ModuleType, folder: Path, tmp_path: Path) -> None:
    text = (folder / "model.yaml").read_text()
    assert script.model_yaml(text) == text
    script.write_example_files(tmp_path)
    for path in tmp_path.iterdir():
        committed = (folder / "example_files" / path.name).read_bytes()
        if path.suffix == ".gz":
            assert gzip.decompress(path.read_bytes()) == gzip.decompress(committed)
        elif path.suffix != ".gzi":  # places within the packed file, which deflate libraries pack differently
            assert path.read_bytes() == committed
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in (folder / "example_files").iterdir()}


def test_targets_are_the_models_cell_types(folder: Path) -> None:
    targets = yaml.safe_load((folder / "model.yaml").read_text())["schema"]["targets"]
    model = texcnn.load_model()
    assert tuple(targets) == model.cell_types
    assert all(target["name"] == name for name, target in targets.items())
    assert all(model.unit in target["doc"] for target in targets.values())


def test_targets_of_a_model_that_changed_would_be_noticed(script: ModuleType, folder: Path) -> None:
    text = (folder / "model.yaml").read_text()
    first = texcnn.load_model().cell_types[0]
    assert script.model_yaml(text.replace(f"    {first}:\n", "    other:\n")) == text


def test_dataloader_names_every_argument_of_the_class(folder: Path) -> None:
    import ast

    tree = ast.parse((folder / "dataloader.py").read_text())
    init = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "__init__")
    described = yaml.safe_load((folder / "dataloader.yaml").read_text())["args"]
    assert list(described) == [argument.arg for argument in init.args.args[1:]]
    optional = {name for name, entry in described.items() if entry.get("optional")}
    assert optional == set(described) - {"fasta_file"} - ({"gtf_file"} - optional)
