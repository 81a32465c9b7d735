import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata
from sklearn.metrics import r2_score, root_mean_squared_error

from texcnn.evaluation.metrics import (
    ALL_CELL_TYPES,
    METRICS,
    cell_type_metrics,
    gene_metrics,
    one_minus_sse_sst,
    rmse,
    spearman,
    squared_pearson,
)

NAN = np.nan
PREDICTED = np.array([1.0, 2, 3, 5])
TRUE = np.array([2.0, 1, 4, 5])


def test_numbers_worked_out_by_hand() -> None:
    # Deviations: predicted -1.75 -0.75 0.25 2.25 (sum of squares 8.75), true -1 -2 1 2 (10); their products sum to 8.
    assert squared_pearson(PREDICTED, TRUE) == pytest.approx(64 / 87.5)
    # Errors 1, -1, 1, 0.
    assert one_minus_sse_sst(PREDICTED, TRUE) == pytest.approx(1 - 3 / 10)
    assert rmse(PREDICTED, TRUE) == pytest.approx(np.sqrt(3 / 4))
    # Ranks 1 2 3 4 and 2 1 3 4: 1 - 6 * 2 / (4 * 15).
    assert spearman(PREDICTED, TRUE) == pytest.approx(0.8)


@pytest.mark.parametrize("seed", range(5))
def test_same_as_numpy_and_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    true = generator.integers(0, 8, 60).astype(float)  # ties
    predicted = 0.5 * true + generator.normal(size=60) + 3
    assert squared_pearson(predicted, true) == pytest.approx(np.corrcoef(predicted, true)[0, 1] ** 2, rel=1e-12)
    assert spearman(predicted, true) == pytest.approx(np.corrcoef(rankdata(predicted), rankdata(true))[0, 1], rel=1e-12)
    assert one_minus_sse_sst(predicted, true) == pytest.approx(r2_score(true, predicted), rel=1e-12)
    assert rmse(predicted, true) == pytest.approx(root_mean_squared_error(true, predicted), rel=1e-12)


def test_only_some_metrics_forgive_scale_and_direction() -> None:
    assert squared_pearson(-10 * TRUE + 7, TRUE) == pytest.approx(1)
    assert spearman(-10 * TRUE + 7, TRUE) == pytest.approx(-1)
    assert one_minus_sse_sst(TRUE + 2, TRUE) == pytest.approx(1 - 16 / 10)
    assert rmse(TRUE + 2, TRUE) == pytest.approx(2)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_nan_pairs_are_left_out(metric) -> None:
    with_gaps = metric(np.array([*PREDICTED, NAN, 9, NAN]), np.array([*TRUE, 9, NAN, NAN]))
    assert with_gaps == metric(PREDICTED, TRUE)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
@pytest.mark.parametrize(
    ("predicted", "true"),
    [([], []), ([1, 2], [1, 3]), ([1, 2, NAN, 4], [1, 3, 5, NAN]), ([NAN] * 4, [1, 2, 3, 4])],
    ids=["nothing", "two pairs", "two pairs without NaN", "all NaN"],
)
def test_too_few_pairs_give_nan(metric, predicted: list[float], true: list[float]) -> None:
    assert np.isnan(metric(np.array(predicted, float), np.array(true, float)))


def test_constant_sides() -> None:
    constant, varied = np.full(3, 0.1), np.array([1.0, 2, 3])
    for metric in (squared_pearson, spearman):
        assert np.isnan(metric(constant, varied))
        assert np.isnan(metric(varied, constant))
    assert np.isnan(one_minus_sse_sst(varied, constant))
    # A model that always says the same has an error, and it is not left out of a mean over cell types.
    assert one_minus_sse_sst(np.full(3, 3.0), varied) == pytest.approx(1 - 5 / 2)
    assert rmse(np.full(3, 3.0), varied) == pytest.approx(np.sqrt(5 / 3))
    assert rmse(varied, np.full(3, 3.0)) == pytest.approx(np.sqrt(5 / 3))


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_shapes_must_agree(metric) -> None:
    with pytest.raises(ValueError, match="one length"):
        metric(np.arange(3.0), np.arange(4.0))
    with pytest.raises(ValueError, match="one length"):
        metric(np.ones((3, 2)), np.ones((3, 2)))


def test_tiny_values_do_not_underflow() -> None:
    assert squared_pearson(PREDICTED * 1e-150, TRUE * 1e-150) == pytest.approx(64 / 87.5)


