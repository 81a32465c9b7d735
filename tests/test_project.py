"""The project's own files agree with each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml


@pytest.fixture(scope="module")
def settings(project: Path) -> dict:  # type: ignore[type-arg]
    with (project / "pyproject.toml").open("rb") as handle:
        return tomllib.load(handle)


def test_the_version_is_the_same_everywhere(project: Path, settings: dict) -> None:  # type: ignore[type-arg]
    version = settings["project"]["version"]
    assert yaml.safe_load((project / "CITATION.cff").read_text())["version"] == version
    manifest = re.search(r"manifest \{.*?version\s*=\s*'([^']+)'", (project / "nextflow.config").read_text(), re.DOTALL)
    assert manifest is not None
    assert manifest[1] == version
    assert f"## {version}" in (project / "CHANGELOG.md").read_text()


def test_every_direct_dependency_is_locked_with_a_hash(project: Path, settings: dict) -> None:  # type: ignore[type-arg]
    lock = (project / "requirements.lock").read_text()
    pinned = {name.lower().replace("_", "-") for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.MULTILINE)}
    extras = settings["project"]["optional-dependencies"]
    wanted = [*settings["project"]["dependencies"], *extras["dev"], *extras["kipoi"], *extras["evaluate"]]
    names = {re.match(r"[A-Za-z0-9._-]+", entry)[0].lower().replace("_", "-") for entry in wanted}  # type: ignore[index]
    assert names - pinned == set()
    assert lock.count("--hash=sha256:") > len(pinned)
    assert "://" not in lock, "the lock names no address"


def test_workflows_and_templates_are_yaml(project: Path) -> None:
    found = sorted((project / ".github").rglob("*.yml"))
    assert len(found) >= 4
    for path in [*found, project / ".pre-commit-config.yaml"]:
        assert yaml.safe_load(path.read_text()), path


def test_continuous_integration_covers_the_declared_pythons(project: Path, settings: dict) -> None:  # type: ignore[type-arg]
    workflow = yaml.safe_load((project / ".github" / "workflows" / "ci.yml").read_text())
    tested = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    declared = [entry.split(" :: ")[-1] for entry in settings["project"]["classifiers"] if "Python :: 3." in entry]
    assert tested == declared
    assert settings["project"]["requires-python"] == f">={declared[0]}"


def test_test_files_have_names_of_their_own(project: Path) -> None:
    """Pytest imports a test file by its bare name."""
    names = [path.name for path in (project / "tests").rglob("test_*.py")]
    assert {name for name in names if names.count(name) > 1} == set()
