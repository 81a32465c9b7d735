"""Writing files so that a reader never sees half of one, and checking them by their sums."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from texcnn.errors import InputError


def sha256_file(path: Path) -> str:
    """Returns the hex sha256 of a file's content."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def check_output(path: Path, *, overwrite: bool, marker: str | None = None) -> None:
    """Refuses an output that cannot be written, before anything expensive is done.

    Args:
        path: File or folder about to be written.
        overwrite: Whether something already there may be replaced.
        marker: For a folder, the file that shows that it is one of ours; only such a folder is ever replaced.

    Raises:
        InputError: when the folder is missing or not writable, the output is there and ``overwrite`` is not set, or
            something else than what would be written is there.
    """
    folder = path.absolute().parent
    if not folder.is_dir():
        raise InputError(f"the folder '{folder}' does not exist", where=f"output '{path}'", remedy="create it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(
            f"the folder '{folder}' is not writable", where=f"output '{path}'", remedy="choose another --out"
        )
    if path.exists() and not overwrite:
        raise InputError(f"'{path}' already exists", where="--out", remedy="choose another name, or add --overwrite")
    ours = path.is_file() if marker is None else (path / marker).is_file()
    if path.exists() and not ours:
        kind = "a file" if marker is None else f"a folder with {marker}"
        raise InputError(
            f"'{path}' is something else than what would replace it",
            where="--out",
            allowed=f"a new name, or {kind}",
            remedy="choose another name",
        )


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yields a temporary sibling of ``path`` that takes its place when the block ends without an error.

    Args:
        path: The file to write.

    Yields:
        Where to write it; it has the same endings as ``path``.
    """
    descriptor, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=".texcnn-", suffix="".join(path.suffixes))
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        _open_to_others(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def open_text(path: Path) -> Iterator[io.TextIOBase]:
    """Opens a text file for writing, gzipped where its name ends in ``.gz``; equal texts give equal files.

    Args:
        path: The file to write.

    Yields:
        The open file.
    """
    with contextlib.ExitStack() as stack:
        if path.suffix != ".gz":
            yield stack.enter_context(path.open("w", encoding="utf-8"))
            return
        raw = stack.enter_context(path.open("wb"))
        # Neither name nor time stamp in the header.
        packed = stack.enter_context(gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0))
        yield stack.enter_context(io.TextIOWrapper(packed, encoding="utf-8"))


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yields a temporary sibling folder that takes the place of ``path`` when the block ends without an error.

    Args:
        path: The folder to write; one already there is replaced as a whole.

    Yields:
        The folder to fill.
    """
    parent = path.absolute().parent
    temporary = Path(tempfile.mkdtemp(dir=parent, prefix=".texcnn-"))
    try:
        yield temporary
        for content in (temporary, *temporary.rglob("*")):
            _open_to_others(content)
        if path.exists():
            # rename() cannot replace a folder that has content: move the old one aside first, then drop it.
            aside = Path(tempfile.mkdtemp(dir=parent, prefix=".texcnn-old-"))
            path.replace(aside / "old")
            temporary.replace(path)
            shutil.rmtree(aside)
        else:
            temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _open_to_others(path: Path) -> None:
    """Gives a temporary file or folder, which only its owner may read, the rights that new ones have."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod((0o777 if path.is_dir() else 0o666) & ~umask)
