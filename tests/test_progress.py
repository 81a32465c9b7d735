"""Silence unless asked, plain lines where there is no terminal."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from texcnn import progress
from texcnn.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def work(show: bool) -> None:
    with progress_bar(show, total=10, what="predicting", unit="genes") as bar:
        for _ in range(5):
            bar.update(2)


def test_nothing_unless_asked(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="texcnn"):
        work(False)
    assert capsys.readouterr() == ("", "")
    assert not caplog.records


def test_plain_lines_in_a_log(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with caplog.at_level(logging.INFO, logger="texcnn"):
        work(True)
    assert [record.getMessage().split(",")[0] for record in caplog.records] == ["predicting: 10 of 10 genes"]
    caplog.clear()
    monkeypatch.setattr(progress, "_LOG_EVERY_S", 0.0)
    with caplog.at_level(logging.INFO, logger="texcnn"):
        work(True)
    assert [record.getMessage().split(" of")[0] for record in caplog.records] == [
        f"predicting: {done}" for done in (2, 4, 6, 8, 10, 10)
    ]
    assert capsys.readouterr().out == ""


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    work(True)
    assert "predicting: 100%" in terminal.getvalue()
    assert "10/10" in terminal.getvalue()
