"""What went wrong, where, what is allowed, and what to do about it.

Every error a user can cause is one of these classes; the command line prints it without a traceback and
leaves with its ``exit_status``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar

_SHOWN_NAMES = 80
"""A message lists at most this many valid names; longer lists are cut, and say so."""


class TexcnnError(Exception):
    """Base of every error a user can cause.

    Args:
        what: What is wrong, in one sentence without a full stop.
        where: The file, line, column or argument it was found in.
        allowed: The values or form that would have been accepted.
        remedy: What to do about it.
    """

    exit_status: ClassVar[int] = 2
    """Exit status of the command line: 2 for unusable arguments or input, 1 for a run that failed."""

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        allowed: object = None,
        remedy: str | None = None,
    ) -> None:
        self.what = what
        self.where = None if where is None else str(where)
        self.allowed = None if allowed is None else str(allowed)
        self.remedy = remedy
        parts = [
            what,
            f"in {self.where}" if self.where else "",
            f"allowed: {self.allowed}" if self.allowed else "",
            remedy or "",
        ]
        super().__init__(" – ".join(part for part in parts if part))


class InputError(TexcnnError):
    """A file or an argument that cannot be used."""


class ModelError(TexcnnError):
    """A model bundle, an encoder's weights or a name in them that cannot be used."""


class StoreError(TexcnnError):
    """An embedding store that cannot be read, written or trusted."""


class RunError(TexcnnError):
    """The arguments were fine, but the run could not finish."""

    exit_status = 1


def unknown_name(
    kind: str,
    name: str,
    valid: Iterable[str],
    *,
    error: type[TexcnnError] = InputError,
    where: object = None,
    others: Iterable[str] = (),
) -> TexcnnError:
    """Builds the error for a name that is not among the valid ones.

    Args:
        kind: What the name should have named, such as ``"cell type"``.
        name: The name that was given.
        valid: Every name that would have been accepted.
        error: The class of the error to build.
        where: The file or argument the name came from.
        others: Further names that would have been accepted, which are suggested but not listed.

    Returns:
        An error that lists the valid names and suggests the nearest one; raise it.
    """
    names, name = list(valid), str(name)
    shown = ", ".join(names[:_SHOWN_NAMES])
    if len(names) > _SHOWN_NAMES:
        shown += f", ... ({len(names)} in all)"
    nearest = _nearest(name, [*names, *others])
    return error(
        f"unknown {kind} '{name}'",
        where=where,
        allowed=shown or "none",
        remedy=None if nearest is None else f"did you mean '{nearest}'?",
    )


def _nearest(name: str, names: Iterable[str]) -> str | None:
    """The valid name that was most likely meant; upper and lower case count the same, and a part of a name counts."""
    lowered = {valid.lower(): valid for valid in reversed(list(names)) if valid}
    close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    parts = [valid for valid in lowered if len(name) > 2 and name.lower() in valid]
    found = close or sorted(parts, key=len)
    return lowered[found[0]] if found else None
