"""Arguments take the forms that callers have at hand, and nothing that would be misread."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from texcnn.arguments import check_above_zero, check_choice, check_counts, check_shares, names_of, path_of
from texcnn.errors import InputError


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (None, ()),
        ("K562", ("K562",)),
        ([], ()),
        (["b", "a", "b"], ("b", "a", "b")),
        ((name for name in "ab"), ("a", "b")),
        (np.array(["a", "b"]), ("a", "b")),
        (pd.Series(["a", "b"]), ("a", "b")),
    ],
)
def test_names(given: object, names: tuple[str, ...]) -> None:
    assert names_of(given) == names  # type: ignore[arg-type]


def test_paths() -> None:
    assert path_of("a/b") == path_of(Path("a/b")) == Path("a/b")
    assert path_of(None) is None


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "3", float("nan")])
def test_counts_refused(value: object) -> None:
    with pytest.raises(InputError, match="in `runs` – allowed: a whole number from 1"):
        check_counts(epochs=3, runs=value)  # type: ignore[arg-type]


def test_counts() -> None:
    check_counts(epochs=1, runs=None)
    check_counts(least=0, seed=0)
    with pytest.raises(InputError, match="unusable number -1 – in `seed` – allowed: a whole number from 0"):
        check_counts(least=0, seed=-1)


@pytest.mark.parametrize("value", [0, -0.1, float("inf"), float("nan"), True, "1"])
@pytest.mark.parametrize("check", [check_above_zero, check_shares])
def test_numbers_refused(check: Callable[..., None], value: object) -> None:
    with pytest.raises(InputError, match="in `rate` – allowed: a number above 0"):
        check(rate=value)


def test_numbers() -> None:
    check_above_zero(rate=1, other=1e-9, none=None)
    check_shares(share=0.5, none=None)
    check_shares(zero=True, share=0)
    for value in (1, -0.1):
        with pytest.raises(InputError, match="in `share` – allowed: a number from 0 to below 1"):
            check_shares(zero=True, share=value)


def test_choices() -> None:
    check_choice("split", "random", ["chromosome", "random"], "split")
    with pytest.raises(InputError, match=r"unknown split 'randm' – in `split` – allowed: .* did you mean 'random'"):
        check_choice("split", "randm", (name for name in ("chromosome", "random")), "split")
