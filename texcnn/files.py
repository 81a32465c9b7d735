"""Writing files so that a reader never sees half of one, and checking them by their sums."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gzip
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from texcnn.errors import InputError

_PREFIX = ".texcnn-"
_LOCK = "lock"


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
            f"the folder '{folder}' is not writable", where=f"output '{path}'", remedy="choose another `out`"
        )
    if path.exists() and not overwrite:
        raise InputError(f"'{path}' already exists", where="`out`", remedy="choose another name, or set `overwrite`")
    ours = path.is_file() if marker is None else (path / marker).is_file()
    if path.exists() and not ours:
        kind = "a file" if marker is None else f"a folder with {marker}"
        raise InputError(
            f"'{path}' is something else than what would replace it",
            where="`out`",
            allowed=f"a new name, or {kind}",
            remedy="choose another name",
        )


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool | None]:
    """Holds an exclusive lock on a file, made if it is not there; the kernel drops it when the process dies.

    Args:
        path: The lock's file; it stays behind.

    Yields:
        True when it is held, False where another process holds it, None where the file system knows no locks.
    """
    with path.open("ab") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held: bool | None = True
        except BlockingIOError:
            held = False
        except OSError:
            held = None
        yield held


@contextlib.contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Yields a folder that is gone when the block ends, and removes those that killed processes left there before.

    Args:
        parent: Where to make it; what lies in it can be renamed into ``parent`` at once.
    """
    _sweep(parent)
    folder = Path(tempfile.mkdtemp(dir=parent, prefix=_PREFIX))
    try:
        # A sweeper that came between these two lines took the folder for a dead one: then the next one is made.
        with locked(folder / _LOCK) as mine:
            if mine is not False and (folder / _LOCK).exists():
                content = folder / "content"
                content.mkdir()
                yield content
                return
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    with scratch_folder(parent) as content:
        yield content


def _sweep(parent: Path) -> None:
    """Removes the scratch folders of processes that are dead: nobody holds their lock."""
    for folder in parent.glob(f"{_PREFIX}*"):
        if not (folder / _LOCK).is_file():
            continue
        # A process killed while it replaced a folder left the old one and the new one here: either may be all there is.
        if (folder / "old").exists() and (folder / "content").exists():
            continue
        with contextlib.suppress(OSError), locked(folder / _LOCK) as dead:
            if dead:
                shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yields a temporary path that takes the place of ``path`` when the block ends without an error.

    Args:
        path: The file to write.

    Yields:
        Where to write it, an empty file of the same name as ``path``.
    """
    with scratch_folder(path.absolute().parent) as scratch:
        temporary = scratch / path.name
        temporary.touch()
        yield temporary
        _open_to_others(temporary)
        temporary.replace(path)


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
def atomic_folder(path: Path, *, replace: bool = True) -> Iterator[Path]:
    """Yields a temporary folder that takes the place of ``path`` when the block ends without an error.

    Args:
        path: The folder to write; one already there is replaced as a whole.
        replace: False leaves one that is already there, and has content, as it is.

    Yields:
        The folder to fill.

    Raises:
        FileExistsError: when ``path`` is there by the end and shall not be replaced.
    """
    with scratch_folder(path.absolute().parent) as temporary:
        yield temporary
        for content in (temporary, *temporary.rglob("*")):
            _open_to_others(content)
        if replace and path.exists():
            # rename() cannot replace a folder that has content: move the old one aside first, then drop it.
            path.replace(temporary.parent / "old")
        try:
            temporary.replace(path)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise FileExistsError(f"'{path}' already exists") from error
            raise


def _open_to_others(path: Path) -> None:
    """Gives a temporary file or folder, which only its owner may read, the rights that new ones have."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod((0o777 if path.is_dir() else 0o666) & ~umask)
