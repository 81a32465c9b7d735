"""Figures of a model, of baselines and of peers, on the same genes; and the sentences about them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from texcnn.errors import InputError
from texcnn.evaluation.baselines import GC_CPG, HALF_LIFE, KMER_RIDGE, MEAN, TF
from texcnn.evaluation.folder import write_judgement
from texcnn.evaluation.join import PredictionTable
from texcnn.evaluation.judge import Judgement, Question, judge
from texcnn.evaluation.metrics import ALL_CELL_TYPES, METRICS
from texcnn.evaluation.peers import Peer
from texcnn.evaluation.summary import card_section, figures_table, summary_text

GENES = [f"g{row:02d}" for row in range(20)]
TRAINING, TEST = GENES[:12], GENES[14:]
PARTS = dict.fromkeys(TRAINING, "train") | dict.fromkeys(GENES[12:14], "valid") | dict.fromkeys(TEST, "test")


def true() -> pd.DataFrame:
    """Test genes have 1 to 6 in ``a`` and their squares in ``b``; others their number, so that the mean is 5.5."""
    values = np.array([[row, 10.0 - row] for row in range(14)] + [[row, row**2] for row in range(1, 7)], float)
    return pd.DataFrame(values, index=pd.Index(GENES, name="gene_id"), columns=["a", "b"])


def question(**changes: object) -> Question:
    given = {"bootstrap": 0, "split": PARTS, "split_name": "split.tsv", **changes}
    return Question(true(), "tpm.tsv", "none", **given)  # type: ignore[arg-type]


def predictions(values: pd.DataFrame | None = None, **skipped: str) -> PredictionTable:
    return PredictionTable(true() + 1 if values is None else values, "mine", "TPM", skipped)


def peer(name: str = "theirs", *, scale: tuple[float, float] | None = (1.0, 0.0), genes: list[str] = GENES) -> Peer:
    column = pd.DataFrame({"x": [float(gene[1:]) for gene in genes]}, index=pd.Index(genes, name="gene_id"))
    return Peer(name, PredictionTable(column, name, "unknown unit"), scale)


def test_genes_of_parts() -> None:
    assert question().genes("test") == TEST
    assert question().genes("train", "test") == [*TRAINING, *TEST]
    assert question(split=None).genes("test") == GENES
    versioned = Question(true().rename(lambda name: f"ENSG00000000003.{name[1:]}").iloc[:1], "e", "none",
                         split={"ENSG00000000003": "test"})  # fmt: skip
    assert versioned.genes("test") == ["ENSG00000000003.00"]


def test_a_model_that_is_one_too_high_next_to_the_mean() -> None:
    found = judge(predictions(), question())
    assert found.model == "mine"
    assert list(found.figures) == ["mine", MEAN]
    assert list(found.predicted.index) == TEST
    table = found.metrics.set_index(["model", "cell_type"])
    assert table["n_genes"].tolist() == [6] * 6
    assert table.loc[("mine", "a"), "squared_pearson"] == pytest.approx(1)
    assert table.loc[("mine", "a"), "rmse"] == pytest.approx(1)
    # The scatter of 1 .. 6 is 17.5; each gene is 1 off, so SSE is 6.
    assert table.loc[("mine", "a"), "one_minus_sse_sst"] == pytest.approx(1 - 6 / 17.5)
    # Their squares 1 4 9 16 25 36 have the scatter 2275 - 91^2 / 6.
    assert table.loc[("mine", "b"), "one_minus_sse_sst"] == pytest.approx(1 - 6 / (2275 - 91**2 / 6))
    # The training genes' mean of ``a`` is 5.5.
    assert table.loc[(MEAN, "a"), "rmse"] == pytest.approx(np.sqrt(np.mean((np.arange(1, 7) - 5.5) ** 2)))
    assert np.isnan(table.loc[(MEAN, "a"), "squared_pearson"])
    assert found.n_train == 12
    assert found.lacking == [
        f"{GC_CPG} (needs a genome and its genes)",
        f"{KMER_RIDGE} (needs a genome and its genes)",
        f"{HALF_LIFE} (needs features with half-life columns)",
        f"{TF} (needs features with TF columns)",
    ]
    overall = found.overall.set_index("model")
    assert overall["cell_type"].tolist() == [ALL_CELL_TYPES] * 2
    assert overall.loc["mine", "rmse"] == pytest.approx(1)


def test_without_a_split_there_is_no_baseline() -> None:
    found = judge(predictions(), question(split=None, split_name=None))
    assert list(found.figures) == ["mine"]
    assert found.n_train == 0
    assert len(found.true) == 20


def test_baselines_have_the_pairs_of_the_model() -> None:
    values = true() + 1
    values.loc[TEST[0], "a"] = np.nan
    found = judge(predictions(values), question())
    table = found.metrics.set_index(["model", "cell_type"])["n_genes"]
    assert table[("mine", "a")] == table[(MEAN, "a")] == 5
    assert table[("mine", "b")] == table[(MEAN, "b")] == 6


def test_a_peer_and_the_model_on_the_genes_of_both() -> None:
    found = judge(predictions(), question(), peers=[peer(genes=GENES[:18]), peer("unscaled", scale=None)])
    again = "mine on the genes of theirs"
    assert list(found.figures) == ["mine", MEAN, "theirs", again, "unscaled", "mine on the genes of unscaled"]
    table = found.metrics.set_index(["model", "cell_type"])
    assert table.loc[("theirs", "a"), "n_genes"] == table.loc[(again, "a"), "n_genes"] == 4
    assert table.loc[("theirs", "a"), "squared_pearson"] == pytest.approx(1)  # 14 .. 17 against 1 .. 4
    assert table.loc[("theirs", "a"), "rmse"] == pytest.approx(13)
    assert np.isnan(table.loc[("unscaled", "a"), "rmse"])
    assert list(found.others) == [MEAN, "theirs", "unscaled"]
    missing = found.missing[found.missing["missing_in"] == "peer theirs"]
    assert missing["name"].tolist() == TEST[4:]


@pytest.mark.parametrize("name", ["mine", MEAN, "theirs"])
def test_a_name_is_shown_once(name: str) -> None:
    peers = [peer(name)] if name != "theirs" else [peer(), peer()]
    with pytest.raises(InputError, match=rf"'{name}' is shown already – in `peers` – give the peer another name"):
        judge(predictions(), question(), peers=peers)


def test_genes_without_inputs_of_a_baseline_are_listed(tmp_path: Path) -> None:
    rows = [f"{gene}\t{row % 5}\t{row}" for row, gene in enumerate(GENES) if gene not in ("g03", "g19")]
    (tmp_path / "f.tsv").write_text("gene_id\tTF1\tutr5_length\n" + "\n".join(rows) + "\n")
    found = judge(predictions(), question(), features=tmp_path / "f.tsv")
    assert TF in found.figures
    listed = found.missing[found.missing["missing_in"].str.startswith("inputs")]
    assert set(listed["name"]) == {"g03", "g19"}
    assert all("needs a genome" in entry or HALF_LIFE in entry for entry in found.lacking)


def test_the_table_of_figures() -> None:
    metrics = pd.DataFrame(
        {
            "model": ["m", "m", "n"],
            "cell_type": ["a", ALL_CELL_TYPES, ALL_CELL_TYPES],
            "n_genes": [3, 1234, 9],
            **{f"{name}{bound}": [0.0, 0.5, np.nan] for name in METRICS for bound in ("", "_low", "_high")},
        }
    )
    metrics.loc[1, ["squared_pearson_low", "squared_pearson_high"]] = [0.25, 0.75]
    metrics.loc[1, ["one_minus_sse_sst_low", "one_minus_sse_sst_high"]] = np.nan
    assert figures_table(metrics, ("squared_pearson", "one_minus_sse_sst")) == (
        "| model | genes | squared Pearson | 1 - SSE/SST |\n"
        "|---|---|---|---|\n"
        "| m | 1234 | 0.500 (0.250 to 0.750) | 0.500 |\n"
        "| n | 9 | undefined | undefined |"
    )
    assert figures_table(metrics).splitlines()[:2] == [
        "| model | genes | squared Pearson | 1 - SSE/SST | Spearman | RMSE |",
        "|---|---|---|---|---|---|",
    ]


def output(found: Judgement, asked: Question) -> list[str]:
    return summary_text(found, asked, "predictions.parquet").splitlines()


def test_the_summary_word_for_word() -> None:
    asked = question(split=None, split_name=None, cell_types=("a",))
    lines = output(judge(predictions(), asked), asked)
    assert lines[:8] == [
        "# Evaluation of mine",
        "",
        "- predictions: predictions.parquet, TPM",
        "- measured: tpm.tsv, transform none",
        "- genes evaluated: 20",
        "- split: none",
        "- seed 0",
        "",
    ]
    assert lines[8].startswith("**No split was given: nothing is known of which of these genes")
    assert lines[10:16] == [
        "## Figures (cell type a)",
        "",
        "| model | genes | squared Pearson | 1 - SSE/SST | Spearman | RMSE |",
        "|---|---|---|---|---|---|",
        f"| mine | 20 | 1.000 | {1 - 20 / ((true()['a'] - true()['a'].mean()) ** 2).sum():.3f} | 1.000 | 1.000 |",
        "",
    ]
    assert lines[-5:] == ["## Missing", "", "- nothing", "", "Each is listed in missing.tsv."]


def test_the_summary_says_what_was_fitted_and_what_is_missing() -> None:
    asked = question(bootstrap=20)
    found = judge(predictions(true().drop("g15") + 1, g15="the window is N"), asked, peers=[peer(scale=(2.0, -1.0))])
    text = "\n".join(output(found, asked))
    assert "- split: split.tsv; the genes evaluated are its test genes" in text
    assert "## Figures (mean over 2 cell types)" in text
    assert "In brackets: 95 % intervals from 20 draws of genes with replacement." in text
    assert "Each was fitted on the 12 training genes of the split that have expression" in text
    assert f"- not fitted: {GC_CPG} (needs a genome and its genes)" in text
    assert "- theirs: 2 x its value + -1 is taken as its value in the measured unit" in text
    assert "- 1 x gene missing in predictions" in text
    on_purpose = text.index("## Left out on purpose\n\n- genes of the split's other parts: ")
    assert on_purpose < text.index("## Missing")
    assert found.left_out["train"] == 12
    reasons = found.missing.set_index("name")["reason"]
    assert reasons["g15"] == "the window is N"


def test_the_card_names_the_lowest_and_the_highest_cell_type() -> None:
    values = true() + 1
    values.loc[TEST, "b"] = [3.0, 1.0, 2.0, 6.0, 5.0, 4.0]
    asked = question()
    found = judge(predictions(values), asked)
    pearson = found.figures["mine"].set_index("cell_type")["squared_pearson"]
    card = card_section(found, asked)
    assert f"squared Pearson of single cell types: from {pearson['b']:.3f} (b) to 1.000 (a)." in card
    assert "6 genes, the test genes of split.tsv; measured: tpm.tsv" in card
    assert "intervals" not in card


def test_the_folder_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    asked = question(bootstrap=10)
    for name in ("one", "two"):
        write_judgement(tmp_path / name, judge(predictions(), asked), asked, "predictions.tsv")
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == [
        "card.md", "cell_types.png", "metrics.tsv", "missing.tsv", "per_gene.tsv", "residuals.tsv.gz", "scatter.png",
        "summary.md", "within_genes.tsv",
    ]  # fmt: skip
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    residuals = pd.read_csv(tmp_path / "one" / "residuals.tsv.gz", sep="\t")
    assert residuals["residual"].tolist() == [-1] * 12
