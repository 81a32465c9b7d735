"""Tables written row group by row group, so that memory does not grow with the number of genes, and atomically."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from texcnn.errors import InputError
from texcnn.files import atomic_files, check_output, description_path, open_text, skipped_path
from texcnn.genome.skipped import Skipped, write_skipped
from texcnn.tables.columns import TableDescription

_FLOAT_FORMAT = "%.6g"
"""Six significant digits: a hundred times finer than what differs between two machines."""

ROWS_PER_GROUP = 10_000
"""Rows of a row group of Parquet: smaller ones cost space, and larger ones memory."""


Provenance = Mapping[str, str]
"""How a table came about, name to text: the annotation's name, the command."""


class TableWriter(Protocol):
    """Takes frames of :func:`texcnn.tables.columns.prediction_frame`."""

    def write(self, frame: pd.DataFrame) -> None:
        """Adds rows."""
        ...


class _TsvWriter:
    def __init__(self, path: Path, description: TableDescription, provenance: Provenance, stack: ExitStack) -> None:
        self._handle = stack.enter_context(open_text(path))
        self._handle.write("\t".join(description.schema().names) + "\n")

    def write(self, frame: pd.DataFrame) -> None:
        frame.to_csv(self._handle, sep="\t", header=False, index=False, float_format=_FLOAT_FORMAT)


class _ParquetWriter:
    def __init__(self, path: Path, description: TableDescription, provenance: Provenance, stack: ExitStack) -> None:
        self._schema = description.schema(provenance)
        self._writer = stack.enter_context(pq.ParquetWriter(path, self._schema))
        self._waiting: list[pa.Table] = []
        stack.callback(self._flush)

    def write(self, frame: pd.DataFrame) -> None:
        self._waiting.append(pa.Table.from_pandas(frame, schema=self._schema, preserve_index=False))
        if sum(map(len, self._waiting)) >= ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting), row_group_size=ROWS_PER_GROUP)
            self._waiting = []


def _h5ad_writer(path: Path, description: TableDescription, provenance: Provenance, stack: ExitStack) -> TableWriter:
    from texcnn.tables.h5ad import H5adWriter  # AnnData takes half a second to load, which no other format waits for

    return H5adWriter(path, description, provenance, stack)


_WRITERS: dict[str, Callable[[Path, TableDescription, Provenance, ExitStack], TableWriter]] = {
    ".tsv": _TsvWriter,
    ".tsv.gz": _TsvWriter,
    ".parquet": _ParquetWriter,
    ".h5ad": _h5ad_writer,
}


def table_format(path: Path) -> str:
    """Returns the ending that decides a table's format.

    Raises:
        InputError: when the ending is none of the known ones.
    """
    for ending in _WRITERS:
        if path.name.endswith(ending) and path.name != ending:
            return ending
    raise InputError(f"unknown table format '{path.name}'", where="`out`", allowed=", ".join(_WRITERS))


def check_table_output(out: Path, *, overwrite: bool) -> None:
    """Refuses a table that cannot be written, or that would replace a file, its companions' included.

    Raises:
        InputError: as :func:`table_format` and :func:`texcnn.files.check_output` do.
    """
    companions = [skipped_path(out)]
    if table_format(out).startswith(".tsv"):
        companions.append(description_path(out))
    for path in (out, *companions):
        check_output(path, overwrite=overwrite)


@contextmanager
def open_tables(
    outs: Sequence[Path],
    description: TableDescription,
    *,
    provenance: Provenance | None = None,
    remarks: Callable[[], Mapping[str, object]] = dict,
) -> Iterator[TablesWriter]:
    """Opens tables that take the same rows.

    They appear together with their companion files when the block ends without an error; else nothing appears.

    Args:
        outs: Files to write, in one folder; each one's ending decides its format.
        description: Columns, unit and origin.
        provenance: How the tables came about, name to text.
        remarks: Called at the end; returns what else ``<out>.meta.json`` has on the run. It is nowhere in the
            tables themselves, which do not depend on how fast they were computed.

    Yields:
        An object with ``write(frame)`` and ``write_skipped(skipped)``.

    Raises:
        RunError: when the disk is full, or another process writes or has written one of the files in the meantime.
    """
    provenance = provenance or {}
    described = [out for out in outs if table_format(out).startswith(".tsv")]
    # Companion files appear before the table: a table without its list of skipped genes would look complete.
    companions = [skipped_path(outs[0]), *map(description_path, described)]
    with atomic_files([*companions, *outs]) as (skipped, *temporaries):
        skipped.unlink()
        with ExitStack() as stack:
            writers = [
                _WRITERS[table_format(out)](temporary, description, provenance, stack)
                for out, temporary in zip(outs, temporaries[len(described) :], strict=True)
            ]
            yield TablesWriter(writers, skipped)
        text = json.dumps({**json.loads(description.to_json()), **provenance, **remarks()}, indent=1) + "\n"
        for temporary in temporaries[: len(described)]:
            temporary.write_text(text, encoding="utf-8")


class TablesWriter:
    """Writes the same rows to several tables, and one list of the genes that have none.

    Args:
        writers: One per table.
        skipped: Where the list is written.
    """

    def __init__(self, writers: Sequence[TableWriter], skipped: Path) -> None:
        self._writers = writers
        self._skipped = skipped

    def write(self, frame: pd.DataFrame) -> None:
        """Adds rows."""
        for writer in self._writers:
            writer.write(frame)

    def write_skipped(self, skipped: Sequence[Skipped]) -> None:
        """Writes the genes without a row to ``<out>.skipped.tsv`` next to the first table."""
        write_skipped(self._skipped, skipped)
