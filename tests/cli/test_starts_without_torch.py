"""Commands that compute nothing with PyTorch run where it cannot be imported: it takes seconds to load."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import texcnn
from texcnn.genome.gene import Gene
from texcnn.tables.columns import TableDescription, prediction_frame
from texcnn.tables.writers import open_tables

DEMO = Path(__file__).parents[2] / "assets" / "demo"
DESCRIPTION = TableDescription(
    cell_types=("liver",), unit="TPM", model="m", model_fingerprint="a", fasta="genome.fa", fasta_fingerprint="b",
    texcnn_version="1",
)  # fmt: skip
FILES = ("--fasta", str(DEMO / "genome.fa.gz"), "--gtf", str(DEMO / "genes.gtf"))

WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers"):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
sys.meta_path.insert(0, Missing())
from texcnn.cli.main import main
main(sys.argv[1:])
"""


def run(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", WITHOUT, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["windows", *FILES], 51),
        (["windows", *FILES, "--model", "texcnn-mini"], 51),
        (["features", "half-life", *FILES], 45),
    ],
    ids=["windows", "windows of a model", "half-life"],
)
def test_files_are_made_without_it(arguments: list[str], lines: int, tmp_path: Path) -> None:
    out = tmp_path / "out.tsv"
    done = run([*arguments, "--out", str(out)])
    assert done.returncode == 0, done.stderr
    assert len(out.read_text().splitlines()) == lines


def test_models_are_listed_without_it() -> None:
    done = run(["models", "list"])
    assert done.returncode == 0, done.stderr
    assert "\ntexcnn-mini\t" in done.stdout


def test_tables_are_merged_without_it(tmp_path: Path) -> None:
    parts = []
    for number in range(2):
        genes = [Gene(f"g{number}", f"G{number}", "chr1", 10, "+")]
        values = np.array([[1 + number]], np.float32)
        parts.append(tmp_path / f"{number}.parquet")
        with open_tables([parts[-1]], DESCRIPTION) as table:
            table.write(prediction_frame(genes, [0.0], values, ("liver",), transcripts=False))
            table.write_skipped([])
    done = run(["merge", *map(str, parts), "--out", str(tmp_path / "all.tsv")])
    assert done.returncode == 0, done.stderr
    assert pd.read_csv(tmp_path / "all.tsv", sep="\t")["liver"].tolist() == [1, 2]


def test_a_report_is_written_without_it(tmp_path: Path) -> None:
    """The model that made the table is described, not loaded."""
    predictions = tmp_path / "predictions.parquet"
    texcnn.predict("texcnn-yeast", FILES[1], out=predictions, gtf=FILES[3], device="cpu")
    done = run(["report", "--predictions", str(predictions), "--out", str(tmp_path / "report.html")])
    assert done.returncode == 0, done.stderr
    version = texcnn.list_models().set_index("name").loc["texcnn-yeast", "version"]
    assert f"texcnn-yeast version {version}" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_predictions_are_evaluated_without_it(tmp_path: Path) -> None:
    """Options of how to compute a model's predictions are there and resolve nothing."""
    genes = [Gene(f"g{number}", "", "chr1", 10, "+") for number in range(20)]
    values = np.arange(20, dtype=np.float32)[:, None]
    with open_tables([tmp_path / "p.parquet"], DESCRIPTION) as table:
        table.write(prediction_frame(genes, [0.0] * 20, values, ("liver",), transcripts=False))
        table.write_skipped([])
    measured = pd.DataFrame({"gene_id": [gene.id for gene in genes], "liver": 2 * values[:, 0] + 1})
    measured.to_csv(tmp_path / "measured.tsv", sep="\t", index=False)
    done = run(
        ["evaluate", "--predictions", str(tmp_path / "p.parquet"), "--expression", str(tmp_path / "measured.tsv"),
         "--transform", "none", "--bootstrap", "0", "--out", str(tmp_path / "ev")]
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert pd.read_csv(tmp_path / "ev" / "metrics.tsv", sep="\t")["squared_pearson"][0] == pytest.approx(1)


def test_predict_needs_it() -> None:
    """Else the tests above would show nothing."""
    done = run(["predict", *FILES, "--out", "never.tsv"])
    assert done.returncode == 1
    assert "torch" in done.stderr
