"""Progress of long work: a bar on a terminal or in a notebook, plain lines in a log."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tqdm import tqdm

_LOG_EVERY_S = 30.0


class Progress(Protocol):
    """Counts finished units."""

    def update(self, n: int = 1) -> object:
        """Adds ``n`` finished units."""
        ...


class _Silent:
    def update(self, n: int = 1) -> None:
        pass


class _LogLines:
    """One line each half minute, so that a batch job's log shows progress without filling up."""

    def __init__(self, total: int | None, what: str, unit: str) -> None:
        self._total, self._what, self._unit = total, what, unit
        self._done = 0
        self._start = self._last = time.monotonic()

    def update(self, n: int = 1) -> None:
        self._done += n
        now = time.monotonic()
        if now - self._last >= _LOG_EVERY_S:
            self._last = now
            self.line()

    def line(self) -> None:
        seconds = max(time.monotonic() - self._start, 1e-9)
        total = "" if self._total is None else f" of {self._total}"
        rate = self._done / seconds
        shown = f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}"
        logging.getLogger("texcnn").info("%s: %d%s %s, %s per second", self._what, self._done, total, self._unit, shown)


@contextmanager
def progress_bar(show: bool, *, total: int | None, what: str, unit: str) -> Iterator[Progress]:
    """Shows progress while the block runs.

    Args:
        show: False shows nothing, the library's default.
        total: How many units there are, if known.
        what: What is being done, such as ``"predicting"``.
        unit: What is counted, such as ``"genes"``.

    Yields:
        An object with ``update(n)``.
    """
    if not show:
        yield _Silent()
    elif sys.stderr is not None and sys.stderr.isatty():
        with tqdm(total=total, desc=what, unit=f" {unit}", file=sys.stderr) as bar:
            yield bar
    elif "ipykernel" in sys.modules:  # a notebook: its bar is a widget, where ipywidgets are installed
        from tqdm.auto import tqdm as notebook_bar

        with notebook_bar(total=total, desc=what, unit=f" {unit}") as bar:
            yield bar
    else:
        lines = _LogLines(total, what, unit)
        yield lines
        lines.line()
