"""What a report is about: a table of predictions, or a table of variant effects alone."""

from __future__ import annotations

import json
from pathlib import Path

from texcnn.errors import InputError
from texcnn.files import description_path
from texcnn.report.variants import VariantEffects, read_variants
from texcnn.tables.columns import TableDescription
from texcnn.tables.predictions import Predictions, open_predictions

_SHOWN = ("variants", "annotation", "max_distance", "alleles", "background_variants")
"""Entries of a variant table's description that the page shows."""


def open_source(predictions: Path | None, variants: Path | None) -> tuple[Predictions, VariantEffects | None]:
    """Reads what a report is about, each table once.

    Args:
        predictions: Table of ``texcnn predict``; None for a report on variants alone.
        variants: Table of ``texcnn variants``.

    Returns:
        The predictions; without any, a table without rows that is described as the variants' table is. And the effects.

    Raises:
        InputError: when neither is given, or one of them cannot be used.
    """
    effects = None if variants is None else read_variants(variants)
    if predictions is not None:
        return open_predictions(predictions), effects
    if variants is None or effects is None:
        raise InputError("nothing to report", where="`predictions`", allowed="`predictions`, `variants`, or both")
    entries = effects.description
    if entries is None:
        raise InputError(
            f"neither the table nor '{description_path(variants).name}' next to it describes the run", where=variants,
            allowed="a table as texcnn variants writes it", remedy="copy both files, or give `predictions`",
        )  # fmt: skip
    described = {**entries, "cell_types": list(effects.cell_types)}
    description = TableDescription.from_json(json.dumps(described), variants)
    run = {name: entries[name] for name in _SHOWN if entries.get(name) is not None}
    return Predictions(description, description.schema().empty_table().to_pandas(), run), effects
