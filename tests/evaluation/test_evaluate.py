from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from scipy.stats import pearsonr
from tiny import write_genome, write_gtf

import texcnn.evaluation.evaluate
from texcnn.cli.evaluate import evaluate
from texcnn.embedding.options import ComputeOptions
from texcnn.errors import InputError
from texcnn.evaluation.baselines import GC_CPG, KMER_RIDGE, MEAN, TF
from texcnn.evaluation.judge import residuals
from texcnn.evaluation.metrics import ALL_CELL_TYPES, cell_type_metrics, squared_pearson
from texcnn.evaluation.options import EvaluateOptions
from texcnn.evaluation.plots import cell_type_plot, scatter_plot
from texcnn.model.load import load_model

FILES = {
    "metrics.tsv",
    "per_gene.tsv",
    "within_genes.tsv",
    "residuals.tsv.gz",
    "missing.tsv",
    "scatter.png",
    "cell_types.png",
    "summary.md",
    "card.md",
}
N_GENES = 90


class Case:
    """Predictions, TPM and a split of 90 genes in three cell types; g0 to g59 train, g60 to g64 valid, others test."""

    def __init__(self, folder: Path) -> None:
        generator = np.random.default_rng(0)
        self.folder = folder
        self.genes = [f"g{row}" for row in range(N_GENES)]
        self.true = pd.DataFrame(generator.normal(1, 1, (N_GENES, 3)), self.genes, ["a", "b", "c"]).clip(lower=-0.99)
        self.predicted = self.true + generator.normal(0, 0.5, (N_GENES, 3))
        self.predictions = self.write("predictions.tsv", self.predicted)
        self.expression = self.write("tpm.tsv", 10**self.true - 0.1)
        parts = ["train"] * 60 + ["valid"] * 5 + ["test"] * 25
        self.split = self.write("split.tsv", pd.DataFrame({"split": parts}, self.genes))
        self.out = folder / "out"

    def write(self, name: str, frame: pd.DataFrame) -> Path:
        frame.rename_axis("gene_id").to_csv(self.folder / name, sep="\t", float_format="%.17g")
        return self.folder / name

    def run(self, *options: object, predictions: bool = True) -> Result:
        given = ["--predictions", self.predictions] if predictions else []
        arguments = [*given, "--expression", self.expression, "--out", self.out, "--bootstrap", 20, *options]
        return CliRunner().invoke(evaluate, [str(argument) for argument in arguments])

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.out / name, sep="\t")


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def fails(result: Result) -> str:
    assert isinstance(result.exception, InputError), result.output
    return str(result.exception)


def test_without_a_split_it_says_so_and_fits_nothing(case: Case) -> None:
    result = case.run()
    assert result.exit_code == 0, result.output
    assert "90 genes, squared Pearson 0." in result.stderr
    assert "nothing is known of which genes the model has seen" in result.stderr
    assert {path.name for path in case.out.iterdir()} == FILES
    metrics = case.table("metrics.tsv")
    assert metrics["model"].unique().tolist() == ["predictions.tsv"]
    assert metrics["cell_type"].tolist() == ["a", "b", "c", ALL_CELL_TYPES]
    expected = pearsonr(case.predicted["b"], case.true["b"]).statistic ** 2
    assert metrics.loc[1, "squared_pearson"] == pytest.approx(expected, rel=1e-8)
    summary = (case.out / "summary.md").read_text()
    assert "nothing is known of which of these genes the model has seen in training" in summary
    assert "- split: none" in summary
    assert "- genes evaluated: 90" in summary
    assert "## Baselines" not in summary
    assert len(case.table("missing.tsv")) == 0


