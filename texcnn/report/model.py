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


def find_model(said: TableDescription, name: str | PathLike[str] | None = None) -> DescribedModel | None:
    """Finds the model that made a table.

    Args:
        said: The table's description.
        name: What :func:`texcnn.load_model` takes; None looks for a bundled model of the name that the table has.

    Returns:
        The model; None, with a warning in the log, where it is missing or is another one of the same name.

    Raises:
        ModelError: when a model was named and is not here.
    """
    try:
        files = BundleFiles(resolve_model(said.model if name is None else name))
        model = read_described(files) or _loaded(files.folder)
    except ModelError:
        if name is not None:
            raise
        _LOG.info("the model '%s' is not on this machine: the report has no names of cell types", said.model)
        return None
    if model.fingerprint == said.model_fingerprint:
        return model
    on_grid = model.with_segment_grid() if model.config.segments is not None else model
    if on_grid.fingerprint == said.model_fingerprint:
        return on_grid
    _LOG.warning("the table was made by another model than '%s' here: the report says less of it", model.name)
    return None


def _loaded(folder: Path) -> DescribedModel:
    """Loads all of a model: encoders outside its folder are part of its fingerprint."""
    from texcnn.model.load import load_model

    return load_model(folder)
