"""What, where, allowed, remedy."""

from __future__ import annotations

from texcnn.errors import InputError, ModelError, RunError, StoreError, unknown_name


def test_parts_stand_in_order_and_empty_ones_are_left_out() -> None:
    error = InputError("start > end", where="a.bed, line 3", allowed="start < end", remedy="swap them")
    assert str(error) == "start > end – in a.bed, line 3 – allowed: start < end – swap them"
    assert str(InputError("no genome")) == "no genome"
    assert (error.what, error.where, error.allowed, error.remedy) == (
        "start > end",
        "a.bed, line 3",
        "start < end",
        "swap them",
    )


def test_exit_status() -> None:
    assert [kind("x").exit_status for kind in (InputError, ModelError, StoreError, RunError)] == [2, 2, 2, 1]


def test_unknown_names_suggest_the_nearest() -> None:
    error = unknown_name("cell type", "livr", ["liver", "brain"], error=ModelError, where="--cell-type")
    assert isinstance(error, ModelError)
    assert str(error) == ("unknown cell type 'livr' – in --cell-type – allowed: liver, brain – did you mean 'liver'?")
    assert "did you mean" not in str(unknown_name("cell type", "zzz", ["liver"]))
    assert "allowed: none" in str(unknown_name("model", "x", []))


def test_long_lists_are_cut_and_say_so() -> None:
    text = str(unknown_name("chromosome", "x", [f"scaffold{place}" for place in range(1000)]))
    assert "(1000 in all)" in text
    assert len(text) < 2000
