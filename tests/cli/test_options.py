"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import click
import pytest
import torch
from click.testing import CliRunner

from texcnn.cli.options import COMPUTE_OPTIONS


@click.command()
@COMPUTE_OPTIONS
def command(device: str, batch_size: int, quiet: bool) -> None:
    click.echo(f"{torch.get_num_threads()} {os.environ.get('RAYON_NUM_THREADS')}")


@pytest.fixture(autouse=True)
def _threads_of_this_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = torch.get_num_threads()
    # The second call is undone at the end of the test, and with it whatever the command puts there.
    for name in ("OMP_NUM_THREADS", "RAYON_NUM_THREADS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    yield
    torch.set_num_threads(before)


def test_threads_are_those_of_arithmetic_and_of_tokenisers() -> None:
    assert CliRunner().invoke(command, ["--threads", "3"]).output == "3 3\n"


def test_threads_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("RAYON_NUM_THREADS", "8")
    assert CliRunner().invoke(command, ["--threads", "3"]).output == "3 3\n"


def test_tokenisers_follow_the_environment_of_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = torch.get_num_threads()  # read by torch when it is loaded
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert CliRunner().invoke(command, []).output == f"{threads} 7\n"
    monkeypatch.setenv("RAYON_NUM_THREADS", "2")
    assert CliRunner().invoke(command, []).output == f"{threads} 2\n"


def test_without_a_wish_nothing_is_set() -> None:
    assert CliRunner().invoke(command, []).output == f"{torch.get_num_threads()} None\n"


def test_no_thread_is_no_number_of_threads() -> None:
    result = CliRunner().invoke(command, ["--threads", "0"])
    assert result.exit_code == 2
    assert "0 is not in the range x>=1" in result.output
