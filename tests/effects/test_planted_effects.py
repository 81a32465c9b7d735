"""Simulated genomes whose grammar is known: a network that has learned it scores and explains their motifs rightly."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.append(str(Path(__file__).parents[2] / "scripts" / "variants"))

import measure
import planted_model
from simulated import simulate

import texcnn


@pytest.mark.slow
def test_planted_motifs_have_the_right_sign_and_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planted_model, "EPOCHS", 15)
    model = planted_model.train(simulate(tmp_path / "trained-on", range(101, 141)))
    genome = simulate(tmp_path / "judged-on", [201])
    found = texcnn.evaluate_variants(
        genome.effects, tmp_path / "evaluation", model=model, fasta=genome.fasta, bed=genome.bed, bootstrap=0
    )
    metrics = found.metrics[found.metrics["cell_type"] == "simulated"].set_index("metric")["value"]
    assert metrics["sign_accuracy"] >= 0.95
    assert metrics["spearman"] >= 0.6
    motifs = pd.read_csv(genome.motifs, sep="\t")
    genes = list(dict.fromkeys(motifs["gene_id"]))[:4]
    scores = [measure.base_auroc(model, genome, gene, motifs, "simulated", "ism") for gene in genes]
    assert np.mean(scores) >= 0.9
