"""Ctrl-C and a scheduler's SIGTERM: one line, the shell's exit status, nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from runs import Commands
from tiny import write_genome, write_gtf

from texcnn.cli.stop import Stopped
from texcnn.tables.writers import TablesWriter

NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]

_AS_IN_A_TERMINAL = """
import signal
from texcnn.cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
main()
"""
"""The tests may run in the background or under nohup, where these signals are ignored."""


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_ends_a_command_with_one_line(tmp_path: Path, number: signal.Signals) -> None:
    os.mkfifo(tmp_path / "genes.gtf")  # whose reader waits
    words = ["windows", "--fasta", write_genome(tmp_path), "--gtf", tmp_path / "genes.gtf", "--out", tmp_path / "w.bed"]
    command = [sys.executable, "-c", _AS_IN_A_TERMINAL, *map(str, words)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        try:
            writer = _open_when_read(tmp_path / "genes.gtf")
            time.sleep(0.2)  # The command waits in its read then: a signal just before that waits too, in any program.
            run.send_signal(number)
            _, err = run.communicate(timeout=60)
            os.close(writer)
        finally:
            run.kill()
    assert run.returncode == -number, "a shell shows 128 + the signal, and ends a loop around the command"
    assert err == ("interrupted\n" if number == signal.SIGINT else "terminated\n")
    assert not list(tmp_path.glob("w.bed*"))


def _open_when_read(fifo: Path) -> int:
    for _ in range(600):
        try:
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            time.sleep(0.1)
    raise AssertionError("nobody reads the pipe")


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """As under nohup."""
    code = (
        "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); from texcnn.cli.stop import raise_when_stopped; "
        "raise_when_stopped(); assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN; "
        "assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_a_library_makes_of_a_signal_is_still_the_signal(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As libraries do that are being loaded: their error is another one."""
    import texcnn

    def load(*arguments: object, **options: object) -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt as error:
            raise ImportError("no library") from error

    monkeypatch.setattr(texcnn, "predict", load)
    before = signal.getsignal(signal.SIGTERM)
    try:
        run = commands("predict", "--fasta", "x.fa", "--out", "o.tsv")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (run.status, run.err) == (143, "terminated\n")


@pytest.mark.parametrize("stopped", [KeyboardInterrupt(), Stopped(signal.SIGTERM)])
def test_a_table_that_was_being_written_leaves_nothing(
    tmp_path: Path, tiny: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch, stopped: BaseException
) -> None:
    def stop(*arguments: object) -> None:
        raise stopped

    monkeypatch.setattr(TablesWriter, "write", stop)
    fasta, gtf, out = write_genome(tmp_path), write_gtf(tmp_path / "genes.gtf"), tmp_path / "out"
    out.mkdir()
    run = commands("predict", "--fasta", fasta, "--gtf", gtf, "--model", tiny, "--quiet", "--out", out / "o.tsv")
    number = getattr(stopped, "number", signal.SIGINT)
    assert (run.status, run.err) == (128 + number, "interrupted\n" if number == signal.SIGINT else "terminated\n")
    assert list(out.iterdir()) == []