def test_tables(case: Case) -> None:
    assert case.run().exit_code == 0
    genes = case.table("per_gene.tsv").set_index("gene_id")
    assert genes.loc["g7", "spearman"] == pytest.approx(
        case.predicted.loc["g7"].corr(case.true.loc["g7"], method="spearman")
    )
    within = case.table("within_genes.tsv").set_index("model")
    pearson = case.predicted.corrwith(case.true, axis=1)
    assert within["n_genes"].tolist() == [N_GENES]
    assert within["pearson"].iloc[0] == pytest.approx(pearson.mean(), rel=1e-6)
    long = case.table("residuals.tsv.gz")
    assert len(long) == N_GENES * 3
    row = long[(long["gene_id"] == "g7") & (long["cell_type"] == "c")].iloc[0]
    assert row["true"] == pytest.approx(case.true.loc["g7", "c"], rel=1e-8)
    assert row["residual"] == pytest.approx(case.true.loc["g7", "c"] - case.predicted.loc["g7", "c"], rel=1e-6)


def test_residuals_leave_out_unknown_pairs() -> None:
    true = pd.DataFrame({"a": [1.0, np.nan], "b": [3.0, 4.0]}, index=["g", "h"])
    predicted = pd.DataFrame({"a": [0.5, 1.0], "b": [np.nan, 6.0]}, index=["g", "h"])
    assert residuals(predicted, true).to_numpy().tolist() == [["g", "a", 0.5, 1.0, 0.5], ["h", "b", 6.0, 4.0, -2.0]]


def test_split_and_features(case: Case) -> None:
    features = case.write("tf.tsv", case.true[["a"]].rename(columns={"a": "TF1"}).drop(index=["g0", "g89"]))
    result = case.run("--split", case.split, "--features", features, "--cell-type", "a", "--cell-type", "c")
    assert result.exit_code == 0, result.output
    metrics = case.table("metrics.tsv")
    assert metrics["model"].unique().tolist() == ["predictions.tsv", MEAN, TF]
    assert (metrics["n_genes"] == 25).all()
    rows = metrics[metrics["cell_type"] == "a"].set_index("model")
    test = case.genes[65:]
    assert rows.loc["predictions.tsv", "squared_pearson"] == pytest.approx(
        squared_pearson(case.predicted.loc[test, "a"].to_numpy(), case.true.loc[test, "a"].to_numpy())
    )
    mean = case.true.loc[case.genes[:60], "a"].mean()
    assert rows.loc[MEAN, "rmse"] == pytest.approx(np.sqrt(((case.true.loc[test, "a"] - mean) ** 2).mean()))
    missing = case.table("missing.tsv")
    lacking = missing[missing["missing_in"] == f"inputs of the baseline {TF}"]
    assert lacking["name"].tolist() == ["g0", "g89"]
    summary = (case.out / "summary.md").read_text()
    assert "fitted on the 60 training genes" in summary
    assert "split.tsv; the genes evaluated are its test genes" in summary
    assert f"- not fitted: {GC_CPG} (needs a genome and its genes)" in summary
    assert f"- not fitted: {TF}" not in summary
    assert f"- 2 x gene missing in inputs of the baseline {TF}" in summary
    assert "nothing is known" not in summary + result.stderr


def test_test_labels_do_not_move_baselines(case: Case) -> None:
    features = case.write("tf.tsv", case.true[["a"]].rename(columns={"a": "TF1"}))
    options = ("--split", case.split, "--features", features, "--cell-type", "a", "--bootstrap", 0, "--overwrite")
    assert case.run(*options).exit_code == 0
    before = case.table("metrics.tsv").set_index("model")
    # Other labels of test genes: 10 times the TPM + 0.1 is 1 more in every logarithm, so only the offset is off.
    case.true.loc[case.genes[65:]] += 1
    case.expression = case.write("tpm.tsv", 10**case.true - 0.1)
    assert case.run(*options).exit_code == 0
    after = case.table("metrics.tsv").set_index("model")
    for model in (MEAN, TF):
        assert after.loc[model, "rmse"] != pytest.approx(before.loc[model, "rmse"])
    assert after.loc[TF, "squared_pearson"] == pytest.approx(before.loc[TF, "squared_pearson"])
    assert after.loc[TF, "spearman"] == pytest.approx(before.loc[TF, "spearman"])


