"""Runs of the command line inside the process of the tests."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import pytest

from texcnn.cli.main import main


@dataclass(frozen=True)
class Run:
    """What one run of the command line gave.

    Attributes:
        status: Its exit status.
        out: What it printed.
        err: What it said besides: messages, and what the library logged.
    """

    status: int
    out: str
    err: str


class Commands:
    """Runs commands, and keeps options that all of them have."""

    def __init__(self, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
        self._capsys, self._caplog = capsys, caplog

    def __call__(self, *arguments: object) -> Run:
        self._capsys.readouterr()
        self._caplog.clear()
        with pytest.raises(SystemExit) as leaving:
            main([str(argument) for argument in arguments])
        printed = self._capsys.readouterr()
        logged = "".join(f"{record.getMessage()}\n" for record in self._caplog.records if record.levelno > logging.INFO)
        return Run(int(leaving.value.code or 0), printed.out, printed.err + logged)

    def succeed(self, *arguments: object) -> Run:
        """Runs a command that must end well."""
        run = self(*arguments)
        assert run.status == 0, run.err
        return run

    def refuse(self, *arguments: object, status: int = 2) -> str:
        """Runs a command that must end badly and without a traceback; returns its message."""
        run = self(*arguments)
        assert run.status == status, run.err
        assert "Traceback" not in run.err
        assert run.out == ""
        return run.err
