"""The scripts behind docs/cross-validation.md: fast lines run, stop, go on and become the page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytestmark = [pytest.mark.data, pytest.mark.slow]


@pytest.fixture(scope="module")
def scripts(project: Path, data: Path, tmp_path_factory: pytest.TempPathFactory):
    """Calls a script with a folder of finished folds."""
    work = tmp_path_factory.mktemp("crossvalidation")

    def call(script: str, *options: str) -> str:
        command = [sys.executable, project / "scripts" / "crossvalidation" / f"{script}.py", "--data", data]
        return subprocess.run(
            [*command, "--work", work / "work", *options], cwd=work, check=True, capture_output=True, text=True
        ).stdout

    return work, call


def test_lines_become_the_page(scripts) -> None:
    work, call = scripts
    lines = ("--model", "mean", "--model", "gc-cpg", "--model", "kmer-ridge")
    assert call("run", "--minutes", "0", *lines).splitlines() == ["time is over"]
    first = call("run", *lines).splitlines()
    assert [line.split()[:4] for line in first] == [
        ["human", key, "0", str(fold)] for key in ("mean", "gc-cpg", "kmer-ridge") for fold in range(5)
    ]
    (work / "work" / "human" / "gc-cpg-0-3.npz").unlink()
    assert [line.split()[:4] for line in call("run", *lines).splitlines()] == [["human", "gc-cpg", "0", "3"]]

    tested = np.concatenate([np.load(work / "work" / "human" / f"mean-0-{fold}.npz")["rows"] for fold in range(5)])
    assert sorted(tested) == list(range(657))

    (work / "work" / "human" / "kmer-ridge-0-1.npz").unlink()
    call("table", "--out", str(work))
    raw = pd.read_csv(work / "cross-validation.tsv", sep="\t").set_index("model")
    assert list(raw.index) == ["mean of training genes", "GC and CpG boosting", "Xpresso, published predictions"]
    assert raw["n_genes"].tolist() == [657, 657, 657]
    found = raw["median_squared_pearson"]
    assert found.iloc[0] < 0.02
    assert found.iloc[1] == pytest.approx(0.373, abs=0.02)
    assert found.iloc[2] == pytest.approx(0.577, abs=0.001)
    page = (work / "cross-validation.md").read_text(encoding="utf-8")
    assert f"| Xpresso, published predictions | 1 | 657 | {found.iloc[2]:.3f} |" in page
    assert "Not finished in the time there was: k-mer ridge; TExCNN, texcnn-mini's language model;" in page