def test_same_seed_same_files(case: Case) -> None:
    assert case.run("--split", case.split, "--seed", 4).exit_code == 0
    first = {path.name: path.read_bytes() for path in case.out.iterdir()}
    assert case.run("--split", case.split, "--seed", 4, "--overwrite").exit_code == 0
    assert {path.name: path.read_bytes() for path in case.out.iterdir()} == first
    assert case.run("--split", case.split, "--seed", 5, "--overwrite").exit_code == 0
    assert (case.out / "metrics.tsv").read_bytes() != first["metrics.tsv"]


def test_missing_genes_are_listed(case: Case) -> None:
    case.predictions = case.write("predictions.tsv", case.predicted.drop(index=["g70", "g2"]).rename({"g71": "new"}))
    Path(f"{case.predictions}.skipped.tsv").write_text("gene_id\treason\ng70\tthe window is N\n")
    assert case.run("--split", case.split).exit_code == 0
    missing = case.table("missing.tsv").set_index("name")
    assert missing["missing_in"].to_dict() == {
        "g70": "predictions",
        "g71": "predictions",
        "new": "expression",
    }
    assert missing.loc["g70", "reason"] == "the window is N"
    assert (case.table("metrics.tsv")["n_genes"] == 23).all()


def test_a_model_and_baselines_from_the_genome(case: Case, tiny: Path) -> None:
    places = [(f"g{row}", "chr2", 20 + row, 79, "+") for row in range(40)]
    fasta = write_genome(case.folder)
    gtf = write_gtf(case.folder / "genes.gtf", [*places, ("all_n", "chr1", 180, 190, "+")])
    true = case.true.iloc[:42, :2].set_axis(["gc", "a"], axis=1)
    true.index = [*true.index[:41], "all_n"]
    case.expression = case.write("tpm.tsv", 10**true - 0.1)
    parts = ["train"] * 20 + ["test"] * 22
    case.split = case.write("split.tsv", pd.DataFrame({"split": parts}, true.index))
    options = ("--model", tiny, "--fasta", fasta, "--gtf", gtf, "--split", case.split, "--quiet", "--device", "cpu")
    result = case.run(*options, predictions=False)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    metrics = case.table("metrics.tsv")
    assert metrics["model"].unique().tolist() == ["tiny", MEAN, GC_CPG, KMER_RIDGE]
    assert (metrics["n_genes"] == 20).all()
    reasons = case.table("missing.tsv").set_index(["name", "missing_in"])["reason"]
    assert "N" in reasons["all_n", "predictions"]
    assert reasons["g40", "predictions"].startswith("no gene of this id")
    assert "by tiny from genome.fa" in (case.out / "summary.md").read_text()
    assert sorted(path.name for path in case.folder.iterdir() if path.name.startswith(".")) == []


def test_refused_options(case: Case) -> None:
    assert "either predictions or a model" in fails(case.run(predictions=False))
    assert "either predictions or a model" in fails(case.run("--model", "m"))
    assert "go together" in fails(case.run("--fasta", "g.fa"))
    assert "go together" in fails(case.run("--model", "m", predictions=False))
    assert "need `split`" in fails(case.run("--features", "f.tsv"))
    case.out.mkdir()
    assert "already exists" in fails(case.run())
    assert "something else than what would replace it" in fails(case.run("--overwrite"))


def test_a_mistyped_cell_type_is_found_before_anything_is_read(case: Case, tiny: Path) -> None:
    given = ("--model", tiny, "--fasta", "no.fa", "--gtf", "no.gtf", "--cell-type", "gcc")
    assert "unknown cell type 'gcc' – in `cell_types` – allowed: gc, a" in fails(case.run(*given, predictions=False))
    assert "unknown column 'd' – in" in fails(case.run("--cell-type", "d"))


