"""Files: their companions' names, writing so that a reader never sees half of one, and checks by sums."""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from texcnn.errors import InputError, RunError
from texcnn.scratch import full_disk_named, refuse_other_writer, scratch_folder


def sha256_file(path: Path) -> str:
    """Returns the hex sha256 of a file's content."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def skipped_path(out: Path) -> Path:
    """Returns where the rows that have no result are listed: ``<out>.skipped.tsv``."""
    return Path(f"{out}.skipped.tsv")


def description_path(out: Path) -> Path:
    """Returns where a text table's unit and origin are: ``<out>.meta.json``; other formats carry them inside."""
    return Path(f"{out}.meta.json")


def check_is_file(path: Path, *, or_pipe: bool = False) -> None:
    """Refuses a path that cannot be read at several places or several times, as a regular file can.

    Args:
        path: The path.
        or_pipe: Whether anything that is there will do, because it is read once.

    Raises:
        InputError: when nothing is there, or a folder or a pipe is.
    """
    if not path.exists():
        raise InputError("the file does not exist", where=path)
    if not or_pipe and not path.is_file():
        kind = "folder" if path.is_dir() else "pipe"
        raise InputError(
            f"the path is a {kind}, and the table is read at several places", where=path, allowed="a regular file",
            remedy=None if kind == "folder" else "write it to a file first",
        )  # fmt: skip


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
    try:
        known = path.exists()
    except OSError as error:  # such as a name that is too long
        raise InputError(
            f"the output cannot be written ({error.strerror})", where=f"output '{path}'", remedy="choose another `out`"
        ) from error
    if path.is_symlink() and not known:
        raise InputError(
            f"'{path}' is a link to '{path.readlink()}', which does not exist", where="`out`", allowed="a file",
            remedy="remove the link, or choose another name",
        )  # fmt: skip
    if known and not overwrite:
        raise InputError(f"'{path}' already exists", where="`out`", remedy="choose another name, or set `overwrite`")
    ours = path.is_file() if marker is None else (path / marker).is_file()
    if known and not ours:
        kind = "a file" if marker is None else f"a folder with {marker}"
        raise InputError(
            f"'{path}' is something else than what would replace it",
            where="`out`",
            allowed=f"a new name, or {kind}",
            remedy="choose another name",
        )


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yields a temporary path that takes the place of ``path`` when the block ends without an error.

    Args:
        path: The file to write.

    Yields:
        Where to write it, an empty file of the same name as ``path``.

    Raises:
        RunError: when the disk is full, or another process writes or has written the file in the meantime.
    """
    with atomic_files([path]) as (temporary,):
        yield temporary


@contextlib.contextmanager
def atomic_files(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Yields temporary paths that take the places of ``paths`` together when the block ends without an error.

    Args:
        paths: The files to write, all in one folder, in the order in which they are to appear.

    Yields:
        Where to write them, empty files of the same names; one that the block removes does not appear.

    Raises:
        RunError: when the disk is full, or another process writes or has written one of the files in the meantime.
    """
    parent = paths[0].absolute().parent
    with full_disk_named(parent), scratch_folder(parent) as scratch:
        before = [_identity(path) for path in paths]
        temporaries = [scratch / path.name for path in paths]
        for temporary in temporaries:
            temporary.touch()
        for path in reversed(paths):  # the main one comes last
            refuse_other_writer(path, scratch)
        yield temporaries
        placed: list[Path] = []
        try:
            for path, temporary, known in zip(paths, temporaries, before, strict=True):
                if temporary.exists():
                    _open_to_others(temporary)
                    _place(temporary, path, known)
                    placed += [path] if known is None else []
        except BaseException:
            # What is to appear together disappears together; a file that was replaced has gone already.
            for path in placed:
                path.unlink(missing_ok=True)
            raise


def _identity(path: Path) -> tuple[int, int, int] | None:
    """What differs between two states of a file or folder; None where it does not exist."""
    try:
        state = path.stat()
    except FileNotFoundError:
        return None
    # A folder's times change with every file that is made in it.
    return (state.st_ino, 0, 0) if path.is_dir() else (state.st_ino, state.st_mtime_ns, state.st_size)


def _place(temporary: Path, path: Path, before: tuple[int, int, int] | None) -> None:
    """Gives a file its name, unless another process gave it to another file since the state ``before``."""
    if before is None:
        try:
            os.link(temporary, path)
        except FileExistsError as error:
            raise _written_meanwhile(path) from error
        except OSError:  # a file system without links
            if path.exists():
                raise _written_meanwhile(path) from None
            temporary.replace(path)
        else:
            temporary.unlink()
        return
    if _identity(path) not in (before, None):
        raise _written_meanwhile(path)
    temporary.replace(path)


def _written_meanwhile(path: Path) -> RunError:
    return RunError(
        f"another process has written '{path.name}' meanwhile", where=path,
        remedy="what it wrote is kept; choose another `out` and run again",
    )  # fmt: skip


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
        # No name or time stamp in the header.
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
        FileExistsError: when ``path`` is there by the end and is not to be replaced.
        RunError: when the disk is full, or another process has written the folder in the meantime.
    """
    parent = path.absolute().parent
    with full_disk_named(parent), scratch_folder(parent) as temporary:
        before = _identity(path)
        yield temporary
        for content in (temporary, *temporary.rglob("*")):
            _open_to_others(content)
        if replace and path.exists():
            if _identity(path) != before:
                raise _written_meanwhile(path)
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
