"""The conda profile's environment holds what the package declares."""

from __future__ import annotations

import tomllib
from pathlib import Path

import yaml

CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base", "huggingface-hub": "huggingface_hub"}


def test_environment_equals_the_declared_dependencies(project: Path) -> None:
    declared = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    expected = {f"python{declared['requires-python']}"}
    for requirement in declared["dependencies"]:
        name, limit = requirement.split(">=", 1)
        expected.add(f"{CONDA_NAMES.get(name, name)}>={limit}")
    environment = yaml.safe_load((project / "environment.yml").read_text())
    assert set(environment["dependencies"]) == expected
    assert len(environment["dependencies"]) == len(expected)
