"""Hooks of the documentation's build: the page of all commands, and the notebooks as pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from mkdocs.structure.files import File, Files

from texcnn.cli.main import cli


def on_files(files: Files, config: Any) -> Files:
    """Adds ``reference/commands.md``, and a page for each notebook."""
    files.append(File.generated(config, "reference/commands.md", content=command_reference()))
    for notebook in sorted(Path(config["docs_dir"]).rglob("*.ipynb")):
        name = notebook.relative_to(config["docs_dir"]).with_suffix(".md").as_posix()
        files.append(File.generated(config, name, content=notebook_page(notebook)))
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


def notebook_page(notebook: Path) -> str:
    """Writes a notebook as Markdown, with what its cells gave, so that its links are checked as every page's are."""
    page = []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            page.append(source)
            continue
        page.append(f"```python\n{source}\n```")
        page += [_shown(output) for output in cell["outputs"] if output.get("name") != "stderr"]
    title, *rest = page
    return "\n\n".join([title, f"[This page as a notebook]({notebook.name})", *rest])


def _shown(output: dict[str, Any]) -> str:
    data = output.get("data", {})
    if "text/html" in data:
        return f'<div class="output" markdown="0">\n{"".join(data["text/html"])}\n</div>'
    text = output["text"] if "text" in output else data["text/plain"]
    return f"```text\n{''.join(text).rstrip()}\n```"


def _pages(command: click.Command, name: str, parent: click.Context, *, depth: int) -> list[str]:
    context = click.Context(command, info_name=name, parent=parent, max_content_width=100)
    pages = [f"{'#' * depth} `{context.command_path}`\n", f"```\n{command.get_help(context)}\n```\n"]
    for subname, subcommand in getattr(command, "commands", {}).items():
        pages += _pages(subcommand, subname, context, depth=depth + 1)
    return pages
