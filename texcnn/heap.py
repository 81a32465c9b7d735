"""How a command's memory is kept: from growing, and from going back and forth between glibc and the system."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Of glibc's malloc.h."""

_KEPT = 128 * 2**20
"""Free bytes at the end of the heap that are kept. A batch of float32 frees some 70 MB at a time."""

_LARGEST = 32 * 2**20
"""Bytes of the largest array that lies in the heap, the most that glibc allows."""


def set_up_heap() -> None:
    """Sets up memory for a process that embeds; call it before the first batch. Settings of the user's are kept.

    oneDNN keeps what it made for each shape of a batch, a thousand of them by default. With a heap for each
    thread, as glibc has it, memory that one thread gives back serves no other. Either let memory grow with the number
    of genes: 4,000 of them took 2.1 GB.

    glibc gives memory back as soon as an MLP's two arrays are free, and the next layer is given it page by page:
    6 to 12 % of an encoder's processor time in float32.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "32")
    settings = {
        "MALLOC_ARENA_MAX": (_M_ARENA_MAX, 1),
        "MALLOC_MMAP_THRESHOLD_": (_M_MMAP_THRESHOLD, _LARGEST),
        "MALLOC_TRIM_THRESHOLD_": (_M_TRIM_THRESHOLD, _KEPT),
    }
    mallopt = _of_glibc("mallopt")
    for variable, setting in settings.items():
        if mallopt is not None and variable not in os.environ:
            mallopt(*setting)


def trim_heap() -> None:
    """Gives the system the free pages between arrays that are still in use, where glibc is the C library.

    Of arrays of many sizes, made by several threads, the free ones do not fit the next ones: without this the heap of
    texcnn-mini grew by 250 MB from 500 to 4,000 genes, though what was in use did not.
    """
    trim = _of_glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _of_glibc(name: str) -> Callable[..., object] | None:
    """A function of the C library; None where it has none of that name, as musl."""
    if sys.platform != "linux":
        return None
    import ctypes

    try:
        function: Callable[..., object] = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError):
        return None
    return function
