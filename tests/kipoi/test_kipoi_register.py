"""Registering with Kipoi: what happens to its configuration file. Kipoi itself is not needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from texcnn.cli.kipoi_register import find_source, kipoi_config, register, unregister
from texcnn.errors import InputError

GIT = {"type": "git", "remote_url": "https://example.org/zoo.git", "local_path": "/zoo", "auto_update": True}
OTHER = {"type": "local", "local_path": "/other"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    (folder / "TExCNN").mkdir(parents=True)
    (folder / "TExCNN" / "model.yaml").write_text("x: 1\n")
    return folder


def write(config: object) -> str:
    kipoi_config().parent.mkdir(exist_ok=True)
    kipoi_config().write_text(config if isinstance(config, str) else yaml.safe_dump(config, sort_keys=False))
    return kipoi_config().read_text()


def read() -> dict:
    return yaml.safe_load(kipoi_config().read_text())


def test_config_lies_where_kipoi_looks(home: Path) -> None:
    assert kipoi_config() == home / ".kipoi" / "config.yaml"


def test_source_kipoi_becomes_the_folder(source: Path) -> None:
    done = register(source)
    assert read()["model_sources"]["kipoi"] == {"type": "local", "local_path": str(source)}
    assert (done.folder, done.config, done.backup) == (source, kipoi_config(), None)


def test_without_a_config_the_zoo_stays_reachable(source: Path, home: Path) -> None:
    assert register(source).kept_as == "kipoi_zoo"
    zoo = read()["model_sources"]["kipoi_zoo"]
    assert zoo["type"] == "git"
    assert zoo["remote_url"].endswith("kipoi/models.git")
    assert zoo["local_path"] == f"{home}/.kipoi/models/"


def test_relative_source_is_written_as_an_absolute_path(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(source.parent)
    register(Path("models"))
    assert read()["model_sources"]["kipoi"]["local_path"] == str(source)


def test_everything_else_in_the_config_is_kept(source: Path) -> None:
    before = write({"model_sources": {"kipoi": GIT, "mine": OTHER}, "env_db_path": "~/x.json"})
    done = register(source)
    config = read()
    assert config["model_sources"]["kipoi_zoo"] == GIT
    assert config["model_sources"]["mine"] == OTHER
    assert config["env_db_path"] == "~/x.json"
    assert done.kept_as == "kipoi_zoo"
    assert done.backup is not None
    assert done.backup.read_text() == before


def test_taken_name_gets_a_number(source: Path) -> None:
    write({"model_sources": {"kipoi": GIT, "kipoi_zoo": OTHER, "kipoi_zoo_2": OTHER}})
    assert register(source).kept_as == "kipoi_zoo_3"
    assert read()["model_sources"]["kipoi_zoo_3"] == GIT
    assert read()["model_sources"]["kipoi_zoo"] == OTHER


def test_registering_twice_keeps_the_first_backup_and_the_zoo(source: Path, tmp_path: Path) -> None:
    before = write({"model_sources": {"kipoi": GIT}})
    first = register(source)
    once = read()
    again = register(source)
    assert read() == once
    assert again.backup is None
    assert again.kept_as == "kipoi_zoo"
    assert first.backup is not None
    assert first.backup.read_text() == before
    moved = tmp_path / "moved"
    source.rename(moved)
    register(moved)
    assert read()["model_sources"] == {"kipoi": {"type": "local", "local_path": str(moved)}, "kipoi_zoo": GIT}


def test_config_without_the_source_kipoi(source: Path) -> None:
    write({"model_sources": {"mine": OTHER}})
    assert register(source).kept_as is None
    unregister()
    assert read() == {"model_sources": {"mine": OTHER}}


def test_unregister_brings_back_what_was(source: Path) -> None:
    config = {"model_sources": {"kipoi": GIT, "mine": OTHER}, "env_db_path": "~/x.json"}
    write(config)
    register(source)
    unregister()
    assert read() == config
    assert next(iter(read()["model_sources"])) == "kipoi"


def test_unregister_keeps_what_was_added_since(source: Path) -> None:
    write({"model_sources": {"kipoi": GIT}})
    register(source)
    config = read()
    config["model_sources"]["new"] = OTHER
    write(config)
    unregister()
    assert read() == {"model_sources": {"kipoi": GIT, "new": OTHER}}


def test_unregister_removes_a_config_it_made(source: Path) -> None:
    register(source)
    unregister()
    assert not kipoi_config().exists()


def test_unregister_keeps_a_config_it_made_where_others_added_to_it(source: Path) -> None:
    register(source)
    config = read()
    config["model_sources"]["new"] = OTHER
    write(config)
    unregister()
    assert set(read()["model_sources"]) == {"kipoi", "new"}
    assert read()["model_sources"]["kipoi"]["type"] == "git"


def test_unregister_without_register() -> None:
    with pytest.raises(InputError, match="not registered"):
        unregister()
    write({"model_sources": {"kipoi": GIT}})
    with pytest.raises(InputError, match="not registered"):
        unregister()
    assert read() == {"model_sources": {"kipoi": GIT}}


@pytest.mark.parametrize("content", ["a: [", "just text", "model_sources: []", "other: 1\n", "\x00"])
def test_unusable_config_is_left_alone(source: Path, content: str) -> None:
    write(content)
    with pytest.raises(InputError, match="Kipoi configuration"):
        register(source)
    assert kipoi_config().read_text() == content


def test_home_that_cannot_be_written(source: Path, home: Path) -> None:
    (home / ".kipoi").write_text("a file where a folder should be")
    with pytest.raises(InputError, match="cannot be written"):
        register(source)


def test_source_is_the_folder_above_the_models(source: Path, tmp_path: Path) -> None:
    assert find_source(source) == source
    with pytest.raises(InputError, match="not TExCNN/ itself"):
        find_source(source / "TExCNN")
    with pytest.raises(InputError, match="no Kipoi model in"):
        find_source(tmp_path)
    with pytest.raises(InputError, match="no Kipoi model in"):
        register(tmp_path)
    assert not kipoi_config().exists()


def test_default_source_is_the_projects_folder(project: Path) -> None:
    assert find_source() == project / "kipoi_model"


def test_installed_copy_is_found_through_the_packages_files(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    (site / "texcnn-1.dist-info").mkdir(parents=True)
    (site / "texcnn-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: texcnn\nVersion: 1\n")
    (site / "texcnn-1.dist-info" / "RECORD").write_text("texcnn/x.py,,\n../models/TExCNN/model.yaml,,\n")
    monkeypatch.setattr("texcnn.cli.kipoi_register.__file__", str(site / "texcnn" / "cli" / "kipoi_register.py"))
    monkeypatch.syspath_prepend(str(site))
    assert find_source() == source
    (source / "TExCNN" / "model.yaml").unlink()
    with pytest.raises(InputError, match="not installed with the package"):
        find_source()


def texcnn(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "texcnn", "kipoi", *arguments], capture_output=True, text=True)


def test_command_says_what_it_did_and_takes_it_back(source: Path) -> None:
    write({"model_sources": {"kipoi": GIT}})
    done = texcnn("register", "--source", str(source))
    assert done.returncode == 0
    assert str(source) in done.stderr
    assert "now 'kipoi_zoo'" in done.stderr
    assert "config.yaml.before-texcnn" in done.stderr
    assert done.stdout == ""
    undone = texcnn("unregister")
    assert undone.returncode == 0
    assert "'kipoi_zoo' is 'kipoi' again" in undone.stderr
    assert read() == {"model_sources": {"kipoi": GIT}}


def test_command_fails_with_a_message() -> None:
    done = texcnn("register", "--source", "nowhere")
    assert done.returncode == 2
    assert "no Kipoi model in 'nowhere'" in done.stderr
    assert "Traceback" not in done.stderr
