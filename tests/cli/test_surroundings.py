"""Where a command runs: a folder with files named like libraries, a user without a name, names that are not UTF-8."""

from __future__ import annotations

import getpass
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest
from runs import Commands
from tiny import write_genome, write_gtf


def test_a_file_named_like_a_library_is_not_the_library(tmp_path: Path, project: Path) -> None:
    for name in ("click", "numpy", "torch"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('mine')\n")
    words = ["windows", "--fasta", write_genome(tmp_path), "--gtf", write_gtf(tmp_path / "g.gtf"), "--out", "w.bed"]
    environment = {**os.environ, "PYTHONPATH": str(project)}
    run = subprocess.run(
        [sys.executable, "-m", "texcnn", *map(str, words)], cwd=tmp_path, env=environment, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stdout) == (0, ""), run.stderr
    assert (tmp_path / "w.bed").exists()


def test_a_user_without_a_name(monkeypatch: pytest.MonkeyPatch, commands: Commands) -> None:
    """As in a container with --user 1234: PyTorch's compiler, which transformers loads, asks for a name."""

    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    commands.succeed("models", "list")
    assert getpass.getuser() == str(os.getuid())


def test_a_path_that_is_not_utf8_is_refused(tmp_path: Path, commands: Commands) -> None:
    name = os.fsdecode(b"\xe9.fa")
    message = commands.refuse("predict", "--fasta", tmp_path / name, "--gtf", "g.gtf", "--out", tmp_path / "o.tsv")
    assert r"\udce9.fa' is not UTF-8 – in --fasta" in message


def test_a_shard_folder_in_a_folder_that_is_not_writable(
    tmp_path: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "locked")
    (tmp_path / "locked").mkdir()
    words = ["windows", "--fasta", write_genome(tmp_path), "--gtf", write_gtf(tmp_path / "g.gtf")]
    message = commands.refuse(*words, "--out", tmp_path / "w.bed", "--shards", tmp_path / "locked" / "shards")
    assert "locked' is not writable" in message
    assert not (tmp_path / "w.bed").exists()


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams(tmp_path: Path, tiny_dnabert2: Path, closed: str) -> None:
    """As under a daemon: a command writes the same file, and no message ends up in it."""
    fasta, gtf = write_genome(tmp_path), write_gtf(tmp_path / "g.gtf")
    words = f"-m texcnn predict --fasta {fasta} --gtf {gtf} --model {tiny_dnabert2} --out"
    for name, redirected in (("open", "2>/dev/null"), ("closed", closed)):
        subprocess.run(["sh", "-c", f"{sys.executable} {words} {tmp_path}/{name}.tsv {redirected}"], check=True)
    assert (tmp_path / "closed.tsv").read_bytes() == (tmp_path / "open.tsv").read_bytes()
