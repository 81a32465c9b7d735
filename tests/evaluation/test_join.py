import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from texcnn.errors import InputError
from texcnn.evaluation.join import PredictionTable, join, read_prediction_table, read_split
from texcnn.genome.gene import Gene
from texcnn.genome.skipped import Skipped, write_skipped
from texcnn.tables.columns import TableDescription, prediction_frame
from texcnn.tables.writers import open_tables

E1, E2, E3 = "ENSG00000000001", "ENSG00000000002", "ENSG00000000003"


def frame(genes: dict[str, list[float]], cell_types: list[str]) -> pd.DataFrame:
    return pd.DataFrame.from_dict(genes, "index", float, cell_types).rename_axis("gene_id")


def predictions(genes: dict[str, list[float]], cell_types: list[str], **skipped: str) -> PredictionTable:
    return PredictionTable(frame(genes, cell_types), "m", "u", skipped)


def listed(table: pd.DataFrame) -> set[tuple[str, str, str]]:
    return {(kind, name, side) for kind, name, side, _ in table.itertuples(index=False)}


def test_genes_and_cell_types_in_both() -> None:
    predicted = predictions({f"{E2}.7": [3, 4, 5], E1: [0, 1, 2], "p": [9, 9, 9]}, ["a", "b", "only p"], e="all N")
    measured = frame({"e": [0, 0, 0], E1: [10, 20, 30], E2: [40, np.nan, 60]}, ["only e", "b", "a"])
    joined = join(predicted, measured)
    pd.testing.assert_frame_equal(joined.predicted, frame({E1: [0, 1], E2: [3, 4]}, ["a", "b"]))
    pd.testing.assert_frame_equal(joined.true, frame({E1: [30, 20], E2: [60, np.nan]}, ["a", "b"]))
    assert listed(joined.missing) == {
        ("cell type", "only p", "expression"),
        ("cell type", "only e", "predictions"),
        ("gene", "p", "expression"),
        ("gene", "e", "predictions"),
    }
    assert joined.missing.set_index("name").loc["e", "reason"] == "all N"


def test_split_keeps_test_genes_and_lists_the_unknown() -> None:
    predicted = predictions({E1: [1], E2: [2], E3: [3], "g": [4]}, ["a"])
    measured = frame({f"{E1}.1": [5], f"{E2}.1": [6], f"{E3}.1": [7], "g": [8]}, ["a"])
    joined = join(predicted, measured, split={E1: "test", E2: "train", E3: "valid", "far": "test", "away": "train"})
    assert joined.true["a"].to_dict() == {f"{E1}.1": 5}
    assert joined.predicted["a"].to_dict() == {f"{E1}.1": 1}
    assert listed(joined.missing) == {("gene", "g", "split"), ("gene", "far", "both")}


def test_a_single_column_needs_no_common_name() -> None:
    joined = join(predictions({"g": [1]}, ["xpresso"]), frame({"g": [2]}, ["label"]))
    assert joined.predicted.columns.tolist() == joined.true.columns.tolist() == ["label"]
    assert joined.missing.empty


def test_chosen_cell_types() -> None:
    predicted, measured = predictions({"g": [1, 2, 3]}, ["a", "b", "c"]), frame({"g": [4, 5, 6]}, ["c", "b", "d"])
    joined = join(predicted, measured, cell_types=["c", "b", "c"])
    assert joined.true.loc["g"].to_dict() == {"c": 4, "b": 5}
    assert joined.missing.empty
    with pytest.raises(InputError, match=r"unknown cell type 'd' .*predictions .*a, b, c"):
        join(predicted, measured, cell_types=["d"])
    with pytest.raises(InputError, match=r"unknown cell type 'a' .*expression matrix"):
        join(predicted, measured, cell_types=["a"])


