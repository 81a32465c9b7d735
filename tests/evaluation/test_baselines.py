import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

from texcnn.errors import InputError, RunError
from texcnn.evaluation.baselines import (
    GC_CPG,
    HALF_LIFE,
    KMER_RIDGE,
    MEAN,
    TF,
    feature_inputs,
    predict_baselines,
    sequence_inputs,
)
from texcnn.evaluation.metrics import squared_pearson
from texcnn.genome.gene import Gene
from texcnn.genome.interval import Interval
from texcnn.genome.windows import Window

NAN = np.nan


def window(gene_id: str, sequence: str) -> Window:
    return Window(Gene(gene_id, gene_id, "chr1", 0, "+"), Interval("chr1", 0, len(sequence), "+"), sequence)


def test_gc_and_cpg_of_bins() -> None:
    # First bin of 500: 250 CG; second: 100 C, 100 G without CpG, 200 A, 100 N; third, of 50: A only.
    sequence = "CG" * 250 + "G" * 100 + "C" * 100 + "A" * 200 + "N" * 100 + "A" * 50
    inputs = sequence_inputs([window("g", sequence)])[GC_CPG]
    assert inputs.loc["g"].tolist() == pytest.approx([1, 250 * 500 / 250**2, 200 / 400, 0, 0, NAN], nan_ok=True)


def test_a_cpg_that_spans_bins_counts_in_neither() -> None:
    inputs = sequence_inputs([window("g", "A" * 499 + "CG" + "C" * 499)])[GC_CPG]
    assert inputs.loc["g"].tolist()[3] == 0
    assert np.isnan(inputs.loc["g"].tolist()[1])


def test_kmers_are_shares_of_known_words() -> None:
    inputs = sequence_inputs([window("a", "AAAAAACNTTTTT"), window("b", "ACGTNACGT"), window("c", "N" * 12)])
    kmers = inputs[KMER_RIDGE]
    assert kmers.index.tolist() == ["a"]  # b has no known word of 5, c nothing
    words = {"AAAAA": 2 / 4, "AAAAC": 1 / 4, "TTTTT": 1 / 4}
    row = kmers.loc["a"].to_numpy()
    assert {f"{place:05d}": row[place] for place in np.flatnonzero(row)} == {
        f"{sum('ACGT'.index(base) * 4 ** (4 - i) for i, base in enumerate(word)):05d}": share
        for word, share in words.items()
    }
    assert inputs[GC_CPG].index.tolist() == ["a"]


def test_windows_shorter_than_a_word_have_no_inputs() -> None:
    assert all(len(table) == 0 for table in sequence_inputs([window("a", "ACG")]).values())


def feature_table(folder: Path) -> Path:
    path = folder / "features.tsv"
    path.write_text(
        "gene_id\tlog10_cds_length_bp\tTF1\tutr3_gc\tTF2\n"
        "ENSG00000000001.4\t3\t1\t0.5\t0\nENSG00000000002\t\t0\tNA\t1\nENSG00000000003\tnan\t\t\t\n"
    )
    return path


def test_features_go_to_their_baselines(tmp_path: Path) -> None:
    genes = ["ENSG00000000001", "ENSG00000000002.1", "ENSG00000000003", "ENSG00000000004"]
    inputs = feature_inputs(feature_table(tmp_path), genes)
    assert inputs[HALF_LIFE].columns.tolist() == ["log10_cds_length_bp", "utr3_gc"]
    assert inputs[TF].columns.tolist() == ["TF1", "TF2"]
    # Genes without any value are left out, not filled.
    assert inputs[TF].index.tolist() == genes[:2]
    assert inputs[TF].to_numpy().tolist() == [[1, 0], [0, 1]]
    assert inputs[HALF_LIFE].iloc[0].tolist() == [3, 0.5]


def test_bad_feature_tables(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not exist .*none\.tsv"):
        feature_inputs(tmp_path / "none.tsv", ["g"])
    (tmp_path / "ids.tsv").write_text("gene_id\ng\n")
    with pytest.raises(InputError, match="has no features"):
        feature_inputs(tmp_path / "ids.tsv", ["g"])
    (tmp_path / "empty.tsv").write_text("")
    with pytest.raises(InputError, match=r"the file is empty"):
        feature_inputs(tmp_path / "empty.tsv", ["g"])


def example(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, pd.DataFrame]]:
    """Labels of 60 training and 30 other genes, which depend on their inputs."""
    generator = np.random.default_rng(seed)
    genes = [f"g{row}" for row in range(90)]
    inputs = pd.DataFrame(generator.normal(size=(90, 4)), genes)
    labels = pd.DataFrame({"x": 2 * inputs[0] + 5, "y": inputs[1] - inputs[2] + 0.1 * generator.normal(size=90)})
    return labels.iloc[:60], labels.iloc[60:], {KMER_RIDGE: inputs, GC_CPG: inputs}


