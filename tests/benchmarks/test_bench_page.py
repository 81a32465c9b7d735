"""The committed page of benchmarks."""

from __future__ import annotations

import sys

import pytest

from texcnn.bench.rounds import Goal, Row, skipped


@pytest.fixture(autouse=True)
def _benchmarks_on_path(monkeypatch, project):
    monkeypatch.syspath_prepend(str(project / "benchmarks"))
    yield
    sys.modules.pop("page", None)


def test_table():
    from page import markdown

    rows = [
        Row("fast", 7.0, "x", Goal(7)),
        Row("slow", 1234567.8, "s", Goal(15, at_least=False)),
        Row("small", 0.01234, ""),
        Row("round", 99.96, ""),
    ]
    assert markdown({"encoders": rows, "windows": skipped("no kipoiseq", ["peer"])}).splitlines() == [
        "| measure | what | median | unit | wanted | reached |",
        "|---|---|---:|---|---|---|",
        "| encoders | fast | 7.00 | x | ≥ 7 | yes |",
        "| encoders | slow | 1,234,568 | s | ≤ 15 | **no** |",
        "| encoders | small | 0.0123 |  |  |  |",
        "| encoders | round | 100 |  |  |  |",
        "| windows | peer | not measured | no kipoiseq |  |  |",
    ]


def test_only_the_part_between_the_marks_is_replaced():
    from page import END, START, replace_measured

    page = f"before\n{START}\nold\n{END}\nafter\n"
    once = replace_measured(page, "new")
    assert once == f"before\n{START}\n\nnew\n\n{END}\nafter\n"
    assert replace_measured(once, "newer") == once.replace("new", "newer")
    for broken in ("no marks", f"{START} only", f"{END} {START}", page + page):
        with pytest.raises(ValueError, match="marks"):
            replace_measured(broken, "new")


def test_the_committed_page_has_the_marks(project):
    from page import replace_measured

    assert "new" in replace_measured((project / "benchmarks" / "README.md").read_text(encoding="utf-8"), "new")
