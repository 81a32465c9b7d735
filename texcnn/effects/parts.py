"""Finished chunks of a run on disk, so that a run that was killed continues where it stopped."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from texcnn.errors import InputError, RunError
from texcnn.files import atomic_file
from texcnn.scratch import locked

_KEY, _LOCK = "run.json", "lock"


class Parts:
    """A folder with a Parquet file for each finished chunk and kind of row; :func:`open_parts` makes it.

    Args:
        folder: The folder.
        kinds: Names of the kinds of row.

    Attributes:
        done: Chunks that are finished; they are the first ones.
    """

    def __init__(self, folder: Path, kinds: Sequence[str]) -> None:
        self._folder = folder
        self._kinds = kinds
        self.done = 0
        while all(self._path(kind, self.done).is_file() for kind in kinds):
            self.done += 1

    def add(self, tables: Mapping[str, pa.Table]) -> None:
        """Writes the next chunk, a table of each kind."""
        for kind in self._kinds:
            with atomic_file(self._path(kind, self.done)) as temporary:
                pq.write_table(tables[kind], temporary)
        self.done += 1

    def read(self, kind: str) -> Iterator[pa.Table]:
        """Yields the rows of one kind, a chunk at a time."""
        for chunk in range(self.done):
            yield pq.read_table(self._path(kind, chunk))

    def _path(self, kind: str, chunk: int) -> Path:
        return self._folder / f"{kind}-{chunk:06d}.parquet"


class PartsInMemory:
    """Keeps chunks in memory, for results that are returned."""

    def __init__(self) -> None:
        self.done = 0
        self._chunks: list[Mapping[str, pa.Table]] = []

    def add(self, tables: Mapping[str, pa.Table]) -> None:
        """Keeps the next chunk."""
        self._chunks.append(tables)
        self.done += 1

    def read(self, kind: str) -> Iterator[pa.Table]:
        """Yields the rows of one kind, a chunk at a time."""
        for tables in self._chunks:
            yield tables[kind]


@contextmanager
def open_parts(out: Path, kinds: Sequence[str], run: Mapping[str, Any], *, overwrite: bool) -> Iterator[Parts]:
    """Opens the folder ``<out>.parts`` of a run.

    It is removed when the block ends, except after a run that stopped and may succeed when started again.

    Args:
        out: The run's table.
        kinds: Names of the kinds of row.
        run: Everything its rows depend on, in terms of JSON.
        overwrite: Whether parts of another run may be removed.

    Yields:
        The parts, those of an earlier, equal run included.

    Raises:
        InputError: There are parts of another run.
        RunError: Another process is writing them.
    """
    folder = out.with_name(f"{out.name}.parts")
    digest = hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()
    folder.mkdir(exist_ok=True)
    with locked(folder / _LOCK) as held:
        if held is False:
            raise RunError("another process is writing the same table", where=folder, remedy="wait until it has ended")
        key = folder / _KEY
        found = key.read_text(encoding="utf-8") if key.is_file() else None
        if found not in (None, digest):
            if not overwrite:
                raise InputError(
                    "parts of another run are left here", where=folder,
                    remedy="repeat that run to finish it, remove the folder, or set `overwrite`",
                )  # fmt: skip
            for path in folder.glob("*.parquet"):
                path.unlink()
        with atomic_file(key) as temporary:
            temporary.write_text(digest, encoding="utf-8")
        parts = Parts(folder, kinds)
        try:
            yield parts
        except BaseException as error:
            # The same input would fail in the same place again; without finished chunks there is nothing to keep.
            if isinstance(error, InputError) or not parts.done:
                shutil.rmtree(folder)
            raise
        shutil.rmtree(folder)
