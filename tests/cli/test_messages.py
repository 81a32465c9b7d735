"""Messages of the library name arguments; the command line makes flags of them, those of the command that runs."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from runs import Commands
from tiny import write_genome, write_gtf

from texcnn.cli import main as module
from texcnn.cli.main import _flags_of, _with_flags, cli
from texcnn.errors import InputError, RunError, StoreError


def all_commands() -> list[tuple[str, click.Command]]:
    context = cli.make_context("texcnn", ["predict"], resilient_parsing=True)
    found = []
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        found.append((name, command))
        found += [(f"{name} {inner}", sub) for inner, sub in getattr(command, "commands", {}).items()]
    return found


COMMANDS = all_commands()


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_option_explains_itself(name: str, command: click.Command) -> None:
    assert command.help or isinstance(command, click.Group)
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts[0]}"
            assert parameter.help.endswith((".", "]")), f"{name} {parameter.opts[0]}"


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_option_is_the_flag_of_its_argument(name: str, command: click.Command) -> None:
    flags = _flags_of(command)
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name:
            longest = max(parameter.opts, key=len)
            assert flags[parameter.name] == longest
            assert longest.removeprefix("--").replace("-", "_") in flags, "the library may say it in the singular"
    names = {parameter.name for parameter in command.params if isinstance(parameter, click.Argument)}
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*|\{.*\}", flags[name]) for name in names if name), "as the help writes it"
    assert isinstance(command, click.Group) or all(
        re.fullmatch(r"--[a-z][a-z0-9-]*", flag) for name, flag in flags.items() if name not in names
    )


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("no genome – in `fasta`", "no genome – in --fasta"),
        ("`gtf` and `bed_anchor`", "--gtf and --bed-anchor"),
        ("set `overwrite`", "set --overwrite"),
        ("in `not_an_option`", "in `not_an_option`"),
        ("in `Config`", "in `Config`"),
        ("plain text", "plain text"),
    ],
)
def test_names_in_backticks_become_flags(monkeypatch: pytest.MonkeyPatch, message: str, expected: str) -> None:
    flags = {"fasta": "--fasta", "gtf": "--gtf", "bed_anchor": "--bed-anchor", "overwrite": "--overwrite"}
    monkeypatch.setattr(module, "_flags", flags)
    assert _with_flags(message) == expected


def test_a_gene_that_cannot_be_explained_names_the_flag(tmp_path: Path, commands: Commands, tiny: Path) -> None:
    """The library's argument is called ``gene``, the option's parameter is not."""
    given = ["attribute", "--fasta", write_genome(tmp_path), "--gtf", write_gtf(tmp_path / "genes.gtf")]
    given += ["--model", tiny, "--cell-type", "gc", "--out", tmp_path / "o", "--gene", "g9"]
    message = commands.refuse(*given, "--gene", "g1")
    assert "gene 'g9' cannot be explained: no gene of this id or name" in message
    assert "in --gene" in message
    assert "`" not in message
    assert "no gene is left" in (message := commands.refuse(*given))
    assert "1: no gene of this id or name" in message


@pytest.mark.parametrize(
    ("error", "status", "output"),
    [
        (InputError("bad", where="`fasta`"), 2, "error: bad – in --fasta\n"),
        (StoreError("torn"), 2, "error: torn\n"),
        (RunError("late"), 1, "error: late\n"),
        (OSError(28, "No space"), 1, "error: OSError: [Errno 28] No space – add --debug for the traceback\n"),
        (ZeroDivisionError("x"), 1, "error: ZeroDivisionError: x – add --debug for the traceback\n"),
    ],
)
def test_each_kind_of_error_has_its_exit_status(
    tmp_path: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int, output: str
) -> None:
    import texcnn

    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(texcnn, "predict", fail)
    run = commands("predict", "--fasta", "x.fa", "--out", tmp_path / "o.tsv")
    assert (run.status, run.err) == (status, output)


def test_debug_is_an_option_of_every_command_and_of_the_program(commands: Commands) -> None:
    for name, command in COMMANDS:
        assert any(parameter.name == "debug" for parameter in command.params), name


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["-h"], ["predict", "-h"], ["models", "show", "-h"]])
def test_what_only_reports_ends_well(commands: Commands, arguments: list[str]) -> None:
    run = commands.succeed(*arguments)
    assert run.err == ""
    assert "texcnn" in run.out


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["nothing"], "No such command 'nothing'"),
        (["predict"], "Missing option '--out'"),
        (["predict", "--out"], "Option '--out' requires an argument"),
        (["predict", "genome.fa", "--out", "o.tsv"], "Got unexpected extra argument (genome.fa)"),
        (["models", "show", "--kard"], "--kard"),
        (["report", "--predictions", "p", "--out", "o", "--run", "Command"], "is not of the form NAME=TEXT"),
        (["evaluate", "--out", "o"], "Missing option '--expression'"),
        (["evaluate", "--expression", "e"], "Missing option '--out'"),
        (["merge", "--out", "o.tsv"], "Missing argument 'PARTS...'"),
    ],
)
def test_mistakes_of_typing_end_with_2_and_say_what_is_wrong(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], output: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert output in commands.refuse(*arguments)
    assert not list(tmp_path.iterdir())
