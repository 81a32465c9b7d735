"""Options of a call: one object, or its fields by name."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from texcnn.errors import InputError
from texcnn.keywords import check_flags, option_names, options_from


@dataclass(frozen=True)
class Inner:
    size: int = 3
    name: str = "a"


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    loud: bool = False


def test_fields_of_a_nested_object_are_keywords_too() -> None:
    assert option_names(Outer) == ["size", "name", "loud"]
    assert options_from(Outer, None, {}) == Outer()
    assert options_from(Outer, None, {"name": "b", "loud": True}) == Outer(Inner(3, "b"), True)


def test_an_object_is_taken_as_it_is() -> None:
    given = Outer(Inner(5))
    assert options_from(Outer, given, {}) is given


def test_an_unknown_keyword_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"unknown option 'nam' .* allowed: size, name, loud .* did you mean 'name'"):
        options_from(Outer, None, {"nam": 1})


def test_object_and_keywords_together_are_refused() -> None:
    with pytest.raises(InputError, match=r"`options` is given, and size too"):
        options_from(Outer, Outer(), {"size": 1})
    with pytest.raises(InputError, match=r"`options` is of type Inner .* allowed: Outer, or None"):
        options_from(Outer, Inner(), {})  # type: ignore[arg-type]


def test_two_fields_of_one_name_are_a_mistake_in_the_class() -> None:
    @dataclass(frozen=True)
    class Twice:
        inner: Inner = field(default_factory=Inner)
        size: int = 0

    Twice.__annotations__["inner"] = Inner
    with pytest.raises(TypeError, match="two fields of Twice have one name"):
        option_names(Twice)


@pytest.mark.parametrize("value", ["no", 0, None])
def test_a_flag_is_a_bool(value: object) -> None:
    check_flags(loud=True)
    with pytest.raises(InputError, match=r"is not yes or no .* `loud` .* True or False"):
        check_flags(loud=value)
