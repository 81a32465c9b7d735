"""Frozen option objects built from the keywords of a call, so that Python and the command line use the same names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

from texcnn.errors import InputError, unknown_name

Options = TypeVar("Options")


def options_from(kind: type[Options], options: Options | None, keywords: Mapping[str, Any]) -> Options:
    """Returns the options of a call: the object that was given, or one built from keywords.

    Args:
        kind: A frozen dataclass. The fields of a dataclass that is nested in it are keywords too, by their own names.
        options: The object; None to build one.
        keywords: Values by field name. A field that is missing keeps its default.

    Raises:
        InputError: when both are given, ``options`` is of another type, or a keyword is not a field.
    """
    if options is None:
        names = option_names(kind)
        for name in keywords:
            if name not in names:
                raise unknown_name("option", name, names)
        return _build(kind, keywords)
    if not isinstance(options, kind):
        raise InputError(f"`options` is of type {type(options).__name__}", allowed=f"{kind.__name__}, or None")
    if keywords:
        raise InputError(
            f"`options` is given, and {', '.join(keywords)} too",
            allowed="one of the two",
            remedy="put them into `options`",
        )
    return options


def option_names(kind: type) -> list[str]:
    """Returns the keywords of an option class: its fields, each nested dataclass replaced by its own fields.

    Raises:
        TypeError: when two fields have one name, a mistake in the class.
    """
    names: list[str] = []
    for name, nested in _nested(kind).items():
        names += [name] if nested is None else option_names(nested)
    if len(set(names)) < len(names):
        raise TypeError(f"two fields of {kind.__name__} have one name")
    return names


def _nested(kind: type) -> dict[str, type | None]:
    """Each field's name, with its type where that is a dataclass."""
    assert is_dataclass(kind)
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] if is_dataclass(hints[field.name]) else None for field in fields(kind)}


def _build(kind: type[Options], keywords: Mapping[str, Any]) -> Options:
    values: dict[str, Any] = {}
    for name, nested in _nested(kind).items():
        if nested is not None:
            inner = {key: keywords[key] for key in option_names(nested) if key in keywords}
            values[name] = _build(nested, inner)
        elif name in keywords:
            values[name] = keywords[name]
    return kind(**values)


def check_flags(**flags: object) -> None:
    """Refuses values of yes-or-no arguments that are neither: a text such as ``"no"`` would count as yes.

    Raises:
        InputError: when one is not a bool.
    """
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise InputError(f"{value!r} is not yes or no", where=f"`{name}`", allowed="True or False")
