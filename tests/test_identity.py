"""A stage's digest changes with the code it runs, and with nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import texcnn
from texcnn.identity import STAGES, _parsed, package_versions, stage_digests

SOURCE = Path(texcnn.__file__).parent


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SOURCE, tmp_path / "texcnn", ignore=shutil.ignore_patterns("bundled", "__pycache__")))


@pytest.fixture
def changed(package: Path) -> Callable[[], set[str]]:
    """Which stages' digests are others than at first."""
    before = stage_digests(package)

    def compare() -> set[str]:
        _parsed.cache_clear()  # a digest is computed once per process
        after = stage_digests(package)
        return {stage for stage in STAGES if before[stage] != after[stage]}

    return compare


def edit(path: Path, *, old: str = "", new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1) if old else text + new)


def test_the_digests_are_those_of_the_code(package: Path) -> None:
    assert stage_digests(package) == stage_digests()
    assert len(set(stage_digests().values())) == len(STAGES)


def test_comments_docstrings_and_editors_files_do_not_count(package: Path, changed: Callable[[], set[str]]) -> None:
    engine = package / "embedding" / "engine.py"
    edit(engine, new="\n\n# a comment\n")
    edit(engine, old='"""', new='"""Other words. ')
    (package / "embedding" / ".engine.py.swp").write_bytes(b"\0")
    (package / "embedding" / "__pycache__").mkdir()
    (package / "embedding" / "__pycache__" / "engine.cpython-311.pyc").write_bytes(b"\0")
    assert changed() == set()


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("report/summary.py", {"report"}),
        ("tables/merge.py", {"merge"}),
        ("evaluation/metrics.py", {"evaluate", "train"}),
        ("genome/shards.py", {"windows"}),
        ("embedding/engine.py", {"embed", "predict", "variants", "evaluate", "report", "train"}),
        ("encoders/kmer_counts.py", {"embed", "predict", "variants", "evaluate", "report", "train"}),
        ("training/fit.py", {"train"}),
        ("cli/options.py", set()),
    ],
)
def test_an_edit_counts_for_the_stages_that_run_it(
    package: Path, changed: Callable[[], set[str]], file: str, stages: set[str]
) -> None:
    edit(package / file, new="\nEDITED = True\n")
    assert changed() == stages


def test_every_module_of_a_room_that_embeds_is_reached(package: Path, changed: Callable[[], set[str]]) -> None:
    """Encoders are named in strings and imported at first use: they must not be overlooked."""
    for path in sorted((package / "encoders").glob("[a-z]*.py")):
        edit(path, new=f"\nEDITED_{path.stem} = 1\n")
        assert ("embed" in changed()) == (path.name != "fetch.py"), f"{path.name}: only the download changes no vector"
        text = path.read_text()
        path.write_text(text[: text.index("\nEDITED_")] + "\n")


@pytest.mark.parametrize("file", ["page.html", "table.js"])
def test_a_template_counts(file: str, package: Path, changed: Callable[[], set[str]]) -> None:
    edit(package / "report" / "page" / file, new="\n<!-- more -->\n")
    assert changed() == {"report"}


def test_versions_of_what_is_installed() -> None:
    assert set(package_versions(["numpy", "no-such-package"])) == {"numpy"}
