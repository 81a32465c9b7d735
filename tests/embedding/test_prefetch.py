"""One item ahead, in order, and errors where they belong."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from texcnn.embedding.prefetch import prefetch


def test_items_in_order() -> None:
    assert list(prefetch(range(5))) == [0, 1, 2, 3, 4]
    assert list(prefetch([])) == []
    assert list(prefetch([None, 0])) == [None, 0]


def test_the_next_item_is_made_in_another_thread_while_one_is_in_use() -> None:
    made = [threading.Event() for _ in range(3)]
    threads: set[int] = set()

    def items() -> Iterator[int]:
        for number, event in enumerate(made):
            threads.add(threading.get_ident())
            event.set()
            yield number

    coming = prefetch(items())
    assert next(coming) == 0
    assert made[1].wait(timeout=30)
    assert not made[2].is_set()  # one waits, not two
    assert list(coming) == [1, 2]
    assert threads
    assert threading.get_ident() not in threads


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no second one")

    coming = prefetch(items())
    assert next(coming) == 1
    with pytest.raises(ValueError, match="no second one"):
        next(coming)


def test_leaving_early_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    coming = prefetch(range(1000))
    next(coming)
    coming.close()  # type: ignore[attr-defined]
    assert not set(threading.enumerate()) - before
