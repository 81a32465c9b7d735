"""htslib's verbosity is one for the process, whatever its threads do."""

from __future__ import annotations

import threading
from pathlib import Path

import pysam
import pytest

from texcnn.genome.quiet_htslib import quiet_htslib


def open_missing(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        pysam.VariantFile(str(path / "missing.vcf"))


def test_nothing_is_written_inside_and_what_is_raised_is_raised(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    with quiet_htslib():
        open_missing(tmp_path)
    assert capfd.readouterr().err == ""
    open_missing(tmp_path)
    assert "missing.vcf" in capfd.readouterr().err


def test_the_last_thread_puts_the_verbosity_back() -> None:
    before = pysam.get_verbosity()
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with quiet_htslib():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with quiet_htslib():
        thread.start()
        assert entered.wait(10)
    assert pysam.get_verbosity() == 0
    leave.set()
    thread.join()
    assert pysam.get_verbosity() == before


def test_an_error_inside_puts_it_back() -> None:
    before = pysam.get_verbosity()
    with pytest.raises(RuntimeError), quiet_htslib():
        raise RuntimeError
    assert pysam.get_verbosity() == before != 0
