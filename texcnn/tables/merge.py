"""Tables of predictions of the shards of one run, joined to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from texcnn.errors import InputError
from texcnn.genome.gene import Skipped
from texcnn.tables.columns import SKIPPED_COLUMNS, TableDescription
from texcnn.tables.writers import open_tables, write_skipped


def merge_tables(parts: Sequence[Path], outs: Sequence[Path]) -> int:
    """Joins Parquet tables, one row group in memory at a time.

    Args:
        parts: Tables written by ``texcnn predict``, in the order their rows shall have.
        outs: Where to write the joined table, once per format.

    Returns:
        The number of rows.

    Raises:
        InputError: when a part cannot be read, or was made by another model, unit or genome than the first.
    """
    if not parts:
        raise InputError("no tables to merge", allowed="one or more Parquet tables of predictions")
    first = _describe(parts[0])
    for part in parts[1:]:
        _check_same(first, _describe(part), parts[0], part)
    rows = 0
    with open_tables(outs, first) as table:
        for part in parts:
            with pq.ParquetFile(part) as source:
                for group in range(source.num_row_groups):
                    frame = source.read_row_group(group).to_pandas()
                    table.write(frame)
                    rows += len(frame)
    return rows


def _describe(part: Path) -> TableDescription:
    if not part.is_file():
        raise InputError(f"'{part}' does not exist", where="tables to merge")
    try:
        schema = pq.read_schema(part)
    except pa.ArrowInvalid as error:
        raise InputError(f"unreadable Parquet: {error}", where=part) from error
    return TableDescription.from_parquet(schema, part)


def _check_same(first: TableDescription, other: TableDescription, first_path: Path, other_path: Path) -> None:
    expected, found = asdict(first), asdict(other)
    different = [name for name in expected if expected[name] != found[name]]
    if different:
        raise InputError(
            f"tables of different runs: {', '.join(different)} differ",
            where=f"'{first_path}' and '{other_path}'",
            allowed="tables of one model and one genome",
            remedy="predict the parts again with the same model, genome and version of texcnn",
        )


def merge_skipped(parts: Sequence[Path], out: Path) -> int:
    """Joins lists of skipped genes, in the order given.

    Args:
        parts: Files with the columns ``gene_id reason``; every one must be there, since a missing list would make
            the joined table look complete.
        out: Where to write the joined list.

    Returns:
        The number of skipped genes.

    Raises:
        InputError: when a list is missing or has other columns.
    """
    skipped: list[Skipped] = []
    for part in parts:
        if not part.is_file():
            raise InputError(f"'{part}' does not exist", where="lists of skipped genes")
        frame = pd.read_csv(part, sep="\t", dtype=str, keep_default_na=False)
        if tuple(frame.columns) != SKIPPED_COLUMNS:
            raise InputError("not a list of skipped genes", where=part, allowed="the columns gene_id and reason")
        skipped += [Skipped(*row) for row in frame.itertuples(index=False)]
    write_skipped(out, skipped)
    return len(skipped)
