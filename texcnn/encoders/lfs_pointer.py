"""Files that Git LFS left out: a small text instead of weights."""

from __future__ import annotations

from pathlib import Path

from texcnn.errors import ModelError

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def refuse_lfs_pointer(path: Path) -> None:
    """Refuses the small text that a clone without Git LFS has instead of a large file.

    Raises:
        ModelError: if the file is one.
    """
    try:
        with path.open("rb") as handle:
            pointer = handle.read(len(_LFS_POINTER)) == _LFS_POINTER
    except OSError:  # the caller reads the file and reports what is wrong
        return
    if pointer:
        raise ModelError(
            f"{path.name} is a Git LFS pointer, not the file itself", where=path,
            remedy="run git lfs pull where it was cloned, or download the file",
        )  # fmt: skip
