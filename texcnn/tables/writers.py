"""Tables written row group by row group, so that memory does not grow with the number of genes, and atomically."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import anndata
import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from texcnn.errors import InputError
from texcnn.files import atomic_file, check_output, open_text
from texcnn.genome.skipped import skipped_path
from texcnn.tables.columns import TableDescription, gene_columns

_FLOAT_FORMAT = "%.9g"
"""Nine significant digits bring a float32 back exactly."""


class TableWriter(Protocol):
    """Takes frames of :func:`texcnn.tables.columns.prediction_frame`."""

    def write(self, frame: pd.DataFrame) -> None:
        """Adds rows."""
        ...


class _TsvWriter:
    def __init__(self, path: Path, description: TableDescription, stack: ExitStack) -> None:
        self._handle = stack.enter_context(open_text(path))
        self._handle.write("\t".join(description.schema().names) + "\n")

    def write(self, frame: pd.DataFrame) -> None:
        # n_fraction is a ratio of two small integers: nine digits are enough for it as well.
        frame.to_csv(self._handle, sep="\t", header=False, index=False, float_format=_FLOAT_FORMAT)


class _ParquetWriter:
    def __init__(self, path: Path, description: TableDescription, stack: ExitStack) -> None:
        self._schema = description.schema()
        self._writer = stack.enter_context(pq.ParquetWriter(path, self._schema))

    def write(self, frame: pd.DataFrame) -> None:
        self._writer.write_table(pa.Table.from_pandas(frame, schema=self._schema, preserve_index=False))


class _H5adWriter:
    """AnnData of genes x cell types; the matrix grows on disk, only the genes' names wait for the end."""

    def __init__(self, path: Path, description: TableDescription, stack: ExitStack) -> None:
        self._description = description
        self._file = stack.enter_context(h5py.File(path, "w"))
        self._columns = list(gene_columns(transcripts=description.transcripts))
        width = len(description.cell_types)
        self._matrix = self._file.create_dataset(
            "X", shape=(0, width), maxshape=(None, width), chunks=(256, max(width, 1)), dtype="float32"
        )
        self._matrix.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        self._genes: list[pd.DataFrame] = []
        stack.callback(self._finish)

    def write(self, frame: pd.DataFrame) -> None:
        start = self._matrix.shape[0]
        self._matrix.resize(start + len(frame), axis=0)
        self._matrix[start:] = frame[list(self._description.cell_types)].to_numpy(np.float32)
        self._genes.append(frame[self._columns])

    def _finish(self) -> None:
        genes = pd.concat(self._genes) if self._genes else pd.DataFrame(columns=self._columns)
        index = "transcript_id" if self._description.transcripts else "gene_id"
        genes.index = pd.Index(genes[index].astype(str), name=None)
        cell_types = pd.DataFrame(index=pd.Index(self._description.cell_types, dtype=str))
        self._file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        anndata.io.write_elem(self._file, "obs", genes)
        anndata.io.write_elem(self._file, "var", cell_types)
        for name in ("layers", "obsm", "obsp", "varm", "varp"):
            anndata.io.write_elem(self._file, name, {})
        anndata.io.write_elem(
            self._file, "uns", {"texcnn": self._description.to_json(), "unit": self._description.unit}
        )


_WRITERS: dict[str, Callable[[Path, TableDescription, ExitStack], TableWriter]] = {
    ".tsv": _TsvWriter,
    ".tsv.gz": _TsvWriter,
    ".parquet": _ParquetWriter,
    ".h5ad": _H5adWriter,
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


def description_path(out: Path) -> Path:
    """Returns where a text table's unit and origin stand: ``<out>.meta.json``; other formats carry them inside."""
    return out.with_name(f"{out.name}.meta.json")


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
    outs: Sequence[Path], description: TableDescription, *, remarks: Callable[[], Mapping[str, object]] = dict
) -> Iterator[TableWriter]:
    """Opens tables that take the same rows; they appear together when the block ends without an error.

    Args:
        outs: Files to write; each one's ending decides its format.
        description: Columns, unit and origin.
        remarks: Asked at the end for what else ``<out>.meta.json`` shall say of the run. It stands nowhere in the
            tables themselves, which do not depend on how they were computed.

    Yields:
        An object with ``write(frame)``.
    """
    with ExitStack() as places:
        temporaries = [places.enter_context(atomic_file(out)) for out in outs]
        with ExitStack() as stack:
            writers = [
                _WRITERS[table_format(out)](temporary, description, stack)
                for out, temporary in zip(outs, temporaries, strict=True)
            ]
            yield _Several(writers)
        for out in outs:
            if table_format(out).startswith(".tsv"):
                with atomic_file(description_path(out)) as temporary:
                    said = {**json.loads(description.to_json()), **remarks()}
                    temporary.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


class _Several:
    def __init__(self, writers: Sequence[TableWriter]) -> None:
        self._writers = writers

    def write(self, frame: pd.DataFrame) -> None:
        for writer in self._writers:
            writer.write(frame)
