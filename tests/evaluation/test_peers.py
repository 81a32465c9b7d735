from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from texcnn.cli.evaluate import evaluate
from texcnn.errors import InputError
from texcnn.evaluation.join import PredictionTable
from texcnn.evaluation.metrics import METRICS, cell_type_metrics
from texcnn.evaluation.peers import Peer, compare, read_peers
from texcnn.tables.expression import read_expression

E1, E2, E3, E4, E5 = (f"ENSG{number:011d}" for number in range(1, 6))
NAN = np.nan

TRUE = pd.DataFrame({"a": [2.0, 1, 4, 5, 0], "b": [1.0, 2, 3, NAN, 9]}, index=[E1, E2, E3, E4, E5])
PREDICTED = pd.DataFrame({"a": [1.0, 2, 3, 5, 9], "b": [3.0, 1, 2, 0, NAN]}, index=TRUE.index)


def peer(values: dict[str, float], scale: tuple[float, float] | None = None, **skipped: str) -> Peer:
    frame = pd.DataFrame({"value": values}).rename_axis("gene_id")
    return Peer("p", PredictionTable(frame, "p.tsv", "unknown unit", skipped), scale)


def test_model_and_peer_are_judged_on_the_genes_of_both() -> None:
    # The peer lacks E5, where the model is worst: its figures without that gene are worked out in test_metrics.
    found = compare(peer({f"{E3}.2": 8, E1: 4, E2: 2, f"{E4}.7": 10, "other": 1}), PREDICTED, TRUE)
    assert found.peer["n_genes"].tolist() == found.model["n_genes"].tolist() == [4, 3, 4]
    model = found.model.set_index("cell_type").loc["a"]
    assert model["squared_pearson"] == pytest.approx(64 / 87.5)
    assert model["one_minus_sse_sst"] == pytest.approx(1 - 3 / 10)
    # Twice the truth of cell type a; in b, on three genes, 4 2 8 against 1 2 3: 4^2 / (56/3 * 2).
    figures = found.peer.set_index("cell_type")
    assert figures.loc["a", ["squared_pearson", "spearman"]].tolist() == pytest.approx([1, 1])
    assert figures.loc["b", "squared_pearson"] == pytest.approx(16 / (56 / 3 * 2))
    assert figures[["one_minus_sse_sst", "rmse"]].isna().all(axis=None)
    assert found.missing.to_numpy().tolist() == [["gene", E5, "peer p", "no row in the peer's table"]]


def test_scale_brings_a_peer_to_the_measured_unit() -> None:
    values = {E1: 4.0, E2: 2.0, E3: 8.0, E4: 10.0}
    given = compare(peer(values, (0.5, 1)), PREDICTED, TRUE).peer.set_index("cell_type").loc["a"]
    # 0.5 x value + 1 is the truth + 1 in every gene.
    assert given["rmse"] == pytest.approx(1)
    assert given["one_minus_sse_sst"] == pytest.approx(1 - 4 / 10)
    assert given["squared_pearson"] == pytest.approx(1)
    as_it_is = compare(peer(values, (1, 0)), PREDICTED, TRUE).peer.set_index("cell_type").loc["a"]
    assert as_it_is["rmse"] == pytest.approx(np.sqrt((4 + 1 + 16 + 25) / 4))


def test_genes_without_a_value_say_why() -> None:
    found = compare(peer({E1: 1, E2: NAN, E3: 2, E4: 1}, **{E5: "the window is N"}), PREDICTED, TRUE)
    assert found.missing.set_index("name")["reason"].to_dict() == {
        E2: "no value in the peer's table",
        E5: "the window is N",
    }
    assert found.peer.loc[0, "n_genes"] == 3


def test_intervals_are_of_the_same_draws() -> None:
    generator = np.random.default_rng(0)
    true = pd.DataFrame({"a": generator.normal(size=50)}, [f"g{row}" for row in range(50)])
    predicted = true + generator.normal(size=true.shape)
    has = predicted.index[:40]
    found = compare(peer(predicted.loc[has, "a"].to_dict(), (1, 0)), predicted, true, bootstrap=30, seed=3)
    pd.testing.assert_frame_equal(found.peer, found.model)
    expected = cell_type_metrics(predicted.loc[has], true.loc[has], bootstrap=30, seed=3)
    pd.testing.assert_frame_equal(found.model, expected)
    assert (found.model["squared_pearson_low"] < found.model["squared_pearson_high"]).all()
    unscaled = compare(peer(predicted["a"].to_dict()), predicted, true, bootstrap=30).peer
    assert unscaled[["one_minus_sse_sst_low", "rmse_high"]].isna().all(axis=None)
    assert unscaled[["squared_pearson_low", "spearman_high"]].notna().all(axis=None)


