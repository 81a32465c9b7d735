#!/usr/bin/env python
"""Writes what the bundled models predict for 20 genes of the demo genome: tests/golden/<model>.tsv.

    python scripts/golden_predictions.py

Run it when a bundled model changes, and only then: tests/model/test_golden.py holds every later version to these
numbers, on any machine.
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


if __name__ == "__main__":
    for name in bundled_models():
        golden_predictions(name).to_csv(GOLDEN / f"{name}.tsv", sep="\t", index=False, float_format="%.9g")
