"""Makes Kipoi find the model by its plain name, through Kipoi's own configuration file; Kipoi is not imported.

``kipoi predict TExCNN`` looks in the source called ``kipoi``, and no option of Kipoi changes that default. So
registering gives that name to the folder of this model, and keeps what had the name before under another one.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import yaml

from texcnn.errors import InputError
from texcnn.files import atomic_file

MODEL = "TExCNN"
SOURCE = "kipoi"
"""The source that Kipoi reads when none is named."""

KEPT_SOURCE = "kipoi_zoo"
"""Name of the former source ``kipoi``; with a number added where the name is taken."""

_RECORD = "texcnn"
"""Top-level key of the configuration, unknown to Kipoi, that lists what to undo."""


@dataclass(frozen=True)
class Registration:
    """What was changed.

    Attributes:
        config: Kipoi's configuration file.
        folder: The folder the source ``kipoi`` reads from now on; None after unregistering.
        kept_as: The name the former source ``kipoi`` has, or had until now; None if there was none.
        backup: Copy of the former file; None if there was no file, or it was registered before.
    """

    config: Path
    folder: Path | None
    kept_as: str | None
    backup: Path | None


def kipoi_config() -> Path:
    """Returns where Kipoi reads its configuration: it knows no other place."""
    return Path.home() / ".kipoi" / "config.yaml"


def find_source(source: Path | None = None) -> Path:
    """Finds the folder that holds the Kipoi model's folder ``TExCNN``.

    Args:
        source: That folder; None looks next to the package (a clone), then among the files installed with it.

    Raises:
        InputError: The model is not there.
    """
    if source is not None:
        folder = source.absolute()
        if _holds_model(folder):
            return folder
        remedy = (
            f"give the folder that holds {MODEL}/, not {MODEL}/ itself" if (folder / "model.yaml").is_file() else None
        )
        raise InputError(
            f"no Kipoi model in '{source}'",
            where="--source",
            allowed=f"a folder with {MODEL}/model.yaml",
            remedy=remedy,
        )
    for folder in (Path(__file__).resolve().parents[2] / "kipoi_model", *_installed_folders()):
        if _holds_model(folder):
            return folder
    raise InputError(
        "the Kipoi model was not installed with the package",
        allowed=f"a folder with {MODEL}/model.yaml",
        remedy="clone the project and give its folder kipoi_model as --source",
    )


def register(source: Path | None = None) -> Registration:
    """Makes ``kipoi predict TExCNN`` work for this user; doing it twice changes nothing more.

    Args:
        source: See :func:`find_source`.

    Raises:
        InputError: The model is not found, or Kipoi's configuration cannot be read or written.
    """
    folder, path = find_source(source), kipoi_config()
    existed = path.is_file()
    config = _read(path) if existed else {}
    sources: dict[str, Any] = config.setdefault("model_sources", {})
    record = config.get(_RECORD)
    backup = None
    if record is None:
        former = sources.pop(SOURCE, None) if existed else _zoo()
        kept_as = _free_name(sources)
        if former is not None:
            sources[kept_as] = former
        record = config[_RECORD] = {"kept_as": None if former is None else kept_as, "created": not existed}
        if existed:
            backup = path.with_name(f"{path.name}.before-texcnn")
    sources.pop(SOURCE, None)
    config["model_sources"] = {SOURCE: {"type": "local", "local_path": str(folder)}, **sources}
    _write(path, config, backup)
    return Registration(path, folder, record["kept_as"], backup)


def unregister() -> Registration:
    """Takes back :func:`register`: the former source is called ``kipoi`` again; later changes of others stay.

    Raises:
        InputError: The model is not registered, or Kipoi's configuration cannot be read or written.
    """
    path = kipoi_config()
    config = _read(path) if path.is_file() else {}
    record = config.pop(_RECORD, None)
    if record is None:
        raise InputError(f"{MODEL} is not registered", where=path, remedy="texcnn kipoi register")
    sources = config["model_sources"]
    del sources[SOURCE]
    kept_as = record["kept_as"]
    if record["created"] and set(sources) <= {kept_as}:
        path.unlink()  # Kipoi writes its own defaults when there is no file
    else:
        former = {SOURCE: sources.pop(kept_as)} if kept_as in sources else {}
        config["model_sources"] = {**former, **sources}
        _write(path, config, None)
    return Registration(path, None, kept_as, None)


def _zoo() -> dict[str, Any]:
    """What Kipoi itself writes under ``kipoi`` when it finds no configuration."""
    return {
        "type": "git",
        "remote_url": "https://github.com/kipoi/models.git",
        "local_path": str(kipoi_config().parent / "models") + "/",
        "auto_update": True,
    }


def _free_name(sources: dict[str, Any]) -> str:
    name, number = KEPT_SOURCE, 1
    while name in sources:
        number += 1
        name = f"{KEPT_SOURCE}_{number}"
    return name


def _holds_model(folder: Path) -> bool:
    return (folder / MODEL / "model.yaml").is_file()


def _installed_folders() -> list[Path]:
    try:
        files = distribution("texcnn").files or []
    except PackageNotFoundError:
        return []
    return [Path(str(file.locate())).resolve().parents[1] for file in files if file.parts[-2:] == (MODEL, "model.yaml")]


def _read(path: Path) -> dict[str, Any]:
    allowed = "the YAML that Kipoi writes, with model_sources"
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"unreadable Kipoi configuration: {error}", where=path, allowed=allowed) from error
    if not isinstance(config, dict) or not isinstance(config.get("model_sources"), dict):
        raise InputError(
            "unusable Kipoi configuration", where=path, allowed=allowed,
            remedy="repair it, or move it away and Kipoi writes a new one",
        )  # fmt: skip
    return config


def _write(path: Path, config: dict[str, Any], backup: Path | None) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if backup is not None:
            shutil.copy2(path, backup)
        with atomic_file(path) as temporary:
            temporary.write_text(yaml.safe_dump(config, sort_keys=False, indent=4), encoding="utf-8")
    except OSError as error:
        raise InputError(f"Kipoi's configuration cannot be written: {error}", where=path) from error
