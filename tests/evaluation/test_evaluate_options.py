"""``texcnn evaluate``: each option changes what it says, on tables whose figures are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny import save_tiny, write_genome, write_gtf

from texcnn.cli.main import main
from texcnn.evaluation import folder
from texcnn.evaluation.baselines import MEAN
from texcnn.features.spec import FeatureSpec

N_GENES = 120
Metrics = Callable[..., pd.DataFrame]


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take a second each; other tests look at them."""
    for name in ("scatter_plot", "cell_type_plot"):
        monkeypatch.setattr(folder, name, lambda *arguments: None)


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as leaving:
        main([str(argument) for argument in arguments])
    return int(leaving.value.code or 0)


def write(path: Path, frame: pd.DataFrame, index: str = "gene_id") -> Path:
    frame.rename_axis(index).to_csv(path, sep="\t", float_format="%.17g")
    return path


@pytest.fixture
def true() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    genes = [f"g{row}" for row in range(N_GENES)]
    return pd.DataFrame(rng.normal(1, 1, (N_GENES, 2)), genes, ["a", "b"]).clip(lower=-0.9)


@pytest.fixture
def predicted(true: pd.DataFrame) -> pd.DataFrame:
    return true + np.random.default_rng(1).normal(0, 0.5, true.shape)


@pytest.fixture
def metrics(tmp_path: Path, true: pd.DataFrame, predicted: pd.DataFrame) -> Metrics:
    """Runs the command without resamples; gives ``metrics.tsv`` by model and cell type."""
    given = {
        "predictions": write(tmp_path / "p.tsv", predicted),
        "expression": write(tmp_path / "tpm.tsv", 10**true - 0.1),
    }

    def build(*options: object, bootstrap: int = 0, **changes: Path | None) -> pd.DataFrame:
        named = {**given, **changes}
        files = [part for name, path in named.items() if path is not None for part in (f"--{name}", path)]
        out = tmp_path / "out"
        assert run("evaluate", *files, "--out", out, "--overwrite", "--bootstrap", bootstrap, *options) == 0
        return pd.read_csv(out / "metrics.tsv", sep="\t").set_index(["model", "cell_type"])

    return build


def squared(predicted: pd.Series, true: pd.Series) -> float:
    return float(np.corrcoef(predicted, true)[0, 1] ** 2)


def split(where: Path) -> Path:
    parts = ["train"] * 80 + ["valid"] * 8 + ["test"] * 32
    return write(where / "split.tsv", pd.DataFrame({"split": parts}, [f"g{row}" for row in range(N_GENES)]))


def test_figures_are_those_of_numpy(metrics: Metrics, true: pd.DataFrame, predicted: pd.DataFrame) -> None:
    found = metrics()
    for name in "ab":
        row = found.loc[("p.tsv", name)]
        assert row["squared_pearson"] == pytest.approx(squared(predicted[name], true[name]))
        assert row["rmse"] == pytest.approx(np.sqrt(((predicted[name] - true[name]) ** 2).mean()))
        assert (row["n_genes"], np.isnan(row["rmse_low"])) == (N_GENES, True)
    mean = found.loc[("p.tsv", "mean over cell types")]
    assert mean["squared_pearson"] == pytest.approx(found.loc["p.tsv"]["squared_pearson"][:2].mean())


def test_measured_values_as_they_are(metrics: Metrics, tmp_path: Path, true: pd.DataFrame) -> None:
    logged = write(tmp_path / "logged.tsv", true)
    usual = metrics()
    pd.testing.assert_frame_equal(metrics("--unit-transform", "none", expression=logged), usual)
    pd.testing.assert_frame_equal(metrics("--transform", "none", expression=logged), usual)


def test_the_column_of_genes_by_its_name(metrics: Metrics, tmp_path: Path, true: pd.DataFrame) -> None:
    other = write(tmp_path / "other.tsv", 10**true - 0.1, index="locus")
    pd.testing.assert_frame_equal(metrics("--gene-column", "locus", expression=other), metrics())


