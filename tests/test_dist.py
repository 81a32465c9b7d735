"""What is uploaded: the wheel and the sdist, built without a network, and what the check of them notices."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

BUILD = """
from setuptools import build_meta
print(build_meta.build_wheel({out!r}), build_meta.build_sdist({out!r}))
"""


@pytest.fixture(scope="module")
def dist(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both archives, built of a copy: the build writes into the source's folder."""
    folder = tmp_path_factory.mktemp("dist")
    source, out = folder / "source", folder / "dist"
    source.mkdir()
    out.mkdir()
    for name in ("texcnn", "kipoi_model"):
        shutil.copytree(project / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(project / name, source)
    subprocess.run([sys.executable, "-c", BUILD.format(out=str(out))], cwd=source, check=True, capture_output=True)
    return out


def check(project: Path, dist: Path) -> str:
    done = subprocess.run([sys.executable, project / "scripts" / "check_dist.py", dist], capture_output=True, text=True)
    assert bool(done.returncode) == bool(done.stderr), done.stderr
    return done.stderr


@pytest.mark.slow
def test_archives_hold_the_whole_package_and_nothing_else(project: Path, dist: Path, tmp_path: Path) -> None:
    assert check(project, dist) == ""
    wheel = next(dist.glob("*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    assert {"texcnn/py.typed", "texcnn/bundled/texcnn-mini/model.safetensors", "texcnn/report/page/page.js"} <= set(
        names
    )
    assert any(name.endswith("share/texcnn/kipoi_model/TExCNN/model.yaml") for name in names)

    spoilt = tmp_path / "dist"
    shutil.copytree(dist, spoilt)
    with zipfile.ZipFile(spoilt / wheel.name, "a") as file:
        file.writestr("tests/conftest.py", "")
    assert "tests/conftest.py, which is no part of the package" in check(project, spoilt)


def test_the_conda_recipe_has_the_declared_dependencies_and_version(project: Path) -> None:
    recipe = yaml.safe_load((project / "conda" / "recipe.yaml").read_text())
    environment = yaml.safe_load((project / "environment.yml").read_text())
    assert [entry.replace(" ", "") for entry in recipe["requirements"]["run"]] == environment["dependencies"]
    declared = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    assert recipe["context"]["version"] == declared["version"]
    assert [f"{name} = {target}" for name, target in declared["scripts"].items()] == recipe["build"]["python"][
        "entry_points"
    ]


def test_the_image_is_pinned_and_runs_as_no_root(project: Path) -> None:
    lines = (project / "Dockerfile").read_text().splitlines()
    base = next(line for line in lines if line.startswith("FROM "))
    assert re.fullmatch(r"FROM python:3\.\d+\.\d+-slim-\w+", base), "a version with all three numbers"
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users
    assert users[-1] not in ("root", "0")
    assert "--constraint constraints.txt" in "\n".join(lines)
