"""Computes the next item while the last one is in use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Item = TypeVar("Item")

_END: Any = object()


def prefetch(items: Iterable[Item]) -> Iterator[Item]:
    """Yields items, each of them computed in a thread while its predecessor is in use.

    Worth it where most of the computing is done without Python's lock, as by a Rust tokenizer, or where the user waits
    for a GPU. At most one item waits. An error among the items is raised where it would be without the thread.
    """
    iterator = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="texcnn-prefetch") as thread:
        coming = thread.submit(next, iterator, _END)
        while (item := coming.result()) is not _END:
            coming = thread.submit(next, iterator, _END)
            yield item