def test_one_cell_type(metrics: Metrics) -> None:
    found = metrics("--cell-type", "b")
    assert found.index.tolist() == [("p.tsv", "b")]
    pd.testing.assert_series_equal(found.iloc[0], metrics().loc[("p.tsv", "b")])


def test_test_genes_of_a_split_and_the_mean_of_its_training_genes(
    metrics: Metrics, tmp_path: Path, true: pd.DataFrame, predicted: pd.DataFrame
) -> None:
    found = metrics("--split", split(tmp_path))
    assert set(found["n_genes"]) == {32}
    assert found.loc[("p.tsv", "a"), "squared_pearson"] == pytest.approx(squared(predicted["a"][88:], true["a"][88:]))
    errors = true["a"][88:] - true["a"][:80].mean()
    assert found.loc[(MEAN, "a"), "rmse"] == pytest.approx(np.sqrt((errors**2).mean()))


def test_features_make_a_baseline(metrics: Metrics, tmp_path: Path, true: pd.DataFrame) -> None:
    features = write(tmp_path / "f.tsv", pd.DataFrame({"TF1": true["a"], "cds_gc": true["b"] / 9}))
    found = metrics("--split", split(tmp_path), "--features", features)
    models = found.index.get_level_values("model").unique().tolist()
    assert models[:2] == ["p.tsv", MEAN]
    assert set(models[2:]) == {"half-life only", "TF only"}
    figures = found["squared_pearson"]
    for model, informative, other in (("TF only", "a", "b"), ("half-life only", "b", "a")):
        assert figures[model, informative] > 0.8, "the feature is the answer"
        assert figures[model, other] < 0.3


def test_peers_and_their_units(metrics: Metrics, tmp_path: Path, true: pd.DataFrame) -> None:
    table = write(tmp_path / "peer.tsv", pd.DataFrame({"x": 2 * true["a"] + 3, "y": 0.0}))
    found = metrics("--peer", f"P={table}:x", "--peer-scale", "P=0.5,-1.5", "--peer", f"Q={table}:x")
    assert found.loc[("P", "a"), "one_minus_sse_sst"] == pytest.approx(1)
    assert found.loc[("Q", "a"), "squared_pearson"] == pytest.approx(1)
    assert np.isnan(found.loc[("Q", "a"), "rmse"])


def test_draws_and_their_seed(metrics: Metrics) -> None:
    none, first, again, other = metrics(), *(metrics("--seed", seed, bootstrap=50) for seed in (1, 1, 2))
    point = ["squared_pearson", "rmse", "spearman"]
    pd.testing.assert_frame_equal(first[point], none[point])
    pd.testing.assert_frame_equal(first, again)
    assert not first["rmse_low"].equals(other["rmse_low"])
    assert (first["rmse_low"] < first["rmse"]).all()
    assert (first["rmse"] < first["rmse_high"]).all()


