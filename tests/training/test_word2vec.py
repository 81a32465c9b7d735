"""A word2vec table fitted to windows."""

from __future__ import annotations

import builtins
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch

from texcnn.encoders import word2vec
from texcnn.encoders.word2vec import fit_word2vec
from texcnn.errors import RunError
from texcnn.segments.bases import base_codes, kmer_numbers


def windows(n: int = 8) -> list[str]:
    rng = random.Random(0)
    return ["".join(rng.choices("ACGT", k=120)) for _ in range(n)]


@pytest.fixture(autouse=True)
def _gensim(request: pytest.FixtureRequest) -> None:
    if "without" not in request.node.name:
        pytest.importorskip("gensim")


def test_the_same_windows_and_seed_give_the_same_bits() -> None:
    first, again = (fit_word2vec(windows(), dim=8, epochs=2, seed=3).table for _ in range(2))
    assert first.shape == (64, 8)
    assert first.equal(again)
    assert not first.equal(fit_word2vec(windows(), dim=8, epochs=2, seed=4).table)


def test_a_kmer_that_no_window_has_is_zero() -> None:
    table = fit_word2vec(["ACACACACAC", "ACACNGGGGG"], k=3, dim=4, epochs=1).table
    seen = {int(kmer_numbers(base_codes(word), 3)[0]) for word in ("ACA", "CAC", "GGG")}
    assert {int(row) for row in torch.nonzero(table.any(dim=1))} == seen


def test_words_do_not_reach_over_unknown_bases() -> None:
    # With an N between them no window of words joins the two halves, and "ACG" alone cannot see "TTT".
    table = fit_word2vec(["AAANCCC"] * 20, k=3, dim=4, epochs=5, seed=1).table
    other = fit_word2vec(["AAA", "CCC"] * 20, k=3, dim=4, epochs=5, seed=1).table
    assert table.equal(other)


def test_long_runs_are_cut_so_that_no_word_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word2vec, "_LONGEST", 10)
    window = windows(1)[0]
    table = fit_word2vec([window], k=3, dim=4, epochs=1).table
    words = {int(number) for number in kmer_numbers(base_codes(window), 3)}
    assert {int(row) for row in torch.nonzero(table.any(dim=1))} == words


def test_other_words_have_another_length() -> None:
    encoder = fit_word2vec(windows(), k=2, dim=5, epochs=1)
    assert (encoder.table.shape, encoder.k, encoder.dim) == ((16, 5), 2, 5)


def test_windows_of_unknown_bases_alone_are_refused() -> None:
    with pytest.raises(RunError, match="no known bases to fit word2vec to"):
        fit_word2vec(["N" * 30, ""])


def test_without_gensim_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    imported: Callable[..., Any] = builtins.__import__

    def missing(name: str, *given: Any, **more: Any) -> Any:
        if name.startswith("gensim"):
            raise ImportError(name)
        return imported(name, *given, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(RunError, match=r"word2vec needs gensim .*pip install 'texcnn\[peers\]'"):
        fit_word2vec(windows())
