"""Reads tables of predictions back, in any format, with their descriptions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from texcnn.arguments import to_path
from texcnn.errors import InputError
from texcnn.files import check_is_file, description_path, skipped_path
from texcnn.genome.skipped import read_skipped, skipped_frame
from texcnn.tables.columns import MEMBER_SPREAD, PERCENTILE, RUN_KEY, TableDescription, spread_columns
from texcnn.tables.writers import table_format
from texcnn.text.lines import PathLike


@dataclass(frozen=True)
class Predictions:
    """A table of predictions in memory.

    Attributes:
        description: How it came about.
        frame: One row per gene, the columns as ``texcnn predict`` writes them.
        run: What else the file has on the run that made it, such as the annotation's name and the command.
    """

    description: TableDescription
    frame: pd.DataFrame
    run: dict[str, Any]

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """The predictions, float64 ``(n_genes, n_cell_types)`` in the table's unit."""
        return self.frame[list(self.description.cell_types)].to_numpy(np.float64)


def open_predictions(path: PathLike) -> Predictions:
    """Reads a table that ``texcnn predict`` or ``texcnn merge`` wrote.

    Args:
        path: .tsv, .tsv.gz, .parquet or .h5ad; a text table needs its ``.meta.json`` next to it.

    Raises:
        InputError: when the file is missing, unreadable, or was not written by ``texcnn predict``.
    """
    path = to_path(path)
    check_is_file(path, or_pipe=path.suffix not in (".parquet", ".h5ad"))
    readers = {".parquet": _read_parquet, ".h5ad": _read_h5ad}
    description, frame, run = readers.get(table_format(path), _read_text)(path)
    columns = [*description.gene_columns, *description.value_columns]
    missing = [name for name in columns if name not in frame]
    if missing:
        raise InputError(f"missing columns: {', '.join(missing[:5])}", where=path, remedy="predict again")
    return Predictions(description, frame[columns], run)


def read_predictions(path: PathLike) -> pd.DataFrame:
    """Reads a table of predictions: .tsv, .tsv.gz, .parquet or .h5ad.

    Returns:
        What :func:`texcnn.predict` returned when the table was made; its ``attrs`` have ``unit``, ``model``,
        ``genome``, ``features``, and, where ``<path>.skipped.tsv`` is there, ``skipped``.

    Raises:
        InputError: when the file is missing, unreadable, or was not written by ``texcnn predict``.
    """
    found = open_predictions(path)
    description = found.description
    frame = found.frame.reset_index(drop=True)
    frame.attrs = {
        "unit": description.unit,
        "model": description.model,
        "genome": description.fasta,
        "features": description.features,
    }
    if skipped_path(Path(path)).is_file():
        frame.attrs["skipped"] = skipped_frame(read_skipped(skipped_path(Path(path)))).to_dict("records")
    return frame


_Read = tuple[TableDescription, pd.DataFrame, dict[str, Any]]


def _read_parquet(path: Path) -> _Read:
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            f"unreadable Parquet: {error}", where=path, allowed="Parquet written by texcnn predict"
        ) from error
    run = json.loads((table.schema.metadata or {}).get(RUN_KEY, b"{}"))
    return TableDescription.from_parquet(table.schema, path), table.to_pandas(), run


def _read_h5ad(path: Path) -> _Read:
    import anndata  # takes a second to load, which no other format waits for

    try:
        data = anndata.read_h5ad(path)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"unreadable h5ad: {error}", where=path, allowed="h5ad written by texcnn predict") from error
    description = TableDescription.from_json(str(data.uns.get("texcnn", "")), path)
    names = list(description.cell_types)
    matrices = {"": data.X, **{f".{ending}": data.layers[ending] for ending in description.spread_endings}}
    values = pd.concat(
        [
            pd.DataFrame(np.asarray(matrix).T, columns=[f"{name}{end}" for name in names])
            for end, matrix in matrices.items()
        ],
        axis=1,
    )
    genes = data.var.reset_index(drop=True)
    text = {
        name: genes[name].astype(str).to_numpy(object)
        for name in genes
        if not pd.api.types.is_numeric_dtype(genes[name])
    }
    ordered = values[list(description.value_columns)]
    return description, pd.concat([genes.assign(**text), ordered], axis=1), dict(data.uns.get("texcnn_run", {}))


def _read_text(path: Path) -> _Read:
    meta = description_path(path)
    if not meta.is_file():
        raise InputError(
            f"'{meta.name}' is not next to the table", where=path, allowed="text tables as texcnn predict writes them",
            remedy="copy both files, or use Parquet, which has all in one",
        )  # fmt: skip
    text = meta.read_text(encoding="utf-8")
    description = TableDescription.from_json(text, meta)
    run = {name: value for name, value in json.loads(text).items() if name not in TableDescription.__dataclass_fields__}
    texts = dict.fromkeys((*description.gene_columns, "gene_id"), str) | {"tss": np.int64, "n_fraction": np.float64}
    types = texts | {PERCENTILE: np.float64} | dict.fromkeys(description.value_columns, np.float32)
    empty = {name: [""] for name in (PERCENTILE, *spread_columns(description.cell_types, [MEMBER_SPREAD]))}
    try:
        frame = pd.read_csv(path, sep="\t", dtype=types, keep_default_na=False, na_values=empty)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"unreadable table: {error}", where=path, allowed="as texcnn predict writes it") from error
    return description, frame, run
