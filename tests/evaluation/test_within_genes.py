"""The correlation across cell types, as a mean over genes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from texcnn.evaluation.within_genes import within_gene_metrics

NAN = float("nan")
GENES = ["a", "b", "c", "d"]


def frames() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Four genes: correlations 1 and -0.5, one of two pairs only, one measured alike in all cell types."""
    true = pd.DataFrame([[1, 2, 3], [3, 1, 2], [1, NAN, 2], [0.1, 0.1, 0.1]], GENES, list("xyz"), float)
    predicted = pd.DataFrame([[12, 14, 16], [1, 2, 3], [1, 2, 3], [1, 2, 3]], GENES, list("xyz"), float)
    return predicted, true


def test_genes_without_a_correlation_are_not_counted() -> None:
    row = within_gene_metrics(*frames()).iloc[0]
    assert row["n_genes"] == 2
    assert row["pearson"] == pytest.approx(0.25)
    assert np.isnan([row["pearson_low"], row["pearson_high"]]).all()


def test_the_interval_is_of_draws_of_genes() -> None:
    # Of two genes, both draws of the lower or of the higher have a chance of a quarter each.
    row = within_gene_metrics(*frames(), bootstrap=200).iloc[0]
    assert [row["pearson_low"], row["pearson_high"]] == pytest.approx([-0.5, 1])
    generator = np.random.default_rng(3)
    true = pd.DataFrame(generator.normal(size=(50, 6)))
    predicted = true + generator.normal(size=(50, 6))
    found = predicted.corrwith(true, axis=1).to_numpy()
    drawn = found[np.random.default_rng(1).integers(50, size=(150, 50))].mean(axis=1)
    row = within_gene_metrics(predicted, true, bootstrap=150, seed=1).iloc[0]
    assert row["pearson"] == pytest.approx(found.mean())
    assert [row["pearson_low"], row["pearson_high"]] == pytest.approx(np.quantile(drawn, [0.025, 0.975]))


def test_levels_of_genes_do_not_count() -> None:
    predicted, true = frames()
    moved = predicted.add([0, 100, -7, 5], axis=0)
    assert within_gene_metrics(moved, true)["pearson"].item() == pytest.approx(0.25)
    level = predicted * 0 + 5.3
    row = within_gene_metrics(level, true, bootstrap=10).iloc[0]
    assert row["n_genes"] == 0
    assert np.isnan(row[["pearson", "pearson_low", "pearson_high"]].to_numpy(float)).all()


def test_frames_must_be_alike() -> None:
    predicted, true = frames()
    with pytest.raises(ValueError, match="same order"):
        within_gene_metrics(predicted.iloc[::-1], true)
