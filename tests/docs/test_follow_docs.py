"""The README and every how-to page, followed command by command."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("memelite")
pytest.importorskip("kipoi_utils", reason="needs the kipoi extra")


@pytest.fixture(scope="module")
def follower(project: Path) -> ModuleType:
    path = project / "scripts" / "follow_docs.py"
    spec = importlib.util.spec_from_file_location("follow_docs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_every_page_with_commands_is_followed(project: Path, follower: ModuleType) -> None:
    followed = set(follower.followed_pages())
    apart = {"tutorial-variants.md", "protocol.md"}  # tests of their own
    for page in (project / "docs").rglob("*.md"):
        if re.search(r"^(texcnn|nextflow|kipoi) ", page.read_text(encoding="utf-8"), re.MULTILINE):
            assert page in followed or page.name in apart, page
    steps = [step for page in followed for step in follower.steps_of(page)]
    ours = [step for step in steps if step.written.startswith("texcnn ")]
    assert len(ours) > 40
    left_out = [step.written for step in ours if not step.run]
    assert all("--device cuda" in line or "--encoder dnabert2" in line for line in left_out)


def test_a_failing_command_is_noticed(follower: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    well, output = follower.follow(follower.plan("page.md", "texcnn predict --fasta none.fa --gtf none.gtf --out p.tsv"))
    assert not well
    assert "none.fa" in output


@pytest.mark.slow
def test_all_commands_run_as_they_are_written(project: Path) -> None:
    command = [sys.executable, project / "scripts" / "follow_docs.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert done.stdout.endswith("0 failed\n")
    assert done.stdout.count("\nran ") > 50
