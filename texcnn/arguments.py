"""Arguments of a call, brought to one form and checked; messages name the argument."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from pathlib import Path

from texcnn.errors import InputError, unknown_name


def names_of(value: str | Iterable[str] | None) -> tuple[str, ...]:
    """Returns names in their order: a string is one name, None is none."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(map(str, value))


def texts_of(value: str | Iterable[object]) -> list[str]:
    """Returns texts in their order, each as often as it is given: a string is one text."""
    return [value] if isinstance(value, str) else [str(item) for item in value]


def paths_of(value: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Returns paths in their order; a string or a path is one."""
    return [Path(value)] if isinstance(value, str | os.PathLike) else [Path(item) for item in value]


def path_of(value: str | os.PathLike[str] | None) -> Path | None:
    """Returns a path; None stays None."""
    return None if value is None else Path(value)


def check_counts(*, least: int = 1, **counts: int | None) -> None:
    """Refuses anything but whole numbers from ``least`` on; None passes.

    Raises:
        InputError: when one is not such a number.
    """
    for name, value in counts.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise InputError(f"unusable number {value!r}", where=f"`{name}`", allowed=f"a whole number from {least}")


def check_above_zero(**numbers: float | None) -> None:
    """Refuses anything but finite numbers above 0; None passes.

    Raises:
        InputError: when one is not such a number.
    """
    for name, value in numbers.items():
        if value is not None and not (_is_number(value) and value > 0):
            raise InputError(f"unusable number {value!r}", where=f"`{name}`", allowed="a number above 0")


def check_shares(*, zero: bool = False, **shares: float | None) -> None:
    """Refuses anything but shares above 0, or from 0 with ``zero``, and below 1; None passes.

    Raises:
        InputError: when one is not such a number.
    """
    for name, value in shares.items():
        if value is not None and not (_is_number(value) and (value > 0 or (zero and value == 0)) and value < 1):
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


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
