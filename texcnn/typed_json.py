"""JSON with its types checked as it is read: a text instead of a number is an error that names the file."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

from texcnn.errors import TexcnnError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_SHOWN = 3


def read_object(path: Path, *, error: type[TexcnnError]) -> dict[str, Any]:
    """Reads a file that holds a JSON object.

    Args:
        path: The file.
        error: The class of the error to raise.

    Raises:
        TexcnnError: Of that class, when the file cannot be read or holds something else.
    """
    try:
        return parse_object(path.read_bytes(), where=path, error=error)
    except OSError as fault:
        raise error(f"the file cannot be read ({fault.strerror})", where=path) from fault


def parse_object(text: str | bytes, *, where: object, error: type[TexcnnError]) -> dict[str, Any]:
    """Reads a JSON object; NaN, infinities and numbers too large for a float are not JSON.

    Args:
        text: The JSON, UTF-8.
        where: Where it was read, for messages.
        error: The class of the error to raise.

    Raises:
        TexcnnError: Of that class, when the text is something else.
    """
    try:
        values = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except RecursionError as fault:
        raise error("not JSON that can be read: lists or objects are nested too deeply", where=where) from fault
    except ValueError as fault:  # UnicodeDecodeError and JSONDecodeError are too
        raise error(f"not JSON: {fault}", where=where) from fault
    if not isinstance(values, dict):
        raise error("not a JSON object", where=where, allowed="{...}")
    return values


def check_types(kind: Any, values: Any, *, where: object, error: type[TexcnnError]) -> None:
    """Checks that JSON values have the types of a dataclass's fields; further entries do not matter.

    Args:
        kind: The dataclass.
        values: Values as of :func:`parse_object`.
        where: Where they were read, for messages.
        error: The class of the error to raise.

    Raises:
        TexcnnError: Of that class, naming each entry that is missing or of another type; or what the dataclass raises.
    """
    if faults := _faults(kind, values, ""):
        shown = "; ".join(faults[:_SHOWN]) + ("; ..." if len(faults) > _SHOWN else "")
        raise error(f"unusable entries: {shown}", where=where)


def check_fields(
    kinds: Mapping[str, type], values: Mapping[str, Any], *, where: object, error: type[TexcnnError]
) -> None:
    """Checks the types of those entries of JSON values that are known; none of them has to be there.

    Args:
        kinds: The type of each known entry.
        values: Values as of :func:`parse_object`.
        where: Where they were read, for messages.
        error: The class of the error to raise.

    Raises:
        TexcnnError: Of that class, naming each entry that is of another type.
    """
    faults = [fault for name, kind in kinds.items() if name in values for fault in _faults(kind, values[name], name)]
    if faults:
        raise error(f"unusable entries: {'; '.join(faults)}", where=where)


def _faults(kind: Any, values: Any, name: str) -> list[str]:
    try:
        _make(kind, values)
    except Exception:  # the rest is for pydantic, whose import takes a third of a second
        return _faults_by_name(kind, values, name)
    return []


def _make(kind: Any, value: Any) -> Any:
    """Converts a JSON value to a type.

    Raises:
        Exception: of any class, when the value is not of the type, or the type is not supported here.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and is_dataclass(kind) and type(value) is dict:
        hints = get_type_hints(kind)
        known = [field.name for field in fields(kind) if field.init and field.name in value]
        return kind(**{name: _make(hints[name], value[name]) for name in known})
    if origin in (Union, UnionType) and len(parts) == 2 and NoneType in parts:
        return None if value is None else _make(next(part for part in parts if part is not NoneType), value)
    if origin in (dict, Mapping) and parts[0] is str and type(value) is dict:
        return {name: _make(parts[1], each) for name, each in value.items()}
    if origin is list and type(value) is list:
        return [_make(parts[0], each) for each in value]
    if origin is tuple and parts[-1] is ... and type(value) is list:
        return tuple(_make(parts[0], each) for each in value)
    if origin is Literal and value in parts:
        return value
    if kind is float and type(value) in (float, int):
        return float(value)
    if kind is Any or (kind in (str, int, bool) and type(value) is kind):
        return value
    raise TypeError(f"{value!r} for {kind}")


def _faults_by_name(kind: Any, values: Any, name: str) -> list[str]:
    from pydantic import ValidationError

    try:
        _adapter(kind).validate_json(json.dumps(values), strict=True)
    except ValidationError as fault:
        return [
            f"{_place((name, *found['loc']))}: {found['msg'][:1].lower()}{found['msg'][1:]}" for found in fault.errors()
        ]
    return []


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _place(parts: tuple[int | str, ...]) -> str:
    named = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts if part != "")
    return "".join(named).removeprefix(".")


def _finite(text: str) -> float:
    value = float(text.replace("Infinity", "inf"))
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value
