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


_received: list[int] = []


def raise_when_stopped() -> None:
    """Lets SIGTERM and SIGHUP end a command as Ctrl-C does; a signal that is ignored, as under nohup, stays so."""
    _received.clear()
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # Windows lacks the last one
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _stop)


def stopped_before(error: BaseException) -> bool:
    """Whether a signal is behind an error: a library that was being loaded may have made another one of it."""
    return isinstance(error, KeyboardInterrupt) or bool(_received)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    _received.append(number)
    raise Stopped(number)


def end_by(stopped: BaseException, *, program: bool) -> NoReturn:
    """Ends a program by the signal: a shell shows 130 or 143, and its loop around the command ends too.

    Args:
        stopped: What the signal raised, or what became of it.
        program: False leaves with that status in place of the signal, as within another program.
    """
    number = stopped.number if isinstance(stopped, Stopped) else (_received or [signal.SIGINT])[0]
    print("interrupted" if number == signal.SIGINT else "terminated", file=sys.stderr)
    if program:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    sys.exit(128 + number)
