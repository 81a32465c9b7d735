"""What a report is about: a table of predictions, or a table of variant effects alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from texcnn.errors import InputError
from texcnn.files import check_is_file
from texcnn.report.variants import read_variants
from texcnn.tables.columns import METADATA_KEY, TableDescription
from texcnn.tables.predictions import Predictions, open_predictions
from texcnn.tables.writers import description_path
from texcnn.typed_json import parse_object, read_object

_TOLD = ("variants", "annotation", "max_distance", "alleles", "background_variants")
"""Entries of a variant table's description that the page shows."""


def open_source(predictions: Path | None, variants: Path | None) -> Predictions:
    """Opens what a report is about.

    Args:
        predictions: Table of ``texcnn predict``; None for a report on variants alone.
        variants: Table of ``texcnn variants``.

    Returns:
        The predictions; without any, a table without rows that is described as the variants' table is.

    Raises:
        InputError: when neither is given, or the one that describes the report cannot be used.
    """
    if predictions is not None:
        return open_predictions(predictions)
    if variants is None:
        raise InputError("nothing to report", where="`predictions`", allowed="`predictions`, `variants`, or both")
    said = _described(variants)
    said["cell_types"] = list(read_variants(variants).cell_types)
    description = TableDescription.from_json(json.dumps(said), variants)
    run = {name: said[name] for name in _TOLD if said.get(name) is not None}
    return Predictions(description, description.schema().empty_table().to_pandas(), run)


def _described(path: Path) -> dict[str, Any]:
    """What a table of variant effects says of itself."""
    check_is_file(path)
    if not path.name.endswith(".parquet"):
        beside = description_path(path)
        if not beside.is_file():
            raise InputError(
                f"'{beside.name}' is not next to the table", where=path,
                allowed="text tables as texcnn variants writes them", remedy="copy both files, or give `predictions`",
            )  # fmt: skip
        return read_object(beside, error=InputError)
    try:
        said = (pq.read_schema(path).metadata or {}).get(METADATA_KEY)
    except pa.ArrowInvalid as error:
        raise InputError(f"unreadable Parquet: {error}", where=path) from error
    if said is None:
        raise InputError("not a table of variant effects", where=path, allowed="Parquet written by texcnn variants")
    return parse_object(said, where=path, error=InputError)
