"""What a command sets up for its process; in Python and Kipoi the process belongs to the user."""

from __future__ import annotations

import gc
import getpass
import os
import sys

from texcnn.cli.stop import raise_when_stopped
from texcnn.heap import set_up_heap


def set_up_process() -> None:
    """Sets up streams, signals, memory and threads, before anything is loaded."""
    _open_streams()
    raise_when_stopped()
    _name_user()
    # Threads that wait for work give the processor away: on shared machines spinning ones slow everything down.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    set_up_heap()
    # Importing makes objects by the hundred thousand, none of them garbage: looking for some took a tenth of the start.
    gc.set_threshold(50_000, *gc.get_threshold()[1:])


def _open_streams() -> None:
    """Lets a closed stream lead nowhere: the next file to be opened would take its place, and htslib write into it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)  # the lowest free one, which is the stream's own
            setattr(sys, name, os.fdopen(number, mode))


def _name_user() -> None:
    """Gives the user a name where a container's has none: PyTorch does not load its compiler without."""
    try:
        getpass.getuser()
    except (KeyError, OSError, ImportError):
        os.environ["USER"] = str(os.getuid()) if hasattr(os, "getuid") else "nobody"