def frames(n_genes: int = 40, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    generator = np.random.default_rng(seed)
    genes = pd.Index([f"g{row}" for row in range(n_genes)])
    true = pd.DataFrame(generator.normal(size=(n_genes, 3)), genes, ["x", "y", "z"])
    return true + generator.normal(size=true.shape), true


def test_per_cell_type() -> None:
    predicted, true = frames()
    true.loc[["g0", "g1"], "y"] = NAN
    table = cell_type_metrics(predicted, true).set_index("cell_type")
    assert table.index.tolist() == ["x", "y", "z", ALL_CELL_TYPES]
    assert table["n_genes"].tolist() == [40, 38, 40, 40]
    for name, metric in METRICS.items():
        alone = [metric(predicted[column].to_numpy(), true[column].to_numpy()) for column in "xyz"]
        assert table[name].tolist() == [*alone, pytest.approx(np.mean(alone))]
        assert table[f"{name}_low"].isna().all()


def test_cell_type_without_a_figure_is_not_in_the_mean() -> None:
    predicted, true = frames()
    true["y"] = NAN
    table = cell_type_metrics(predicted, true).set_index("cell_type")
    assert table.loc["y", "n_genes"] == 0
    assert np.isnan(table.loc["y", "spearman"])
    assert table.loc[ALL_CELL_TYPES, "spearman"] == pytest.approx(table.loc[["x", "z"], "spearman"].mean())


def test_one_cell_type_has_no_mean() -> None:
    predicted, true = frames()
    assert cell_type_metrics(predicted[["x"]], true[["x"]])["cell_type"].tolist() == ["x"]


def test_bootstrap_draws_genes() -> None:
    predicted, true = frames()
    table = cell_type_metrics(predicted, true, bootstrap=50, seed=3)
    generator = np.random.default_rng(3)
    drawn = [generator.integers(40, size=40) for _ in range(50)]
    values = [spearman(predicted["y"].to_numpy()[rows], true["y"].to_numpy()[rows]) for rows in drawn]
    assert table.loc[1, "spearman_low"] == pytest.approx(np.percentile(values, 2.5))
    assert table.loc[1, "spearman_high"] == pytest.approx(np.percentile(values, 97.5))
    for name in METRICS:
        assert (table[f"{name}_low"] < table[name]).all()
        assert (table[name] < table[f"{name}_high"]).all()
    # All cell types are drawn together, so copies of one are as uncertain in the mean as alone.
    copies = pd.DataFrame({"a": true["x"], "b": true["x"]}), pd.DataFrame({"a": predicted["x"], "b": predicted["x"]})
    same = cell_type_metrics(*copies, bootstrap=50, seed=3)
    assert same.loc[2, "rmse_low"] == pytest.approx(same.loc[0, "rmse_low"])


def test_seeds() -> None:
    first, again, other = (cell_type_metrics(*frames(), bootstrap=20, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert (first["rmse"] == other["rmse"]).all()
    assert (first["rmse_low"] != other["rmse_low"]).any()


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    # Correlation 0.8 by construction; 95 % of 60 intervals is 57, and the chance of fewer than 49 is below 1 in 10,000.
    covered = 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        true = generator.normal(size=(150, 1))
        predicted = 0.8 * true + 0.6 * generator.normal(size=(150, 1))
        row = cell_type_metrics(pd.DataFrame(predicted), pd.DataFrame(true), bootstrap=100, seed=seed).iloc[0]
        covered += row["squared_pearson_low"] <= 0.64 <= row["squared_pearson_high"]
    assert covered >= 49


def test_per_gene() -> None:
    true = pd.DataFrame([[1, 2, 3], [4, 4, 4], [1, NAN, 2], [3, 1, 2]], ["a", "b", "c", "d"], list("xyz"), float)
    predicted = pd.DataFrame([[2, 4, 6], [1, 2, 3], [1, 2, 3], [1, 2, 3]], ["a", "b", "c", "d"], list("xyz"), float)
    table = gene_metrics(predicted, true).set_index("gene_id")
    assert table["n_cell_types"].tolist() == [3, 3, 2, 3]
    assert table["squared_pearson"].tolist() == pytest.approx([1, NAN, NAN, 0.25], nan_ok=True)
    assert table["spearman"].tolist() == pytest.approx([1, NAN, NAN, -0.5], nan_ok=True)
    assert table.loc["b", "rmse"] == pytest.approx(np.sqrt(14 / 3))
    assert table.loc["a", "rmse"] == pytest.approx(np.sqrt(14 / 3))
    assert table.loc["a", "one_minus_sse_sst"] == pytest.approx(1 - 14 / 2)


def test_frames_must_be_alike() -> None:
    predicted, true = frames()
    for table in (cell_type_metrics, gene_metrics):
        with pytest.raises(ValueError, match="same order"):
            table(predicted.iloc[::-1], true)
        with pytest.raises(ValueError, match="same order"):
            table(predicted[["y", "x", "z"]], true)
