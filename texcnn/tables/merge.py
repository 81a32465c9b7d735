"""Tables of predictions of the shards of one run, joined to one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from os import PathLike
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from texcnn.arguments import paths_of, to_path
from texcnn.errors import InputError
from texcnn.files import check_is_file, skipped_path
from texcnn.genome.skipped import read_skipped
from texcnn.inputs_kept import keep_inputs
from texcnn.tables.columns import TableDescription
from texcnn.tables.writers import check_table_output, open_tables

Paths = str | PathLike[str] | Iterable[str | PathLike[str]]
"""One path, or several."""


def merge_tables(
    parts: Paths, out: str | PathLike[str], *, also: Paths = (), more_skipped: Paths = (), overwrite: bool = False
) -> tuple[int, int]:
    """Joins Parquet tables, one row group in memory at a time, and their lists of skipped genes.

    Args:
        parts: Tables written by ``texcnn predict``, in the order their rows are to have. Each one's list of skipped
            genes must be next to it: without the list the joined table would look complete.
        out: The joined table; the joined list is written next to it.
        also: The same table in further formats, in the same folder.
        more_skipped: Further lists of skipped genes; they come first.
        overwrite: Whether to replace files that are already there.

    Returns:
        The number of rows and of skipped genes.

    Raises:
        InputError: when a part or a list cannot be read, a file is named twice, a part was made by another model,
            unit or genome than the first, or an output cannot be written.
    """
    parts, more_skipped = paths_of(parts, "parts"), paths_of(more_skipped, "more_skipped")
    outs = [to_path(out, "out"), *paths_of(also, "also")]
    keep_inputs({"out": outs[0], "also": outs[1:]}, {"parts": parts, "more_skipped": more_skipped})
    for path in outs:
        check_table_output(path, overwrite=overwrite)
    if not parts:
        raise InputError("no tables to merge", allowed="one or more Parquet tables of predictions")
    for kind, paths in (("table to merge", parts), ("list of skipped genes", more_skipped), ("output", outs)):
        _check_distinct(kind, paths)
    if len({path.absolute().parent.stat().st_dev for path in outs}) > 1:
        raise InputError(
            "the outputs are on different disks, so they cannot appear together", where="`out` and `also`",
            allowed="outputs on one disk", remedy="copy one of them afterwards, or merge twice",
        )  # fmt: skip
    first = _describe(parts[0])
    for part in parts[1:]:
        _check_same(first, _describe(part), parts[0], part)
    skipped = [row for path in (*more_skipped, *map(skipped_path, parts)) for row in read_skipped(path)]
    rows = 0
    with open_tables(outs, first) as table:
        for part in parts:
            with pq.ParquetFile(part) as source:
                for group in range(source.num_row_groups):
                    frame = source.read_row_group(group).to_pandas()
                    table.write(frame)
                    rows += len(frame)
        table.write_skipped(skipped)
    return rows, len(skipped)


def _check_distinct(kind: str, paths: Sequence[Path]) -> None:
    twice = [str(path) for path, count in Counter(path.resolve() for path in paths).items() if count > 1]
    if twice:
        raise InputError(f"the same {kind} is given twice: {', '.join(twice)}", allowed="each file once")


def _describe(part: Path) -> TableDescription:
    check_is_file(part)
    try:
        schema = pq.read_schema(part)
    except pa.ArrowInvalid as error:
        allowed = ".parquet written by texcnn predict"
        raise InputError(f"unreadable Parquet: {error}", where=part, allowed=allowed) from error
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
