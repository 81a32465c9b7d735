"""The model that made a table, where it is on this machine."""

from __future__ import annotations

import logging
from os import PathLike
from pathlib import Path

from texcnn.errors import ModelError
from texcnn.model.bundle import BundleFiles
from texcnn.model.catalog import resolve_model
from texcnn.model.described import DescribedModel, read_described
from texcnn.tables.columns import TableDescription

_LOG = logging.getLogger("texcnn")


def find_model(
    description: TableDescription, model: DescribedModel | str | PathLike[str] | None = None
) -> DescribedModel | None:
    """Finds the model that made a table.

    Args:
        description: The table's description.
        model: A model, or what :func:`texcnn.load_model` takes; None looks for a bundled model of the name that the
            table has.

    Returns:
        The model; None, with a warning in the log, where it is missing or is another one of the same name.

    Raises:
        ModelError: when a model was named and is not here.
    """
    found = model if isinstance(model, DescribedModel) else _read(description, model)
    if found is None or found.fingerprint == description.model_fingerprint:
        return found
    on_grid = found.with_segment_grid() if found.config.segments is not None else found
    if on_grid.fingerprint == description.model_fingerprint:
        return on_grid
    _LOG.warning("the table was made by another model than '%s' here: the report shows less", found.name)
    return None


def _read(description: TableDescription, name: str | PathLike[str] | None) -> DescribedModel | None:
    try:
        files = BundleFiles(resolve_model(description.model if name is None else name))
        return read_described(files) or _loaded(files.folder)
    except ModelError:
        if name is not None:
            raise
        _LOG.info("the model '%s' is not on this machine: the report has no names of cell types", description.model)
        return None


def _loaded(folder: Path) -> DescribedModel:
    """Loads all of a model: encoders outside its folder are part of its fingerprint."""
    from texcnn.model.load import load_model

    return load_model(folder)
