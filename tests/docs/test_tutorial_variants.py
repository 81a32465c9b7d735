"""The tutorial's commands, run as they are, and what it says of their files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("memelite")


@pytest.mark.slow
def test_the_tutorial_runs_and_its_files_say_what_it_says(project: Path, tmp_path: Path) -> None:
    text = (project / "docs" / "tutorial-variants.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 6
    (tmp_path / "assets").symlink_to(project / "assets")
    script = f'set -euo pipefail\ntexcnn() {{ "{sys.executable}" -m texcnn "$@"; }}\n' + "\n".join(blocks)
    environment = os.environ | {"PYTHONPATH": str(project), "LC_ALL": "C"}
    ran = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr

    out = tmp_path / "tutorial"
    effects = pd.read_csv(out / "effects.tsv", sep="\t")
    summary = pd.read_csv(out / "summary.tsv", sep="\t")
    assert len(summary) == 20
    assert (summary["status"] == "SCORED").all()
    explained = pd.read_csv(out / "explained" / "attributions.tsv", sep="\t").set_index("pos")
    assert len(explained) == 301
    variant = effects[(effects["id"] == "demo_v4") & (effects["gene_id"] == "DEMOG00000017")].iloc[0]
    assert (variant["ref"], variant["alt"]) == ("A", "C")
    assert explained.loc[92673, "delta_C"] == pytest.approx(variant["delta"], abs=1e-5)
    assert -40 < variant["distance_to_tss"] < -20
    files = {path.name for path in (out / "explained").iterdir()}
    assert files == {
        "attributions.tsv", "attributions.tsv.meta.json", "DEMOG00000017.median.bw", "DEMOG00000017.median.bedgraph",
        "DEMOG00000017.median.png", "DEMOG00000017.median.svg",
    }  # fmt: skip
    assert (out / "motifs" / "motif_hits.tsv").read_text().startswith("gene_id\tcell_type\tpeak\t")
    truth = pd.read_csv(out / "truth.tsv", sep="\t")
    assert truth["significant"].sum() == 15
    assert "20 rows are evaluated, 0 have no prediction" in (out / "evaluation" / "summary.md").read_text()
