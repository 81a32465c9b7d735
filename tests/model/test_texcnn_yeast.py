"""The second bundled model, on the whole yeast genome's held-out chromosomes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from texcnn.model.catalog import bundled_models
from texcnn.model.load import load_model
from texcnn.training.targets import read_targets


def test_it_is_bundled_and_says_what_it_is() -> None:
    model = load_model("texcnn-yeast")
    assert len(model.cell_types) == 52
    split = pd.read_csv(bundled_models()["texcnn-yeast"] / "split.tsv", sep="\t")["split"].value_counts()
    assert split.to_dict() == {"train": 4493, "test": 1695, "valid": 938}


def test_its_card_is_of_this_training_and_has_baselines_beside() -> None:
    bundle = bundled_models()["texcnn-yeast"]
    metrics = pd.read_csv(bundle / "metrics.tsv", sep="\t")
    told = metrics.loc[metrics["split"] == "test", ["squared_pearson", "one_minus_sse_sst"]].mean()
    card = (bundle / "README.md").read_text()
    rows = [line.split(" | ")[:3] for line in card.splitlines() if line.startswith("| ")]
    shown = {name.removeprefix("| "): figures for name, *figures in rows[::-1]}  # the first table, of all test genes
    for figure, value in zip(shown["texcnn-yeast"], told, strict=True):
        assert float(figure.split()[0]) == pytest.approx(value, abs=2e-3)
    for baseline in ("GC and CpG boosting", "5-mer ridge"):
        assert 0 < float(shown[baseline][0].split()[0]) < told["squared_pearson"]
    assert "1,695 genes of IV, IX and XVI test, 938 of II and XIV validate, the 4,493 others" in card


@pytest.mark.data
@pytest.mark.slow
def test_it_predicts_genes_of_chromosomes_it_has_not_seen(data: Path) -> None:
    bundle = bundled_models()["texcnn-yeast"]
    model = load_model("texcnn-yeast")
    split = pd.read_csv(bundle / "split.tsv", sep="\t").set_index("gene_id")["split"]
    tested = split.index[split == "test"].tolist()
    yeast = data / "yeast"
    targets = read_targets(yeast / "expression_tpm_conditions.tsv.gz", unit="TPM", transform="log10p0.1")
    table = model.predict(yeast / "R64-1-1.fa.gz", gtf=yeast / "R64-1-1.81.gtf.gz", genes=tested, batch_size=256)
    assert set(table["chrom"]) == {"IV", "IX", "XVI"}
    found = table.set_index("gene_id").loc[tested, list(model.cell_types)].to_numpy()
    true = targets.values[[targets.rows[gene_id] for gene_id in tested]]
    # The bundle's own metrics.tsv, written when it was trained: per condition, over genes with a measurement.
    told = pd.read_csv(bundle / "metrics.tsv", sep="\t")
    told = told[told["split"] == "test"].set_index("cell_type")["squared_pearson"]
    for column, name in enumerate(model.cell_types):
        known = ~np.isnan(true[:, column])
        again = np.corrcoef(found[known, column], true[known, column])[0, 1] ** 2
        # Predictions below the unit's floor are raised to it since these figures were written.
        assert again == pytest.approx(told[name], abs=3e-3)
    assert told.mean() > 0.4