def test_the_verb_takes_objects_and_returns_the_figures(case: Case, tiny: Path) -> None:
    done = texcnn.evaluation.evaluate.evaluate(
        str(case.expression), case.out, str(case.predictions), split=str(case.split), cell_types="a", bootstrap=0
    )
    assert done.folder == case.out
    table = done.judgement.metrics
    assert table["model"].tolist() == ["predictions.tsv", MEAN]
    assert table["n_genes"].tolist() == [25, 25]
    pd.testing.assert_frame_equal(case.table("metrics.tsv"), table, check_dtype=False, rtol=1e-8)
    fasta, model = write_genome(case.folder), load_model(tiny)
    gtf = write_gtf(case.folder / "genes.gtf", [(f"g{row}", "chr2", 20 + row, 79, "+") for row in range(40)])
    case.expression = case.write("two.tsv", 10 ** case.true[["a", "b"]].set_axis(["gc", "a"], axis=1) - 0.1)
    options = EvaluateOptions(gtf=gtf, cell_types="a", bootstrap=0, compute=ComputeOptions(device="cpu"))  # type: ignore[arg-type]
    again = texcnn.evaluation.evaluate.evaluate(
        case.expression, case.out, model=model, fasta=fasta, options=options, overwrite=True
    )
    predicted = model.predict(fasta, gtf=gtf, cell_types=["a"], device="cpu").set_index("gene_id")["a"]
    assert again.judgement.predicted["a"].tolist() == pytest.approx(predicted.tolist(), abs=0)
    with pytest.raises(InputError, match=r"unknown option 'bootstraps'.*did you mean 'bootstrap'"):
        texcnn.evaluation.evaluate.evaluate(case.expression, case.out, case.predictions, bootstraps=3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bootstrap": -1}, "in `bootstrap` – allowed: a whole number from 0"),
        ({"transform": "log2"}, r"unknown unit transform 'log2' – in `transform` – allowed: log10p0.1, none"),
        ({"map_chrom_names": "no"}, "'no' is not yes or no"),
    ],
)
def test_options_check_themselves(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        EvaluateOptions(**changes)  # type: ignore[arg-type]


def test_the_card_says_how_good_the_model_is(case: Case) -> None:
    assert case.run("--split", case.split, "--bootstrap", 50).exit_code == 0
    card = (case.out / "card.md").read_text()
    metrics = case.table("metrics.tsv").set_index(["model", "cell_type"])
    mean = metrics.loc[("predictions.tsv", ALL_CELL_TYPES)]
    assert card.startswith(
        "## How good it is\n\n25 genes, the test genes of split.tsv; measured: tpm.tsv; figures are "
    )
    assert "the mean over 3 cell types, with 95 % intervals from 50 draws of genes." in card
    cells = [f"{mean[name]:.3f} ({mean[f'{name}_low']:.3f} to {mean[f'{name}_high']:.3f})"
             for name in ("squared_pearson", "one_minus_sse_sst")]  # fmt: skip
    assert f"| predictions.tsv | 25 | {cells[0]} | {cells[1]} |\n" in card
    assert f"| {MEAN} | 25 | undefined | " in card
    single = metrics.loc["predictions.tsv"].drop(ALL_CELL_TYPES)["squared_pearson"]
    low, high = single.idxmin(), single.idxmax()
    assert f"single cell types: from {single[low]:.3f} ({low}) to {single[high]:.3f} ({high})." in card
    assert case.run("--cell-type", "b", "--bootstrap", 0, "--overwrite").exit_code == 0
    alone = (case.out / "card.md").read_text()
    assert "90 genes without a split; measured: tpm.tsv; figures are the cell type b.\n" in alone
    assert "No split was given" in alone
    assert "single cell types" not in alone


def test_logged_labels_are_refused_with_the_way_out(case: Case) -> None:
    case.expression = case.write("log.tsv", case.true)
    assert "choose the transform 'none'" in fails(case.run())
    assert not case.out.exists()
    assert case.run("--unit-transform", "none").exit_code == 0
    assert "transform none" in (case.out / "summary.md").read_text()


def test_pictures(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    true = pd.DataFrame(generator.normal(size=(20, 70)), columns=[f"c{column}" for column in range(70)])
    true.iloc[0] = np.nan
    predicted = true + generator.normal(size=true.shape)
    table = cell_type_metrics(predicted, true)
    scatter_plot(tmp_path / "s.png", predicted, true, "log10(TPM + 0.1)")
    cell_type_plot(tmp_path / "c.png", table, {"x": table, "none": table.assign(squared_pearson=np.nan)})
    for name in ("s.png", "c.png"):
        pixels = matplotlib.image.imread(tmp_path / name)
        blue = (pixels[..., 2] > pixels[..., 0] + 0.2).mean()
        assert blue > 0.0005  # points and edges of bars; an empty picture has none
    # 60 of 70 cell types: as high as 60 rows need.
    assert matplotlib.image.imread(tmp_path / "c.png").shape[0] == pytest.approx(150 * (1.6 + 0.2 * 60), abs=2)


@pytest.mark.data
def test_published_xpresso_predictions(data: Path, case: Case) -> None:
    genes = pd.read_csv(data / "human" / "xpresso_tss_20kb.bed", sep="\t", header=None)[3]
    published = pd.read_csv(data / "xpresso" / "kipoi_predictions.tsv", sep="\t")["preds/expression_pred"]
    case.predictions = case.write("xpresso.tsv", pd.DataFrame({"xpresso": published.to_numpy()}, genes))
    labels = pd.read_csv(data / "human" / "xpresso_labels_split.tsv", sep="\t", index_col="gene_id")
    case.expression = case.write("labels.tsv", labels[["label_z"]])
    split = data / "human" / "xpresso_labels_split.tsv"
    assert case.run("--split", split, "--unit-transform", "none").exit_code == 0
    row = case.table("metrics.tsv").iloc[0]
    assert row["n_genes"] == 1000
    # Published for the promoter-only model on its own test genes: 0.53.
    assert row["squared_pearson"] == pytest.approx(0.531, abs=0.001)
    assert row["squared_pearson_low"] < 0.531 < row["squared_pearson_high"]
    missing = case.table("missing.tsv")
    assert (missing["missing_in"] == "expression").sum() == 36 == len(missing)


@pytest.mark.data
def test_published_xpresso_predictions_on_the_slice(data: Path) -> None:
    from texcnn.genome.load import load_genes
    from texcnn.genome.reference import Reference
    from texcnn.genome.select import GeneSelection
    from texcnn.genome.windows import WindowSpec, read_windows

    bed = data / "human" / "xpresso_tss_20kb.bed"
    labels = pd.read_csv(data / "human" / "xpresso_labels_split.tsv", sep="\t", index_col="gene_id")["label_log10"]
    published = pd.read_csv(data / "xpresso" / "kipoi_predictions.tsv", sep="\t")["preds/expression_pred"]
    published.index = pd.Index(pd.read_csv(bed, sep="\t", header=None)[3])
    with Reference(data / "human" / "hg38_slice.fa.gz") as reference:
        genes = load_genes(reference, WindowSpec(), GeneSelection(bed=bed, bed_anchor="center")).genes
        windows = read_windows(reference, genes, WindowSpec())
        known = [window.gene.id for window in windows if window.sequence.count("N") <= 4000]
    known = [gene_id for gene_id in known if gene_id in labels.index]
    assert len(known) == 657
    assert squared_pearson(published[known].to_numpy(), labels[known].to_numpy()) == pytest.approx(0.5766, abs=1e-3)
