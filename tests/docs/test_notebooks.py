"""The tutorials as notebooks: every cell runs, in order, and what the text says of the results holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

NAMES = ("predict", "train", "variants")


def code_cells(project: Path, name: str) -> list[dict[str, Any]]:
    notebook = json.loads((project / "docs" / "tutorials" / f"{name}.ipynb").read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run(project: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Runs a notebook as Jupyter does: in its own folder, all cells in one namespace."""
    monkeypatch.chdir(project / "docs" / "tutorials")
    namespace: dict[str, Any] = {}
    for place, cell in enumerate(code_cells(project, name)):
        exec(compile("".join(cell["source"]), f"{name}.ipynb, code cell {place}", "exec"), namespace)
    return namespace


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_are_kept_with_what_they_gave(project: Path, name: str) -> None:
    cells = code_cells(project, name)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1)), "run from top to bottom"
    assert all(cell["outputs"] for cell in cells)
    assert not [out for cell in cells for out in cell["outputs"] if out["output_type"] == "error"]


@pytest.mark.slow
def test_predict(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = run(project, "predict", monkeypatch)
    assert (seen["counts"].rows, seen["counts"].skipped) == (49, 1)
    assert seen["again"].attrs["unit"] == seen["table"].attrs["unit"]
    assert (seen["out"] / "demo.html").stat().st_size > 500_000
    assert seen["data"].n_obs == 50


@pytest.mark.slow
def test_train(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = run(project, "train", monkeypatch)
    assert list(seen["trained"].summary["metric"])[:2] == ["squared_pearson", "one_minus_sse_sst"]
    assert "5-mer ridge" in (seen["out"] / "evaluation" / "summary.md").read_text()


@pytest.mark.slow
def test_variants(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = run(project, "variants", monkeypatch)
    assert seen["effects"]["id"].nunique() == 20
    assert seen["one"].attrs["skipped"][0]["status"] == "REF_MISMATCH"
    assert len(seen["explained"]) == 61
    assert len(seen["changed"]) == 15
