"""Names of models, and the folder of each one's bundle."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import resources
from os import PathLike
from pathlib import Path

import pandas as pd

from texcnn.errors import ModelError, RunError, unknown_name
from texcnn.files import check_output
from texcnn.inputs_kept import keep_inputs
from texcnn.model.bundle import CELL_TYPES, BundleFiles
from texcnn.tables.columns import without_summaries

DEFAULT_MODEL = "texcnn-mini"
HUB_PREFIX = "hf:"
_HUB_FORM = "hf:owner/name@revision"


def bundled_models() -> dict[str, Path]:
    """Returns the models that come with the package: name to folder."""
    root = Path(str(resources.files("texcnn"))) / "bundled"
    return {folder.name: folder for folder in sorted(root.iterdir()) if (folder / "config.json").is_file()}


def resolve_model(name: str | PathLike[str] | None = None) -> Path:
    """Finds a model's folder on this machine; nothing is downloaded.

    Args:
        name: A bundled model's name, a bundle's folder, or ``hf:owner/name@revision`` fetched before. None is the
            default model.

    Returns:
        The bundle's folder.

    Raises:
        ModelError: when there is no such model here.
    """
    text = DEFAULT_MODEL if name is None else str(name)
    bundled = bundled_models()
    if text in bundled:
        return bundled[text]
    if text.startswith(HUB_PREFIX):
        return _snapshot(text, download=False)
    if os.path.isdir(text):  # noqa: PTH112 - False for a text that cannot be a path either
        return Path(text)
    allowed = [*bundled, "a folder", _HUB_FORM]
    raise unknown_name("model", text, allowed, error=ModelError, where="`model`")


def check_bundle_output(out: Path, inputs: Mapping[str, object], *, overwrite: bool) -> None:
    """Refuses a folder for a bundle that cannot be written, or that is no bundle, before anything is done.

    Args:
        out: The folder.
        inputs: What is read, by argument; see :func:`texcnn.inputs_kept.keep_inputs`.
        overwrite: Whether to replace a bundle that is already there.

    Raises:
        InputError: as :func:`texcnn.files.check_output` does, or when an input would be replaced.
    """
    keep_inputs({"out": out}, inputs)
    check_output(out, overwrite=overwrite, marker=CELL_TYPES)  # config.json is in an encoder's folder too


def list_models() -> pd.DataFrame:
    """Lists the models that come with the package.

    Returns:
        One row per model: ``name version species kind cell_types window_bp unit default``.

    Raises:
        ModelError: when one cannot be trusted.
    """
    rows = []
    for name, folder in bundled_models().items():
        files = BundleFiles(folder)
        config = files.config
        rows.append(
            {
                "name": name,
                "version": config.version,
                "species": "" if config.assembly is None else config.assembly.species,
                "kind": config.kind,
                "cell_types": len(without_summaries(list(files.cell_types["cell_type"]))),
                "window_bp": config.window.length,
                "unit": config.unit,
                "default": name == DEFAULT_MODEL,
            }
        )
    return pd.DataFrame(rows)


def fetch_model(name: str) -> Path:
    """Downloads ``hf:owner/name@revision`` into the Hub's cache and returns its folder.

    Raises:
        ModelError: when the name is not of that form, or the Hub has no such model.
        RunError: when the Hub cannot be reached.
    """
    return _snapshot(name, download=True)


def _snapshot(name: str, *, download: bool) -> Path:
    # Here, since only these names need it, and it takes a quarter of a second.
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    owner_name, _, revision = name.removeprefix(HUB_PREFIX).partition("@")
    if owner_name.count("/") != 1 or not revision:
        raise ModelError(
            f"unusable Hub name '{name}'",
            where="`model`",
            allowed=_HUB_FORM,
            remedy="pin a revision (a commit or a tag), so that the same name always means the same model",
        )
    try:
        return Path(snapshot_download(owner_name, revision=revision, local_files_only=not download))
    except HFValidationError as error:
        raise ModelError(f"unusable Hub name '{name}': {error}", where="`model`", allowed=_HUB_FORM) from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise ModelError(f"the Hub has no model '{owner_name}' at revision '{revision}'", where="`model`") from error
    except LocalEntryNotFoundError as error:
        if download:
            remedy = "unset HF_HUB_OFFLINE" if constants.HF_HUB_OFFLINE else "check the network"
            raise RunError(f"cannot reach the Hub to fetch '{name}'", remedy=f"{remedy}, then try again") from error
        raise ModelError(
            f"'{name}' is not on this machine", where="`model`", remedy=f"texcnn models fetch {name}"
        ) from error
    except (HfHubHTTPError, OSError) as error:
        raise RunError(f"fetching '{name}' failed: {error}", remedy="check the network, then try again") from error