def test_a_peer_of_other_genes_is_refused() -> None:
    with pytest.raises(InputError, match=rf"'p' has none of the 5 genes .*'{E1}'.*such as 'ENSMUSG1'"):
        compare(peer({"ENSMUSG1": 1}), PREDICTED, TRUE)


def test_reading(tmp_path: Path) -> None:
    one, several = tmp_path / "one.tsv.gz", tmp_path / "several.tsv"
    pd.DataFrame({"gene_id": [f"{E1}.4", "g"], "gene_name": ["A", "B"], "z": [1.5, NAN]}).to_csv(one, sep="\t")
    # An index without a name makes a column without one; a peer's table is taken as it was published.
    several.write_text("symbol\tgene_id\tx\tCL:0001\nA\tg\t1\t2\nB\th\tNA\t4\n")
    with pytest.raises(InputError, match="a cell type has no name"):
        read_peers([f"first={one}"])
    first, second = read_peers([f"first = {one}:z", f"second={one}:z"])
    assert (first.name, first.scale, second.name) == ("first", None, "second")
    assert first.values.to_dict() == {f"{E1}.4": 1.5, "g": pytest.approx(NAN, nan_ok=True)}
    (chosen,) = read_peers([f"x={several}:CL:0001"], ["x=2,-1"])
    assert chosen.values.to_dict() == {"g": 3, "h": 7}
    with pytest.raises(InputError, match="2 columns of values"):
        read_peers([f"x={several}"])
    with pytest.raises(InputError, match=r"unknown column 'y' .*symbol, x, CL:0001"):
        read_peers([f"x={several}:y"])
    several.write_text("gene_id\tx\ty\ng\t1\t2\n")
    with pytest.raises(InputError, match=r"2 columns of values .*one value per gene .*several.tsv:x"):
        read_peers([f"x={several}"])
    several.write_text(f"gene_id\tx\n{E1}.1\t1\n{E1}.2\t2\n")
    with pytest.raises(InputError, match=f"'{E1}' is there twice, under two versions"):
        read_peers([f"x={several}"])
    with pytest.raises(InputError, match="does not exist"):
        read_peers(["x=none.tsv"])