class TestModel:
    """A model in place of a table: its test genes are predicted from the genome."""

    @pytest.fixture
    def files(self, tmp_path: Path, composition: object) -> dict[str, Path]:
        genes = [(f"g{row}", "chr1", 41 + 2 * row, 60 + 2 * row, "+") for row in range(10)]
        measured = pd.DataFrame({"gc": np.linspace(0, 9, 10), "a": np.linspace(9, 0, 10)}, [gene[0] for gene in genes])
        return {
            "predictions": None,  # type: ignore[dict-item]
            "model": save_tiny(tmp_path / "m"),
            "fasta": write_genome(tmp_path),
            "gtf": write_gtf(tmp_path / "genes.gtf", genes),
            "expression": write(tmp_path / "e.tsv", measured),
        }

    def test_it_predicts_what_is_measured(self, metrics: Metrics, files: dict[str, Path]) -> None:
        found = metrics("--unit-transform", "none", **files)
        assert set(found.index.get_level_values("model")) == {"tiny"}
        assert found.loc[("tiny", "gc"), "n_genes"] == 10
        small = metrics("--unit-transform", "none", "--batch-size", 1, "--dtype", "float32", "--device", "cpu", **files)
        pd.testing.assert_frame_equal(small, found)

    def test_names_of_chromosomes_are_mapped(self, metrics: Metrics, files: dict[str, Path], tmp_path: Path) -> None:
        expected = metrics("--unit-transform", "none", **files)
        gtf = tmp_path / "ensembl.gtf"
        gtf.write_text(files["gtf"].read_text().replace("chr1\t", "1\t"))
        pd.testing.assert_frame_equal(
            metrics("--unit-transform", "none", "--map-chrom-names", **{**files, "gtf": gtf}), expected
        )

    def test_its_features_come_from_the_table(self, metrics: Metrics, files: dict[str, Path], tmp_path: Path) -> None:
        model = save_tiny(tmp_path / "takes", features=[FeatureSpec("f")])
        genes = pd.read_csv(files["expression"], sep="\t")["gene_id"]
        table = write(tmp_path / "f.tsv", pd.DataFrame({"f": np.linspace(0, 90, 10)}, genes))
        parts = write(tmp_path / "s.tsv", pd.DataFrame({"split": ["train"] * 5 + ["test"] * 5}, genes))
        given = {**files, "model": model, "features": table}
        found = metrics("--unit-transform", "none", **given)
        # What the feature adds grows with the measured values, and outweighs the rest.
        assert found.loc[("tiny", "gc"), "squared_pearson"] > 0.99
        assert parts.is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--bootstrap", -1], "-1 is not in the range x>=0"),
        (["--unit-transform", "log2"], "'log2' is not one of 'log10p0.1', 'none'"),
        (["--cell-type", "c"], "unknown column 'c'"),
        (["--gene-column", "locus"], "no column 'locus' among gene_id, a, b"),
        (["--peer", "P"], "unusable value 'P' – in --peer – allowed: NAME=TABLE or NAME=TABLE:COLUMN"),
        (["--peer-scale", "P=1,0"], "unknown peer 'P' – in --peer-scale"),
        (["--model", "texcnn-mini"], "give either predictions or a model – in --predictions and --model"),
        (["--fasta", "g.fa"], "a genome and its genes go together – in --fasta and --gtf"),
        (["--features", "f.tsv"], "--fasta, --gtf and --features are for baselines, which need --split"),
        (["--compile"], "no model that could be compiled – in --compile"),
    ],
)
def test_refusals_name_the_flag(
    tmp_path: Path, true: pd.DataFrame, capsys: pytest.CaptureFixture[str], options: list[object], message: str
) -> None:
    tables = ["--predictions", write(tmp_path / "p.tsv", true), "--expression", write(tmp_path / "e.tsv", true + 2)]
    assert run("evaluate", *tables, "--out", tmp_path / "out", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_evaluation_is_replaced_when_asked_and_nothing_else_ever(
    tmp_path: Path, metrics: Metrics, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics()
    tables = ["--predictions", tmp_path / "p.tsv", "--expression", tmp_path / "tpm.tsv", "--out", tmp_path / "out"]
    assert run("evaluate", *tables) == 2
    assert "already exists – in --out – choose another name, or set --overwrite" in capsys.readouterr().err
    (tmp_path / "out" / "within_genes.tsv").unlink()  # a trained model has a metrics.tsv too
    assert run("evaluate", *tables, "--overwrite") == 2
    assert "a folder with within_genes.tsv" in capsys.readouterr().err


def test_what_was_done_is_reported_unless_quiet(
    tmp_path: Path, true: pd.DataFrame, predicted: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = ["--predictions", write(tmp_path / "p.tsv", predicted), "--expression", write(tmp_path / "e.tsv", true)]
    given = ["evaluate", *tables, "--unit-transform", "none", "--bootstrap", 0]
    assert run(*given, "--out", tmp_path / "one") == 0
    assert f"{N_GENES} genes, squared Pearson 0." in (output := capsys.readouterr().err)
    assert "no split: nothing is known of which genes the model has seen" in output
    assert run(*given, "--split", split(tmp_path), "--out", tmp_path / "two") == 0
    assert "no split" not in capsys.readouterr().err
    assert run(*given, "--out", tmp_path / "three", "--quiet") == 0
    assert capsys.readouterr().err == ""