def test_what_cannot_be_joined() -> None:
    with pytest.raises(InputError, match="no cell type is in both"):
        join(predictions({"g": [1, 2]}, ["a", "b"]), frame({"g": [1, 2]}, ["c", "d"]))
    with pytest.raises(InputError, match=r"no gene to evaluate on .*'g'.*'h'"):
        join(predictions({"g": [1]}, ["a"]), frame({"h": [1]}, ["a"]))
    with pytest.raises(InputError, match=f"'{E1}.1' and '{E1}.2' are two predictions of one gene"):
        join(predictions({f"{E1}.1": [1], f"{E1}.2": [1]}, ["a"]), frame({E1: [1]}, ["a"]))
    with pytest.raises(InputError, match="no gene to evaluate on"):
        join(predictions({"g": [1]}, ["a"]), frame({"g": [1]}, ["a"]), split={"g": "train", "h": "test"})


def description(*, transcripts: bool = False) -> TableDescription:
    return TableDescription(("a", "b"), "log10(TPM + 0.1)", "tiny", "f", "g.fa", "h", "1", transcripts)


def genes() -> pd.DataFrame:
    rows = [Gene(name, name.upper(), "chr1", 5, "+", f"{name}.t") for name in ("g1", "g2")]
    return prediction_frame(rows, [0, 0.5], np.array([[1, 2], [3, 4]], np.float32), ["a", "b"], transcripts=False)


@pytest.mark.parametrize("ending", [".tsv", ".tsv.gz", ".parquet", ".h5ad"])
def test_tables_of_predict(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"p{ending}"
    with open_tables([path], description()) as table:
        table.write(genes())
    write_skipped(tmp_path / f"p{ending}.skipped.tsv", [Skipped(f"{E1}.3", "all N")])
    read = read_prediction_table(path)
    pd.testing.assert_frame_equal(read.values, frame({"g1": [1, 2], "g2": [3, 4]}, ["a", "b"]))
    assert read.skipped == {E1: "all N"}
    assert (read.model, read.unit) == ("tiny", "log10(TPM + 0.1)")


@pytest.mark.parametrize("ending", [".tsv", ".parquet"])
def test_tables_of_others(tmp_path: Path, ending: str) -> None:
    table, path = pd.DataFrame({"gene_id": ["g"], "a": [1.5]}), tmp_path / f"p{ending}"
    table.to_parquet(path) if ending == ".parquet" else table.to_csv(path, sep="\t", index=False)
    read = read_prediction_table(path)
    assert (read.model, read.unit, read.skipped) == (f"p{ending}", "unknown unit", {})
    assert read.values.loc["g", "a"] == 1.5


def test_rows_per_transcript_are_refused(tmp_path: Path) -> None:
    rows = [Gene("g", "G", "chr1", 5, "+", name) for name in ("t1", "t2")]
    values = np.zeros((2, 2), np.float32)
    with open_tables([tmp_path / "p.parquet"], description(transcripts=True)) as table:
        table.write(prediction_frame(rows, [0, 0], values, ["a", "b"], transcripts=True))
    with pytest.raises(InputError, match=r"duplicate names of a gene, such as 'g' .*one row a gene"):
        read_prediction_table(tmp_path / "p.parquet")


def test_meta_of_another_form_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "p.tsv").write_text("gene_id\ta\ng\t1\n")
    (tmp_path / "p.tsv.meta.json").write_text("not JSON")
    with pytest.raises(InputError, match="not JSON"):
        read_prediction_table(tmp_path / "p.tsv")
    (tmp_path / "p.tsv.meta.json").write_text(json.dumps({"model": "x"}))
    assert read_prediction_table(tmp_path / "p.tsv").model == "x"


def test_split(tmp_path: Path) -> None:
    path = tmp_path / "split.tsv"
    path.write_text(f"symbol\tgene_id\tsplit\nA\t{E1}.3\ttest\nB\tg\ttrain\nA\t{E1}\ttest\n")
    assert read_split(path) == {E1: "test", "g": "train"}
    for text, message in (
        (f"gene_id\tsplit\n{E1}.1\ttest\n{E1}.2\ttrain\n", "the split leaks: .* is in test and in train"),
        ("gene_id\tsplit\ng\ttset\n", r"unknown part of a split 'tset' .*gene 'g' .*train, valid, test"),
        ("gene_id\tsplit\ng\ttrain\n", "no gene is in the part 'test'"),
        ("gene_id\tpart\ng\ttrain\n", "missing columns: split"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_split(path)
    with pytest.raises(InputError, match="does not exist"):
        read_split(tmp_path / "none.tsv")
