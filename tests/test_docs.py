"""The documentation: its links lead somewhere, and its commands have the options that they are shown with."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from texcnn.cli.main import cli

PROJECT = Path(__file__).resolve().parents[1]
PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]
GENERATED = {"reference/commands.md"}


def shown_commands(page: Path) -> Iterator[str]:
    """The lines of code blocks that call texcnn, continued lines joined, what follows a comment or pipe left out."""
    for block in re.findall(r"^```\w*\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("texcnn "):
                yield re.split(r"\s+[#|]\s|\s+#", line)[0]


def find_command(words: list[str]) -> click.Command | None:
    context = click.Context(cli)
    command: click.Command | None = cli
    for word in words:
        inner = command.get_command(context, word) if isinstance(command, click.Group) else None
        if inner is None:
            break
        command = inner
    return None if command is cli and not words[0].startswith("-") else command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target and target not in GENERATED:
            assert (page.parent / target).exists(), f"{page.name}: {target}"
            inside = page.parent.resolve().is_relative_to(PROJECT / "docs")
            assert not inside or (page.parent / target).resolve().is_relative_to(PROJECT / "docs"), (
                f"{page.name}: {target} is no page of the site"
            )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_have_the_options_they_are_shown_with(page: Path) -> None:
    for line in shown_commands(page):
        words = shlex.split(line)[1:]
        command = find_command(words)
        assert command is not None, line
        known = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)} | {"--help"}
        if isinstance(command, click.Group) and command is cli:
            known |= {"--version"}
        flags = {word.split("=")[0] for word in words if word.startswith("--")}
        assert flags <= known, f"{page.name}: {line}"


def test_the_site_has_every_page() -> None:
    navigation = (PROJECT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in [*(PROJECT / "docs").rglob("*.md"), *(PROJECT / "docs").rglob("*.ipynb")]:
        assert str(page.relative_to(PROJECT / "docs").with_suffix(".md")) in navigation


@pytest.mark.slow
def test_the_quick_start_works_as_it_is_written(tmp_path: Path) -> None:
    ran = []
    for line in shown_commands(PROJECT / "docs" / "index.md"):
        words = shlex.split(line)[1:]
        if any(word.startswith(("hg38", "gencode", "all.parquet")) for word in words):
            continue  # a genome of one's own
        words = [str(PROJECT / word) if word.startswith("assets/") else word for word in words]
        subprocess.run([sys.executable, "-m", "texcnn", *words], cwd=tmp_path, check=True, timeout=300)
        ran.append(words[0])
    assert ran == ["doctor", "predict", "report"]
    assert (tmp_path / "demo.html").stat().st_size > 500_000


def test_the_reference_has_everything_public() -> None:
    import texcnn

    page = (PROJECT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    documented = {line.rpartition(".")[2] for line in page.splitlines() if line.startswith("::: ")}
    assert {name for name in texcnn.__all__ if name != "__version__"} <= documented


def test_the_readme_fits_two_screens() -> None:
    lines = (PROJECT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 100, "two screens of 50 lines"


@pytest.mark.parametrize("model", ["texcnn-mini", "texcnn-yeast", "Xpresso"])
def test_figures_of_the_readme_are_those_of_the_evaluation(model: str) -> None:
    folder = PROJECT / "scripts" / ("texcnn_yeast" if model == "texcnn-yeast" else "texcnn_mini")
    rows = [line.split("\t") for line in (folder / "results.tsv").read_text(encoding="utf-8").splitlines()]
    measured = {
        f"{value} ({low} to {high})"
        for name, genes, _, _, metric, value, low, high in rows
        if name.startswith(model) and genes.startswith("test chromosomes") and metric == "squared Pearson"
    }
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| `?{model}[`,].*(\n\| \|.*)*", readme, re.MULTILINE)
    assert row
    shown = set(re.findall(r"\d\.\d+ \(\d\.\d+ to \d\.\d+\)", row[0]))
    assert shown
    assert shown <= measured
