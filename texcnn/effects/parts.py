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
from texcnn.files import atomic_file, atomic_folder
from texcnn.scratch import locked
from texcnn.typed_json import read_object

_KEY, _LOCK = "run.json", "lock"

KEPT_FILE = "parts.json"
"""In a folder of chunks that is kept: what they are."""

EFFECTS, HAPLOTYPES = "variant effects", "haplotypes"
"""What such chunks hold."""

_FORMAT = 1


class Parts:
    """A folder with a Parquet file for each finished chunk and kind of row; :func:`open_parts` makes it.

    Args:
        folder: The folder.
        kinds: Names of the kinds of row.

    Attributes:
        folder: The folder.
        done: Chunks that are finished; they are the first ones.
    """

    def __init__(self, folder: Path, kinds: Sequence[str]) -> None:
        self.folder = folder
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
            yield self.chunk(kind, chunk)

    def chunk(self, kind: str, number: int) -> pa.Table:
        """Returns the rows of one kind of a chunk."""
        return pq.read_table(self._path(kind, number))

    def _path(self, kind: str, chunk: int) -> Path:
        return self.folder / f"{kind}-{chunk:06d}.parquet"


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


def keep_parts(parts: Parts, out: Path, content: Mapping[str, Any]) -> None:
    """Keeps the chunks of a finished run as a folder, which :func:`kept_parts` reads.

    Args:
        parts: The chunks.
        out: The folder.
        content: What the run was, in terms of JSON; :func:`kept_parts` returns it.
    """
    with atomic_folder(out) as folder:
        for path in parts.folder.glob("*.parquet"):
            shutil.copyfile(path, folder / path.name)
        (folder / KEPT_FILE).write_text(json.dumps({"format_version": _FORMAT, **content}, indent=1), encoding="utf-8")


def kept_parts(folder: Path) -> dict[str, Any]:
    """Returns the ``content`` that :func:`keep_parts` wrote next to a folder's chunks.

    Raises:
        InputError: The folder was not written by it, or by another version.
    """
    if not (folder / KEPT_FILE).is_file():
        raise InputError(
            f"'{folder}' has no parts of a run", where="parts to merge",
            allowed=f"a folder that texcnn variants wrote, which has {KEPT_FILE}",
        )  # fmt: skip
    content = read_object(folder / KEPT_FILE, error=InputError)
    if content.get("format_version") != _FORMAT:
        raise InputError(
            f"parts of version {content.get('format_version')}", where=folder, allowed=f"version {_FORMAT}",
            remedy="run texcnn variants again",
        )  # fmt: skip
    return content
