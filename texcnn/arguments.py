"""Arguments of a call, brought to one form and checked; messages name the argument."""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeGuard

from texcnn.errors import InputError, unknown_name

_LONGEST_NAME = 255
"""Bytes of a file's name, in all usual file systems."""

_LARGEST_COUNT = 2**40
"""A seed this large still has room for a million steps' own seeds in 64 bits."""


def names_of(value: str | Iterable[str] | None, argument: str = "") -> tuple[str, ...]:
    """Returns names in their order: a string is one name, None is none.

    Args:
        value: The names.
        argument: What they were given as, for the message.

    Raises:
        InputError: It is neither a name nor several, such as a number, bytes or a path.
    """
    return () if value is None else tuple(texts_of(value, argument))


def texts_of(value: str | Iterable[object], argument: str = "") -> list[str]:
    """Returns texts in their order, each as often as it is given: a string is one text; see :func:`names_of`."""
    if isinstance(value, str):
        return [value]
    # Bytes would be numbers; a path is rather that of a list.
    if isinstance(value, bytes | os.PathLike) or not isinstance(value, Iterable):
        raise InputError(
            f"{value!r} is not a name or a list of names", where=_where(argument), allowed="a str, or several"
        )
    return [str(item) for item in value]


def to_path(value: str | os.PathLike[str], argument: str = "") -> Path:
    """Returns a path.

    Args:
        value: The path.
        argument: What it was given as, for the message.

    Raises:
        InputError: It is not a path, or an empty one, which would be the working folder, or its name is not UTF-8 or
            too long.
    """
    if not isinstance(value, str | os.PathLike) or isinstance(os.fspath(value), bytes) or not str(value):
        raise InputError(f"{value!r} is not a path", where=_where(argument), allowed="a str or a Path")
    if any("\ud800" <= letter <= "\udfff" for letter in str(value)):  # tables and reports could not name it
        raise InputError(
            f"the name {str(value)!a} is not UTF-8", where=_where(argument), allowed="names in UTF-8",
            remedy="rename the file or its folder; where the locale is not UTF-8, set PYTHONUTF8=1",
        )  # fmt: skip
    if "\0" in str(value):
        raise InputError(f"the name {str(value)!r} has a NUL character", where=_where(argument), remedy="leave it out")
    longest = max(Path(value).parts, key=_n_bytes, default="")
    if _n_bytes(longest) > _LONGEST_NAME:
        raise InputError(
            f"the name '{longest[:30]}...' is too long", where=_where(argument),
            allowed=f"{_LONGEST_NAME} bytes for the name of a file or folder",
        )  # fmt: skip
    return Path(value)


def path_of(value: str | os.PathLike[str] | None, argument: str = "") -> Path | None:
    """Returns a path as :func:`to_path` does; None stays None."""
    return None if value is None else to_path(value, argument)


def paths_of(value: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], argument: str = "") -> list[Path]:
    """Returns paths in their order as :func:`to_path` does; a string or a path is one."""
    if isinstance(value, str | os.PathLike) or not isinstance(value, Iterable):
        return [to_path(value, argument)]
    return [to_path(item, argument) for item in value]


def _n_bytes(name: str) -> int:
    return len(name.encode())


def _where(argument: str) -> str | None:
    return f"`{argument}`" if argument else None


def check_counts(*, least: int = 1, needed: bool = False, **counts: int | None) -> None:
    """Refuses anything but whole numbers from ``least`` on; None passes, unless ``needed``.

    Raises:
        InputError: when one is not such a number.
    """
    for name, value in counts.items():
        if (needed or value is not None) and (
            isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _LARGEST_COUNT
        ):
            allowed = f"a whole number from {least}"
            if isinstance(value, int) and value > _LARGEST_COUNT:
                allowed += f" to {_LARGEST_COUNT:,}"
            raise InputError(f"unusable number {value!r}", where=f"`{name}`", allowed=allowed)


def check_above_zero(**numbers: float | None) -> None:
    """Refuses anything but finite numbers above 0; None passes.

    Raises:
        InputError: when one is not such a number.
    """
    for name, value in numbers.items():
        if value is not None and not (is_number(value) and value > 0):
            raise InputError(f"unusable number {value!r}", where=f"`{name}`", allowed="a number above 0")


def check_shares(*, zero: bool = False, needed: bool = False, **shares: float | None) -> None:
    """Refuses anything but shares above 0, or from 0 with ``zero``, and below 1; None passes, unless ``needed``.

    Raises:
        InputError: when one is not such a number.
    """
    for name, value in shares.items():
        if value is None and not needed:
            continue
        if not (is_number(value) and (value > 0 or (zero and value == 0)) and value < 1):
            allowed = "from 0 to below 1" if zero else "above 0 and below 1"
            raise InputError(f"unusable share {value!r}", where=f"`{name}`", allowed=f"a number {allowed}")


def check_choice(kind: str, value: str, valid: Iterable[str], argument: str) -> None:
    """Refuses a name that is not among the valid ones.

    Raises:
        InputError: when it is not; the message lists them.
    """
    names = list(valid)
    if value not in names:
        raise unknown_name(kind, str(value), names, where=f"`{argument}`")


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a finite number; a bool is none."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
