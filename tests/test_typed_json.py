"""JSON of another form is refused where it is read, and named by its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from texcnn.errors import InputError, ModelError, StoreError
from texcnn.typed_json import check_fields, check_types, parse_object, read_object


@dataclass(frozen=True)
class Inner:
    size: int
    share: float = 1.0

    def __post_init__(self) -> None:
        if self.size < 0:
            raise InputError("the size is negative")


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner
    many: tuple[Inner, ...] = ()
    sums: dict[str, str] = field(default_factory=dict)
    maybe: float | None = None


GOOD = {"name": "x", "inner": {"size": 1}}


@pytest.mark.parametrize(
    "more",
    [{"other": []}, {"many": [{"size": 2, "share": 0}]}, {"maybe": None}, {"maybe": 2}, {"sums": {"a": "b"}}],
)
def test_values_of_the_right_types_pass(more: dict[str, object]) -> None:
    check_types(Outer, GOOD | more, where="x", error=ModelError)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"name": 3}, "name: input should be a valid string"),
        ({"inner": {}}, r"inner\.size: field required"),
        ({"inner": []}, "inner: "),
        ({"inner": {"size": "1"}}, r"inner\.size: input should be a valid integer"),
        ({"inner": {"size": 1.5}}, r"inner\.size: "),
        ({"inner": {"size": True}}, r"inner\.size: "),
        ({"many": [{"size": 1}, {"size": None}]}, r"many\[1\]\.size: "),
        ({"many": "ab"}, "many: "),
        ({"sums": {"a": 1}}, r"sums\.a: "),
        ({"maybe": "1"}, "maybe: "),
        (
            {"name": 1, "inner": {"size": "", "share": ""}, "maybe": "", "sums": 1},
            r"name: .*; inner.*; inner.*; \.\.\.",
        ),
    ],
)
def test_values_of_other_types_are_named_by_their_place(more: dict[str, object], message: str) -> None:
    with pytest.raises(StoreError, match=f"unusable entries: {message}.* HERE"):
        check_types(Outer, GOOD | more, where="HERE", error=StoreError)


def test_what_a_dataclass_refuses_comes_through() -> None:
    with pytest.raises(InputError, match="the size is negative"):
        check_types(Outer, {**GOOD, "inner": {"size": -1}}, where="x", error=ModelError)


def test_known_fields_alone_are_checked() -> None:
    kinds = {"eps": float, "size": int}
    check_fields(kinds, {"eps": 1, "other": "x"}, where="x", error=ModelError)
    with pytest.raises(ModelError, match=r"unusable entries: eps: input should be a valid number; size: .* HERE"):
        check_fields(kinds, {"eps": "1e-12", "size": None}, where="HERE", error=ModelError)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('"x"', "not a JSON object"),
        ('{"a": NaN}', "NaN is not a finite number"),
        ('{"a": [-Infinity]}', "-Infinity is not a finite number"),
        ('{"a": 1e999}', "1e999 is not a finite number"),
        ("[" * 100_000, "nested too deeply"),
        (b'{"a": "\xff"}', "not JSON.*0xff"),
        ('{"a": 1' + "0" * 5000 + "}", "not JSON"),
    ],
)
def test_what_is_no_object_of_json(text: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=f"{message}.*HERE"):
        parse_object(text, where="HERE", error=InputError)


def test_files(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1.5}')
    assert read_object(tmp_path / "a.json", error=ModelError) == {"a": 1.5}
    with pytest.raises(ModelError, match=r"cannot be read \(No such file"):
        read_object(tmp_path / "none.json", error=ModelError)
