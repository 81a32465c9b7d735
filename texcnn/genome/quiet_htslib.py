"""htslib without messages of its own on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import pysam

_LOCK = Lock()
_users = 0
_verbosity = 0


@contextmanager
def quiet_htslib() -> Iterator[None]:
    """Keeps htslib from writing to standard error; what it raises is raised.

    Its verbosity is one for the whole process: the first thread inside sets it to none, the last one puts it back.
    """
    global _users, _verbosity
    with _LOCK:
        if not _users:
            _verbosity = pysam.set_verbosity(0)
        _users += 1
    try:
        yield
    finally:
        with _LOCK:
            _users -= 1
            if not _users:
                pysam.set_verbosity(_verbosity)
