"""Hooks of the documentation's build: the page of all commands, made from the commands themselves."""

from __future__ import annotations

from typing import Any

import click
from mkdocs.structure.files import File, Files

from texcnn.cli.main import cli


def on_files(files: Files, config: Any) -> Files:
    """Adds ``reference/commands.md``."""
    files.append(File.generated(config, "reference/commands.md", content=command_reference()))
    return files


def command_reference() -> str:
    """Writes every command's help page as Markdown."""
    context = cli.make_context("texcnn", ["models"], resilient_parsing=True)
    pages = ["# Commands\n"]
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is None or command.hidden:
            continue
        pages += _pages(command, name, context, depth=2)
    return "\n".join(pages)


def _pages(command: click.Command, name: str, parent: click.Context, *, depth: int) -> list[str]:
    context = click.Context(command, info_name=name, parent=parent, max_content_width=100)
    pages = [f"{'#' * depth} `{context.command_path}`\n", f"```\n{command.get_help(context)}\n```\n"]
    for subname, subcommand in getattr(command, "commands", {}).items():
        pages += _pages(subcommand, subname, context, depth=depth + 1)
    return pages