@pytest.mark.parametrize(
    ("tables", "scales", "message"),
    [
        (["t.tsv"], [], r"unusable value 't.tsv' .*`peers` .*NAME=TABLE"),
        (["=t.tsv"], [], "unusable value '=t.tsv'"),
        (["x=t", "x=u"], [], "the peer 'x' is given twice"),
        (["x=t"], ["y=1,0"], r"unknown peer 'y' .*`peer_scales` .*x"),
        (["x=t"], ["x=1"], r"unusable scale '1' .*SLOPE,OFFSET"),
        (["x=t"], ["x=0,1"], "unusable scale '0,1'"),
        (["x=t"], ["x=nan,1"], "unusable scale 'nan,1'"),
        (["x=t"], ["x=1;0"], "unusable scale '1;0'"),
    ],
)
def test_arguments(tables: list[str], scales: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_peers(tables, scales)


def run(folder: Path, *options: object) -> Result:
    out = folder / "out"
    arguments = ["--unit-transform", "none", "--bootstrap", "20", "--overwrite", "--out", out, *options]
    return CliRunner().invoke(evaluate, [str(argument) for argument in arguments])


def write(path: Path, frame: pd.DataFrame) -> Path:
    frame.rename_axis("gene_id").to_csv(path, sep="\t", float_format="%.17g")
    return path


def test_command(tmp_path: Path) -> None:
    predictions, measured = write(tmp_path / "p.tsv", PREDICTED), write(tmp_path / "m.tsv", TRUE)
    given = ["--predictions", predictions, "--expression", measured]
    theirs = write(tmp_path / "theirs.tsv", pd.DataFrame({"z": [4.0, 2, 8, 10]}, index=[E1, E2, E3, f"{E4}.9"]))
    result = run(tmp_path, *given, "--peer", f"A={theirs}", "--peer", f"B={theirs}:z", "--peer-scale", "B=0.5,1")
    assert result.exit_code == 0, result.output
    metrics = pd.read_csv(tmp_path / "out" / "metrics.tsv", sep="\t")
    assert metrics["model"].unique().tolist() == [
        "p.tsv",
        "A",
        "p.tsv on the genes of A",
        "B",
        "p.tsv on the genes of B",
    ]
    rows = metrics[metrics["cell_type"] == "a"].set_index("model")
    assert rows["n_genes"].tolist() == [5, 4, 4, 4, 4]
    assert rows.loc["p.tsv on the genes of A", "squared_pearson"] == pytest.approx(64 / 87.5)
    assert rows.loc["A", list(METRICS)].tolist() == pytest.approx([1, NAN, 1, NAN], nan_ok=True)
    assert rows.loc["B", list(METRICS)].tolist() == pytest.approx([1, 0.6, 1, 1])
    missing = pd.read_csv(tmp_path / "out" / "missing.tsv", sep="\t")
    assert missing[["name", "missing_in"]].to_numpy().tolist() == [[E5, "peer A"], [E5, "peer B"]]
    summary = (tmp_path / "out" / "summary.md").read_text()
    assert "- A: in an unknown unit, so 1 - SSE/SST and RMSE are undefined" in summary
    assert "- B: 0.5 x its value + 1 is taken as its value in the measured unit" in summary
    assert "compared with every cell type" in summary
    assert "- 1 x gene missing in peer A" in summary
    assert "## Baselines" not in summary
    taken = run(tmp_path, *given, "--peer", f"p.tsv={theirs}")
    assert isinstance(taken.exception, InputError)
    assert "'p.tsv' is shown already" in str(taken.exception)


@pytest.mark.data
def test_published_xpresso_as_a_peer(data: Path, tmp_path: Path) -> None:
    # The published table has no ids: its row i is row i of the BED.
    genes = pd.read_csv(data / "human" / "xpresso_tss_20kb.bed", sep="\t", header=None)[3]
    published = pd.read_csv(data / "xpresso" / "kipoi_predictions.tsv", sep="\t")["preds/expression_pred"]
    theirs = write(tmp_path / "xpresso.tsv.gz", pd.DataFrame({"z": published.to_numpy()}, index=genes))
    labels_path = data / "human" / "xpresso_labels_split.tsv"
    labels = pd.read_csv(labels_path, sep="\t", index_col="gene_id")
    measured = write(tmp_path / "labels.tsv", labels[["label_log10"]])
    # In place of a model: the measured values of one cell type, which the median of all resembles.
    roadmap = data / "human" / "expression_roadmap57_rpkm.tsv.gz"
    reference = np.log10(read_expression(roadmap, only="E000") + 0.1)
    given = ["--predictions", write(tmp_path / "e000.tsv", reference), "--expression", measured]
    # The published z-scores' scale, from two training genes.
    train = labels[labels["split"] == "train"].sort_values("label_z")
    low, high = train.iloc[0], train.iloc[-1]
    slope = (high["label_log10"] - low["label_log10"]) / (high["label_z"] - low["label_z"])
    scale = f"Xpresso={slope},{low['label_log10'] - slope * low['label_z']}"
    result = run(tmp_path, *given, "--split", labels_path, "--peer", f"Xpresso={theirs}", "--peer-scale", scale)
    assert result.exit_code == 0, result.output
    rows = pd.read_csv(tmp_path / "out" / "metrics.tsv", sep="\t").set_index("model")
    both = labels.index[(labels["split"] == "test") & labels.index.isin(reference.index)]
    assert rows.loc["Xpresso", "n_genes"] == rows.loc["e000.tsv on the genes of Xpresso", "n_genes"] == len(both)
    values, z = pd.Series(published.to_numpy(), genes)[both], labels.loc[both, "label_z"]
    assert rows.loc["Xpresso", "squared_pearson"] == pytest.approx(values.corr(z) ** 2, rel=1e-6)
    # 1 - SSE/SST in log10 is that of the z-scores: the map is linear.
    expected = 1 - ((z - values) ** 2).sum() / ((z - z.mean()) ** 2).sum()
    assert rows.loc["Xpresso", "one_minus_sse_sst"] == pytest.approx(expected, abs=1e-5)
    assert rows.loc["Xpresso", "squared_pearson"] == pytest.approx(0.53, abs=0.01)