def test_same_as_scikit_learn_fitted_by_hand() -> None:
    train, test, inputs = example()
    fitted = predict_baselines(train, list(test.index), inputs, seed=7)
    values = inputs[GC_CPG].to_numpy()
    scaler = StandardScaler().fit(values[:60])
    ridge = RidgeCV(np.logspace(0, 6, 13)).fit(scaler.transform(values[:60]), train)
    np.testing.assert_allclose(fitted[KMER_RIDGE], ridge.predict(scaler.transform(values[60:])))
    boosting = HistGradientBoostingRegressor(
        learning_rate=0.05, max_iter=200, max_leaf_nodes=15, early_stopping=False, random_state=7
    ).fit(values[:60], train["y"])
    np.testing.assert_allclose(fitted[GC_CPG]["y"], boosting.predict(values[60:]))
    assert fitted[MEAN].to_numpy().tolist() == [train.mean().tolist()] * 30
    assert squared_pearson(fitted[KMER_RIDGE]["x"].to_numpy(), test["x"].to_numpy()) > 0.99


def test_nothing_of_the_evaluation_genes_changes_what_is_fitted() -> None:
    train, test, inputs = example()
    fitted = predict_baselines(train, list(test.index), inputs)
    # Other evaluation genes' inputs do not move a gene's prediction either.
    changed = {name: table.copy() for name, table in inputs.items()}
    for table in changed.values():
        table.loc["g61":] = 100.0
    again = predict_baselines(train, ["g60", "g75"], changed)
    for name, values in fitted.items():
        np.testing.assert_allclose(again[name].loc["g60"], values.loc["g60"], rtol=1e-12)
    # And the fit does depend on the training labels, or the above would say nothing.
    other = predict_baselines(train.iloc[::-1].set_axis(train.index), list(test.index), inputs)
    assert (other[KMER_RIDGE]["x"] - fitted[KMER_RIDGE]["x"]).abs().max() > 0.1


def test_unknown_labels_are_left_out_per_cell_type() -> None:
    train, test, inputs = example()
    gaps = train.copy()
    gaps.loc["g0":"g19", "y"] = NAN
    fitted = predict_baselines(gaps, list(test.index), inputs)
    full, fewer = (predict_baselines(part, list(test.index), inputs) for part in (train, train.iloc[20:]))
    for name in fitted:
        np.testing.assert_allclose(fitted[name]["x"], full[name]["x"], rtol=1e-9)
        np.testing.assert_allclose(fitted[name]["y"], fewer[name]["y"], rtol=1e-9)


def test_gene_without_inputs_gets_the_mean_and_a_poor_cell_type_nothing() -> None:
    train, test, inputs = example()
    train = train.assign(poor=[1.0] * 9 + [NAN] * 51)
    lacking = {name: table.drop(index=["g60", "g3"]) for name, table in inputs.items()}
    fitted = predict_baselines(train, list(test.index), lacking)
    for name in (KMER_RIDGE, GC_CPG):
        assert fitted[name].loc["g60", ["x", "y"]].tolist() == train[["x", "y"]].mean().tolist()
        assert fitted[name].loc["g61", "x"] != train["x"].mean()
        assert fitted[name]["poor"].isna().all()
    nothing = {KMER_RIDGE: inputs[KMER_RIDGE].iloc[60:]}
    pd.testing.assert_frame_equal(predict_baselines(train, ["g60"], nothing)[KMER_RIDGE], fitted[MEAN].iloc[:1])


def test_versions_are_understood() -> None:
    train, test, inputs = example()
    versioned = {name: table.set_axis([f"ENSG{row:011d}.2" for row in range(90)]) for name, table in inputs.items()}
    labels = train.set_axis([f"ENSG{row:011d}" for row in range(60)])
    fitted = predict_baselines(labels, [f"ENSG{row:011d}.9" for row in range(60, 90)], versioned)
    plain = predict_baselines(train, list(test.index), inputs)
    for name, values in plain.items():
        np.testing.assert_array_equal(fitted[name], values)


def test_leaks_and_too_few_genes_are_refused() -> None:
    train, _, inputs = example()
    with pytest.raises(InputError, match=r"1 genes are both for training and for evaluation, such as 'g5'"):
        predict_baselines(train, ["g70", "g5"], inputs)
    with pytest.raises(InputError, match="9 training genes with expression"):
        predict_baselines(train.iloc[:9], ["g70"], inputs)


def test_missing_scikit_learn_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    train, _, inputs = example()
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(RunError, match=r"scikit-learn .*texcnn\[evaluate\]"):
        predict_baselines(train, ["g70"], inputs)
    assert list(predict_baselines(train, ["g70"], {})) == [MEAN]


@pytest.mark.parametrize("name", [GC_CPG, TF])
def test_inputs_that_no_training_gene_has_are_left_out(name: str) -> None:
    rng = np.random.default_rng(0)
    train = pd.DataFrame({"a": rng.normal(size=40)}, index=pd.Index([f"g{row}" for row in range(40)], name="gene_id"))
    values = pd.DataFrame({"x": train["a"].to_numpy(), "beyond": np.nan}, index=train.index)
    values.loc["new"] = [1.0, 2.0]
    found = predict_baselines(train, ["new"], {name: values})[name]
    expected = predict_baselines(train, ["new"], {name: values[["x"]]})[name]
    assert found.loc["new", "a"] == expected.loc["new", "a"] != train["a"].mean()
    nothing = predict_baselines(train, ["new"], {name: values[["beyond"]]})[name]
    assert nothing.loc["new", "a"] == pytest.approx(train["a"].mean())
