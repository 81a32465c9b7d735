"""The report's numbers, worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_files import VALUES, describe, write_table

from texcnn.report.methods import CITATIONS, methods
from texcnn.report.summary import compare_with_truth, correlations, gene_means, quantiles, stand_out
from texcnn.report.variants import MAX_RECORDS, read_variants
from texcnn.tables.predictions import Predictions, open_predictions


@pytest.fixture
def table(tmp_path: Path) -> Predictions:
    return open_predictions(write_table(tmp_path / "p.parquet", np.array(VALUES, np.float32), describe()))


def test_the_specific_gene_is_the_one_that_neither_gene_nor_cell_type_explains(table: Predictions) -> None:
    found = stand_out(table)
    assert found is not None
    # G1: mean 2; T cell: mean 5/4; grand mean 9.5/12. 4 - 2 - 1.25 + 0.791667
    assert (found[0][1], found[1].argmax()) == (2, 1)
    assert found[1][1] == pytest.approx(4 - 2 - 1.25 + 9.5 / 12)
    assert gene_means(table).tolist() == pytest.approx([0, 2, 6.5 / 3, -1])


def test_agreement_with_the_truth_by_hand(table: Predictions, tmp_path: Path) -> None:
    truth = tmp_path / "truth.tsv"
    truth.write_text("gene_id\ttrue_expression\nG3\t-1\nG0\t0\nG1\t3\nother\t7\n")
    found = compare_with_truth(table, truth)
    assert found.rows == [0, 1, 3]
    assert found.true.tolist() == [0, 3, -1]
    assert found.predicted.tolist() == [0, 2, -1]
    # deviations: true (-2/3, 7/3, -5/3), predicted (-1/3, 5/3, -4/3); SSE 1
    assert found.squared_pearson == pytest.approx((57 / 9) ** 2 / ((78 / 9) * (42 / 9)))
    assert found.explained == pytest.approx(1 - 1 / (78 / 9))
    truth.write_text("gene_id\ttrue_expression\nG0\t1\nG1\t1\n")
    constant = compare_with_truth(table, truth)
    assert (constant.squared_pearson, constant.explained) == (None, None)


def test_similar_cell_types_are_neighbours_and_constant_ones_have_no_correlation(
    recwarn: pytest.WarningsRecorder,
) -> None:
    base = np.random.default_rng(0).normal(size=(50, 2))
    values = np.column_stack([base[:, 0], base[:, 1], base[:, 0] + 0.01 * base[:, 1], np.ones(50)])
    found = correlations(values)
    assert found is not None
    order, correlation = found
    assert abs(order.index(0) - order.index(2)) == 1
    assert np.isnan(correlation[order.index(3)]).all()
    assert correlation[order.index(0), order.index(2)] > 0.99
    assert not [warning for warning in recwarn if issubclass(warning.category, RuntimeWarning)]
    assert quantiles(np.arange(101.0)[:, None]).tolist() == [[5, 25, 50, 75, 95]]


def test_methods_name_what_was_done_and_cite_it() -> None:
    output = describe()
    plain = methods(output, None)
    assert "TExCNN 9.8.7 (model tiny-model, sha256 f00df00df00d" in plain.paragraph
    assert plain.citations == [CITATIONS["texcnn"]]


def rows(n: int) -> pd.DataFrame:
    """Variant k of gene gk has delta k in liver and -k in brain."""
    table = pd.DataFrame({"pos": np.repeat(np.arange(n), 2), "cell_type": ["liver", "brain"] * n})
    delta = table["pos"] * np.tile([1, -1], n)
    gene = "g" + table["pos"].astype(str)
    fixed = {"chrom": "chr1", "ref": "A", "alt": "T", "ref_prediction": 1.0}
    return table.assign(**fixed, gene_id=gene, delta=delta, alt_prediction=1.0 + delta)


@pytest.mark.parametrize("ending", [".tsv", ".tsv.gz", ".parquet"])
def test_variants_become_a_record_per_allele_and_gene(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"effects{ending}"
    shuffled = rows(5).sample(frac=1, random_state=0).sort_values("pos", kind="stable")
    shuffled.to_parquet(path) if ending == ".parquet" else shuffled.to_csv(path, sep="\t", index=False)
    found = read_variants(path)
    assert found.records["gene_id"].tolist() == ["g0", "g1", "g2", "g3", "g4"]
    assert found.n_all == 5
    liver = found.cell_types.index("liver")
    assert found.matrices["delta"][:, liver].tolist() == [0, 1, 2, 3, 4]
    assert found.matrices["delta"][:, 1 - liver].tolist() == [0, -1, -2, -3, -4]
    assert "quantile" not in found.matrices


def test_of_too_many_variants_the_largest_effects_are_shown(tmp_path: Path) -> None:
    rows(MAX_RECORDS + 7).to_parquet(tmp_path / "effects.parquet")
    found = read_variants(tmp_path / "effects.parquet")
    assert (found.n_all, len(found.records)) == (MAX_RECORDS + 7, MAX_RECORDS)
    assert found.records["pos"].min() == 7
