"""A table of ``texcnn variants`` for the page: a record per ALT, gene and TSS, with a value per cell type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from texcnn.errors import InputError
from texcnn.files import check_is_file, description_path, skipped_path
from texcnn.genome.skipped import Skipped
from texcnn.tables.columns import METADATA_KEY
from texcnn.text.table import TextTable
from texcnn.typed_json import parse_object, read_object

MAX_RECORDS = 20_000
"""Records with the largest |delta| that a page shows."""

_KEY = (
    "chrom", "pos", "id", "ref", "alt", "gene_id", "gene_name", "transcript_id", "tss", "distance_to_tss", "strand",
)  # fmt: skip
_MATRICES = ("ref_prediction", "delta", "quantile")
_NEEDED = ("chrom", "pos", "ref", "alt", "gene_id", "cell_type", "ref_prediction", "delta")


@dataclass(frozen=True)
class VariantEffects:
    """Effects of variants.

    Attributes:
        records: One row per ALT, gene and TSS, in the table's order.
        cell_types: The columns of the matrices.
        matrices: ``ref_prediction``, ``delta`` and perhaps ``quantile``: float32 ``(n_records, n_cell_types)``.
        n_all: Records in the table; more than in ``records`` where the table is too large for a page.
        skipped: Alleles without a row, as ``chrom:pos:ref>alt``, each with its reason; None where their list is not
            next to the table.
        description: How the table came about; None where it is neither in the table nor next to it.
    """

    records: pd.DataFrame
    cell_types: tuple[str, ...]
    matrices: dict[str, npt.NDArray[np.float32]]
    n_all: int
    skipped: list[Skipped] | None = None
    description: Mapping[str, Any] | None = None


def read_variants(path: Path) -> VariantEffects:
    """Reads a table of variant effects, .tsv, .tsv.gz or .parquet, once: text may come through a pipe.

    Raises:
        InputError: when the file is missing, unreadable, or has other columns.
    """
    check_is_file(path, or_pipe=path.suffix != ".parquet")
    try:
        if path.suffix == ".parquet":
            content = pq.read_table(path)
            table, metadata = content.to_pandas(), content.schema.metadata or {}
        else:
            metadata = {}
            text = dict.fromkeys(("chrom", "id", "ref", "alt", "gene_id", "gene_name", "transcript_id"), str)
            table = pd.read_csv(path, sep="\t", dtype=text, keep_default_na=False, na_values={"quantile": [""]})
    except (OSError, ValueError) as error:
        raise InputError(f"unreadable table: {error}", where=path, allowed="as texcnn variants writes it") from error
    missing = [name for name in _NEEDED if name not in table]
    if missing:
        raise InputError(f"missing columns: {', '.join(missing)}", where=path, allowed="a table of texcnn variants")
    key = [name for name in _KEY if name in table]
    cell_types = tuple(dict.fromkeys(table["cell_type"]))
    places = table.groupby(key, sort=False, dropna=False).ngroup().to_numpy()
    columns = pd.Index(cell_types).get_indexer(table["cell_type"])
    n_records = int(places.max(initial=-1)) + 1
    matrices = {}
    for name in _MATRICES:
        if name in table:
            matrix = np.full((n_records, len(cell_types)), np.nan, np.float32)
            matrix[places, columns] = table[name].to_numpy(np.float32)
            matrices[name] = matrix
    records = table.loc[~pd.Series(places).duplicated().to_numpy(), key].reset_index(drop=True)
    if n_records > MAX_RECORDS:
        largest = np.nanmax(np.abs(matrices["delta"]), axis=1)
        kept = np.sort(np.argsort(-largest, kind="stable")[:MAX_RECORDS])
        records = records.iloc[kept].reset_index(drop=True)
        matrices = {name: matrix[kept] for name, matrix in matrices.items()}
    return VariantEffects(
        records, cell_types, matrices, n_records, _skipped(skipped_path(path)), _description(path, metadata)
    )


def _description(path: Path, metadata: Mapping[bytes, bytes]) -> dict[str, Any] | None:
    if METADATA_KEY in metadata:
        return parse_object(metadata[METADATA_KEY], where=path, error=InputError)
    companion = description_path(path)
    return read_object(companion, error=InputError) if companion.is_file() else None


def _skipped(path: Path) -> list[Skipped] | None:
    if not path.is_file():
        return None
    table = TextTable(path, comments=False)
    chrom, pos, ref, alt, reason = (table.column(name) for name in ("chrom", "pos", "ref", "alt", "reason"))
    return [Skipped(f"{row[chrom]}:{row[pos]}:{row[ref]}>{row[alt]}", row[reason]) for _, row in table.rows()]
