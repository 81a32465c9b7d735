"""Nothing replaces a file that it reads: ``overwrite`` is for earlier results."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from texcnn.arguments import to_path
from texcnn.errors import InputError
from texcnn.files import description_path, skipped_path

_READ_WITH = ("", ".fai", ".gzi", ".tbi", ".csi", ".skipped.tsv", ".meta.json")
"""Endings of the files that are read with a genome, a VCF or a table."""


def keep_inputs(outputs: Mapping[str, object], inputs: Mapping[str, object]) -> None:
    """Checks that nothing that is read would be replaced, under whatever name, or as part of a folder.

    Args:
        outputs: What is written, by argument: a path, several, or None.
        inputs: What is read, by argument: as above, or an options object, of whose fields the paths count.

    Raises:
        InputError: when something that is read would be replaced.
    """
    read = {
        os.path.realpath(f"{path}{ending}"): (name, path)
        for name, path in _paths(inputs)
        if name not in outputs
        for ending in _READ_WITH
    }
    for name, out in _paths(outputs):
        for written in (out, skipped_path(out), description_path(out)):
            place = os.path.realpath(written)
            for found, (source, path) in read.items():
                if found == place or found.startswith(f"{place}{os.sep}"):
                    raise InputError(
                        f"'{path}' is read and would be replaced", where=f"`{name}` and `{source}`",
                        allowed="another name for what is written",
                    )  # fmt: skip


def _paths(given: Mapping[str, object], *, texts: bool = True) -> Iterator[tuple[str, Path]]:
    for name, value in given.items():
        if dataclasses.is_dataclass(value):
            # As they are kept: a device is found only when it is asked for. A text is a name, as that of a cell type.
            yield from _paths(getattr(value, "__dict__", {}), texts=False)
        for path in value if isinstance(value, list | tuple) else (value,):
            if isinstance(path, os.PathLike) or (texts and isinstance(path, str)):
                yield name, to_path(path, name)
