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
        err: Its messages, and what the library logged.
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

    def with_options(self, *words: object, **options: object) -> Run:
        """Runs a command with options by name: True for a flag, a list for one given again, None for one left out."""
        arguments = list(words)
        for name, value in options.items():
            flag = f"--{name.replace('_', '-')}"
            for one in value if isinstance(value, list) else [value]:
                arguments += [] if one is None else [flag] if one is True else [flag, one]
        return self(*arguments)

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


def well(run: Run) -> None:
    """Checks that a quiet run succeeded and printed nothing."""
    assert (run.status, run.out, run.err) == (0, "", "")
