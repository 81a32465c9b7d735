"""No command replaces a file that it reads: ``--overwrite`` is for earlier results."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from texcnn.errors import InputError

_OUTPUTS = frozenset({"out", "also", "shards", "summary", "annotate", "tabix"})
"""Parameters of all commands that name what is written."""

_INDEXES = ("", ".fai", ".gzi", ".tbi", ".csi")
"""Endings of the files that are read with a genome or a VCF."""


def keep_inputs(command: click.Command) -> None:
    """Makes a command, and its subcommands, refuse outputs that are its inputs."""
    if isinstance(command, click.Group):
        for subcommand in command.commands.values():
            keep_inputs(subcommand)
    callback = command.callback
    if callback is None or hasattr(callback, "keeps_inputs"):
        return

    @functools.wraps(callback)
    def checked(*arguments: Any, **values: Any) -> Any:
        refuse_inputs(values)
        return callback(*arguments, **values)

    checked.keeps_inputs = True  # type: ignore[attr-defined]
    command.callback = checked


def refuse_inputs(values: Mapping[str, Any]) -> None:
    """Checks that no output is an input, under whatever name.

    Args:
        values: A command's parameters; the paths among them count.

    Raises:
        InputError: when a file that is read would be replaced.
    """
    from texcnn.files import description_path, skipped_path

    read = {
        os.path.realpath(f"{path}{ending}"): name
        for name, path in _paths(values)
        if name not in _OUTPUTS
        for ending in _INDEXES
    }
    for name, path in _paths(values):
        for written in (path, skipped_path(path), description_path(path)) if name in _OUTPUTS else ():
            source = read.get(os.path.realpath(written))
            if source is not None:
                raise InputError(
                    f"'{written}' is read and would be replaced", where=f"`{name}` and `{source}`",
                    allowed="another name for what is written",
                )  # fmt: skip


def _paths(values: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    for name, value in values.items():
        for path in value if isinstance(value, tuple) else (value,):
            if isinstance(path, Path):
                yield name, path
