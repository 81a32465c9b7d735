"""Signals that end a command: it removes what it was writing, then ends as the signal would have ended it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import NoReturn


class Stopped(KeyboardInterrupt):
    """A signal asked the process to end.

    Attributes:
        number: The signal's.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def raise_when_stopped() -> None:
    """Lets SIGTERM and SIGHUP end a command as Ctrl-C does; a signal that is ignored, as under nohup, stays so."""
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGTERM", "SIGHUP"):  # Windows has one of them
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise Stopped(number)


def end_by(stopped: BaseException) -> NoReturn:
    """Ends the process by the signal: a shell shows 130 or 143, and its loop around the command ends too.

    Args:
        stopped: What the signal raised.
    """
    number = stopped.number if isinstance(stopped, Stopped) else signal.SIGINT
    print("interrupted" if number == signal.SIGINT else "terminated", file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    sys.exit(128 + number)
