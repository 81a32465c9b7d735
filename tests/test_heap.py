"""What a command's heap keeps and gives back, each in a process of its own."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")

_MAKE_AND_FREE = """
import resource
import numpy as np
from texcnn.heap import set_up_heap
set_up_heap()
def once():
    arrays = [np.ones(3 * 2**20), np.ones(3 * 2**20)]
once()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    once()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
"""Counts the pages that the system hands out for two arrays of an MLP in 20 layers."""

_TRIM = """
import numpy as np
from texcnn.heap import set_up_heap, trim_heap
set_up_heap()
def resident():
    return int(open("/proc/self/statm").read().split()[1])
arrays = [np.ones(2**17) for _ in range(200)]
del arrays[::2]
before = resident()
trim_heap()
print(before - resident())
"""
"""Counts the pages that are given back of 100 freed arrays of 1 MiB, between 100 that are in use."""


def _run(code: str, **environment: str) -> int:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC")}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**kept, **environment}, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_freed_arrays_stay_in_the_heap_unless_the_user_says_otherwise() -> None:
    assert _run(_MAKE_AND_FREE) < 1000
    assert _run(_MAKE_AND_FREE, MALLOC_TRIM_THRESHOLD_="131072") > 20_000


def test_free_pages_between_arrays_in_use_are_given_back() -> None:
    assert _run(_TRIM) > 20_000


def test_the_documented_variables_are_those_that_commands_set(project: Path) -> None:
    text = (project / "docs" / "usage.md").read_text()
    code = (
        "import os, texcnn.heap as heap\n"
        "heap._of_glibc = lambda name: lambda parameter, value: print(parameter, value)\n"
        "heap.set_up_heap(); print(os.environ['ONEDNN_PRIMITIVE_CACHE_CAPACITY'])"
    )
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "ONEDNN_"))}
    printed = subprocess.run([sys.executable, "-c", code], env=bare, capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["-8", "1", "-3", "33554432", "-1", "134217728", "32"]
    for setting in (
        "MALLOC_ARENA_MAX=1", "MALLOC_MMAP_THRESHOLD_=33554432", "MALLOC_TRIM_THRESHOLD_=134217728",
        "ONEDNN_PRIMITIVE_CACHE_CAPACITY=32",
    ):  # fmt: skip
        assert setting in text
