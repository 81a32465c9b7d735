"""The command line: parse, call the library, write. Errors end here, as one message and an exit status."""

from __future__ import annotations

import importlib
import io
import logging
import os
import re
import shlex
import sys
import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from typing import NoReturn

import click
from click.shell_completion import shell_complete

from texcnn._version import __version__
from texcnn.cli.help import group_options, mark_examples
from texcnn.cli.process import set_up_process
from texcnn.cli.stop import end_by, stopped_before
from texcnn.errors import TexcnnError
from texcnn.provenance import COMMAND

# Library imports stay inside the commands' functions: `texcnn --help` must not wait for torch.
_COMMANDS = {
    "predict": "texcnn.cli.predict:predict",
    "windows": "texcnn.cli.windows:windows",
    "features": "texcnn.cli.features:features",
    "embed": "texcnn.cli.embed:embed",
    "variants": "texcnn.cli.variants:variants",
    "attribute": "texcnn.cli.attribute:attribute",
    "pretrain": "texcnn.cli.pretrain:pretrain",
    "train": "texcnn.cli.train:train",
    "evaluate": "texcnn.cli.evaluate:evaluate",
    "merge": "texcnn.cli.merge:merge",
    "report": "texcnn.cli.report:report",
    "models": "texcnn.cli.models:models",
    "bench": "texcnn.cli.bench:bench",
    "kipoi": "texcnn.cli.kipoi:kipoi",
    "doctor": "texcnn.cli.doctor:doctor",
    # Hidden: for the pipeline.
    "identity": "texcnn.cli.identity:identity",
    "prepare": "texcnn.cli.prepare:prepare",
    "check": "texcnn.cli.check:check",
}


_HIDDEN = ("identity", "prepare", "check")


class _Commands(click.Group):
    """Loads a command's file at its first use, and gives each the option --debug."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            shown = [name for name in _COMMANDS if name not in _HIDDEN]
            near = get_close_matches(args[0].lower(), shown, 1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            ctx.fail(f"No such command '{args[0]}'.{hint} Allowed: {', '.join(shown)}.")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        _flags.clear()  # a second command in one process has other flags
        _flags.update(_flags_of(command))
        _add_debug(command)
        mark_examples(command)
        group_options(command)
        return command


_flags: dict[str, str] = {}
"""Names of arguments of the library to the flags of the command that runs."""

_ARGUMENT = re.compile(r"`([a-z][a-z0-9_]*)`")
"""How messages of the library name an argument."""


def _flags_of(command: click.Command) -> dict[str, str]:
    """Each option by its parameter's name, and by its own: the library's `gene` is --gene."""
    flags: dict[str, str] = {}
    for parameter in command.params:
        if isinstance(parameter, click.Argument) and parameter.name:
            flags[parameter.name] = parameter.make_metavar(click.Context(command)).strip("[].")
        elif isinstance(parameter, click.Option) and parameter.name:
            flag = max(parameter.opts, key=len)
            flags |= {parameter.name: flag, flag.removeprefix("--").replace("-", "_"): flag}
    if isinstance(command, click.Group):
        for subcommand in command.commands.values():
            flags |= _flags_of(subcommand)
    return flags


def _with_flags(message: str) -> str:
    """Turns the names of arguments in a message of the library into the command's flags."""
    return _ARGUMENT.sub(lambda found: _flags.get(found[1], found[0]), message)


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return _with_flags(super().format(record))


def _add_debug(command: click.Command) -> None:
    if any(parameter.name == "debug" for parameter in command.params):
        return
    command.params.append(
        click.Option(["--debug"], is_flag=True, expose_value=False, callback=_set_debug, help="Show tracebacks.")
    )
    if isinstance(command, click.Group):
        for subcommand in command.commands.values():
            _add_debug(subcommand)


def _set_debug(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        ctx.find_root().meta["texcnn.debug"] = True
        logging.getLogger("texcnn").setLevel(logging.DEBUG)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--debug", is_flag=True, expose_value=False, callback=_set_debug, help="Show tracebacks.")
@click.version_option(__version__, prog_name="texcnn")
def cli() -> None:
    """Gene expression predicted from DNA.

    From a genome (FASTA) and genes (GTF or BED) to a table of expression per gene and cell type.
    """


_COMPLETION = "_TEXCNN_COMPLETE"
"""Set by the shell for completion; see docs/command-line.md."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and leaves with its exit status: 0 done, 1 failed, 2 unusable arguments or input."""
    set_up_process()
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(levelname)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("texcnn").setLevel(logging.INFO)
    if _COMPLETION in os.environ:
        sys.exit(shell_complete(cli, {}, "texcnn", _COMPLETION, os.environ[_COMPLETION]))
    program = arguments is None
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    typed = COMMAND.set(shlex.join(["texcnn", *arguments]))
    try:
        with cli.make_context("texcnn", arguments) as context:
            try:
                cli.invoke(context)
            except (click.ClickException, click.exceptions.Exit, click.Abort):
                raise
            except BrokenPipeError:  # `texcnn models list | head` has read enough
                sys.stdout = io.StringIO()  # or Python prints an error at its end
                sys.exit(1)
            except Exception as error:
                if stopped_before(error):
                    end_by(error, program=program)
                if context.meta.get("texcnn.debug"):
                    traceback.print_exc()
                _leave(error)
    except click.exceptions.Exit as leaving:
        sys.exit(leaving.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt) as stopped:
        end_by(stopped, program=program)
    finally:
        COMMAND.reset(typed)
    sys.exit(0)


def _leave(error: Exception) -> NoReturn:
    if isinstance(error, TexcnnError):
        click.echo(f"error: {_with_flags(str(error))}", err=True)
        sys.exit(error.exit_status)
    click.echo(f"error: {type(error).__name__}: {error} – add --debug for the traceback", err=True)
    sys.exit(1)
