#!/usr/bin/env python
"""Writes what the bundled models predict for the demo genome: tests/golden/<model>.tsv and assets/demo/expected.tsv.

    python scripts/golden_predictions.py

Run it when a bundled model changes, and only then: tests/model/test_golden.py holds every later version to these
numbers, on any machine. The first has 20 genes from their sequence alone; the second is what the demo's report compares
itself with: all genes, by the default model and its default features.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import texcnn
from texcnn.genome.annotation import read_gtf
from texcnn.model.catalog import bundled_models

PROJECT = Path(__file__).resolve().parents[1]
DEMO = PROJECT / "assets" / "demo"
GOLDEN = PROJECT / "tests" / "golden"
N_GENES = 20


def golden_predictions(model: str) -> pd.DataFrame:
    """Predicts the first genes of the demo genome from their sequence alone, in float32 on the CPU."""
    genes = [gene.id for gene in read_gtf(DEMO / "genes.gtf").genes[:N_GENES]]
    loaded = texcnn.load_model(model)
    table: pd.DataFrame = texcnn.predict(
        loaded,
        DEMO / "genome.fa.gz",
        gtf=DEMO / "genes.gtf",
        genes=genes,
        half_life=False,
        device="cpu",
        dtype="float32",
    )
    return table[["gene_id", *loaded.cell_types]]


def write_expected(out: Path) -> None:
    """Writes the default model's table of the demo genome, with its description and its skipped genes."""
    texcnn.predict(
        None, DEMO / "genome.fa.gz", out=out, overwrite=True, gtf=DEMO / "genes.gtf", device="cpu", dtype="float32"
    )


if __name__ == "__main__":
    write_expected(DEMO / "expected.tsv")
    for name in bundled_models():
        golden_predictions(name).to_csv(GOLDEN / f"{name}.tsv", sep="\t", index=False, float_format="%.9g")
