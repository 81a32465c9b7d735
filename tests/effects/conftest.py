"""A random genome with genes, for variants."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "genome"))

from effect_files import Case, Command, random_case

from texcnn.cli.main import main


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return random_case(tmp_path)


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, case: Case, tiny_dnabert2: Path
) -> Command:
    """Runs the command on a random genome; returns the exit status and what it printed and logged."""
    fasta, gtf, _ = case.write()

    def run(*arguments: object, fasta: Path = fasta, out: Path = case.folder / "out.tsv") -> tuple[int, str]:
        given = ["variants", "--fasta", fasta, "--gtf", gtf, "--model", tiny_dnabert2, "--out", out, *arguments]
        with pytest.raises(SystemExit) as leaving:
            main([str(argument) for argument in given])
        printed = capsys.readouterr()
        logged = "".join(f"{record.getMessage()}\n" for record in caplog.records)
        caplog.clear()
        assert printed.out == ""
        return int(leaving.value.code or 0), printed.err + logged

    return run
