"""Temporary folders, the locks that show that they are in use, and the error of a full disk."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from texcnn.errors import RunError, TexcnnError

_PREFIX = ".texcnn-"
_LOCK = "lock"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool | None]:
    """Holds an exclusive lock on a file, made if it is not there; the kernel drops it when the process dies.

    Args:
        path: The lock's file; it stays behind.

    Yields:
        True when it is held, False where another process holds it, None where the file system knows no locks.
    """
    # A lock of another kind, which the kernel does not drop, would outlive a process that is killed.
    lock = FileLock(path, timeout=0, fallback_to_soft=False)
    held: bool | None = True
    try:
        lock.acquire()
    except Timeout:
        held = False
    except OSError:
        if not os.access(path, os.W_OK):
            raise
        held = None
    try:
        yield held
    finally:
        lock.release()


@contextlib.contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Yields a folder that is gone when the block ends, and removes those that killed processes left there before.

    Args:
        parent: Where to make it; files in it can be renamed into ``parent`` without a copy.
    """
    _sweep(parent)
    folder = Path(tempfile.mkdtemp(dir=parent, prefix=_PREFIX))
    with contextlib.ExitStack() as stack:
        stack.callback(_remove, folder)
        # Another process may take the folder for one that is no longer used: removed before this line, it is made
        # again here; removed after it, the next one is made.
        mine = stack.enter_context(locked(folder / _LOCK))
        if mine is not False and (folder / _LOCK).exists():
            content = folder / "content"
            content.mkdir()
            yield content
            return
    with scratch_folder(parent) as content:
        yield content


def _sweep(parent: Path) -> None:
    """Removes the scratch folders of processes that ended: their lock is free."""
    for folder in parent.glob(f"{_PREFIX}*"):
        if not (folder / _LOCK).is_file():
            with contextlib.suppress(OSError):
                folder.rmdir()  # of a process killed before it had the lock, or after it removed it: empty, or not ours
            continue
        # A process killed while it replaced a folder left the old one and the new one here: either may be all there is.
        if (folder / "old").exists() and (folder / "content").exists():
            continue
        with contextlib.suppress(OSError), locked(folder / _LOCK) as dead:
            if dead:
                _remove(folder)


def _remove(folder: Path) -> None:
    """Removes a scratch folder, the lock last: if the process is killed meanwhile, the next one finds the rest."""
    with contextlib.suppress(OSError):
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name != _LOCK:
                entry.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def refuse_other_writer(path: Path, ours: Path) -> None:
    """Refuses to write what a living process began to write before, rather than to find out at the end.

    Args:
        path: The file to write.
        ours: The scratch folder of this process, which has a file of the same name.

    Raises:
        RunError: when another process writes it.
    """
    began = ours.parent.stat().st_ctime_ns
    for folder in path.absolute().parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if folder == ours.parent or not (folder / "content" / path.name).is_file():
                continue
            if (folder.stat().st_ctime_ns, folder.name) > (began, ours.parent.name):
                continue
            with locked(folder / _LOCK) as dead:
                if dead is False:
                    raise RunError(
                        f"another process is writing '{path.name}'", where=path,
                        remedy="wait until it has ended, or choose another `out`",
                    )  # fmt: skip


@contextlib.contextmanager
def full_disk_named(folder: Path) -> Iterator[None]:
    """Turns the error of a full disk into one that names the disk.

    Args:
        folder: Where the block writes.

    Raises:
        RunError: when there was no room.
    """
    try:
        yield
    except TexcnnError:
        raise
    except Exception as error:  # HDF5, safetensors and Arrow have their own errors, with the system's text
        if getattr(error, "errno", None) not in _NO_ROOM and not any(os.strerror(n) in str(error) for n in _NO_ROOM):
            raise
        raise _full(folder) from error


def _full(folder: Path) -> RunError:
    disk = folder.resolve()
    while not os.path.ismount(disk):
        disk = disk.parent
    free = shutil.disk_usage(disk).free
    return RunError(
        f"the disk is full: {free / 1e6:.3g} MB are free, or a quota is used up",
        where=f"'{folder}', on the disk '{disk}'",
        remedy="make room, or write to another disk",
    )  # fmt: skip
