"""The page of all finished runs: docs/cross-validation.md and its raw results.

python scripts/crossvalidation/table.py --data ../shared/data --work cv
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from dataset import MEDIAN, Dataset
from entries import MODELS
from folds import FOLDS

from texcnn.evaluation.metrics import one_minus_sse_sst, squared_pearson
from texcnn.files import atomic_file

_TEXT = """# Cross-validation

Ten thousand human genes with known promoters are in [cross-validation-human.md](cross-validation-human.md). Here are
657 with nearly whole windows, and yeast.

Made by `scripts/crossvalidation`; the figures of each run are in `cross-validation.tsv`. Whole chromosomes are held
out: ten groups of chromosomes of similar size; a fold tests on two, uses a third for early stopping and fits to seven.
A run is one pass over the five folds; its figures are those of the pooled predictions of all its genes. Several runs
differ by their seeds and are shown as minimum / **average** / maximum. `r2` is the squared Pearson correlation over
genes. `median` is the label of Xpresso, the median over the 56 epigenomes (of yeast: over the conditions); `cell
types` is the mean of the figures of the single cell types (57 of human, 52 conditions of yeast), learned together with
the median by one network.

Read it with these in mind:

- **Runs**: every line with random numbers should have ten; a ridge, a mean and boosting use none. Lines with fewer are
  those whose run takes a CPU core from a quarter of an hour to two hours (and yeast's control); the same command
  continues where it stopped, on a GPU too (`--device`). They lack the spread between seeds, which is 0.01 to 0.08 of
  r2 in the lines that have it: smaller differences mean nothing.
- **Epochs**: at most 60 for the Pipoli transformer, 30 for Xpresso (80 for human) and 8 for DNAPerceiver, where their
  authors have 300, 100 and 550: the effect of more epochs is not known.
- **Few genes**: the human lines are fitted to some 460 genes, where the papers had more than 15,000. With their
  authors' batches an epoch of Xpresso and of the Pipoli transformer would be four and two steps, and their patience
  would end the training almost at once. They take 32 and 16 genes a step there; everything else is the authors'.
- **Xpresso, trained here** has one output, the median, and a run is the best of ten starts, as its authors' was; which
  one is decided by the loss of the stopping genes after eight epochs. Its last hidden layer has two rectified units;
  both are often dead after the first steps, and the network predicts one value for every gene. Where all ten died, the
  fold failed; of the human genes' five, one predicts nearly one value (r2 0.01, the others 0.26 to 0.35).
- **Human genes**: those of the slice with at least 6,500 known bases in the window of 7,000 + 3,500. A line with
  features has the genes that have all of them, so its number of genes is smaller and its figures are of those.
- **texcnn-mini's language model** is version 4's (version 5 has none), without its motif convolutions and head, and
  frozen, before a text CNN with the maximum over segments of 250 bp. It is not independent: it was distilled from
  Xpresso's weights on chromosomes that are test folds here. Xpresso had seen the labels of most genes of the slice,
  and the encoder may have learned something of them. The control, one encoder of the same form with random weights,
  has seen nothing. Both are equally foreign to yeast.
- **Both of texcnn-mini's encoders** (version 4's, segments of 600 bp) were `texcnn train`'s default. The second one is
  Xpresso's own convolutions, which were fitted to most of these human genes: not a held-out figure. For yeast it is.
- **k-mer counts** (4-mers of 250 bp) have a dense layer in place of the maximum; nothing in it was learned elsewhere.
- **Xpresso's published predictions** are of a network that was trained on 599 of the 657 genes of the slice: they are
  not a held-out figure. "Xpresso, trained here" is the same network on the folds of the others.
- **TF features** come from ChIP experiments. POLR2A, the polymerase, measures expression itself, and so the line with
  it is not a prediction from sequence. (Yeast's table has no such factor.)
- **GC and CpG boosting** is fitted to the median alone, on training and validation genes, since it does not stop early.
- Seconds are of one run on one thread of a machine shared with other work: an order of magnitude. (The fold that
  makes the word2vec table is slower.)
"""

_BUNDLED = """
The bundled `texcnn-yeast` was trained on one split of chromosomes, not on these folds: on the 1,695 genes of IV, IX and
XVI it has 0.421 (mean over the conditions; 95 % interval 0.387 to 0.454), a 5-mer ridge 0.199 and GC and CpG boosting
0.112 on the same genes. `texcnn-mini` and its figures are in [texcnn-mini.md](texcnn-mini.md).
"""


def results(work: Path) -> pd.DataFrame:
    """Returns the figures of each complete run."""
    rows = []
    for folder in sorted(path for path in work.iterdir() if path.is_dir()):
        truth = np.load(folder / "truth.npz")
        labels, cell_types = truth["labels"].astype(np.float64), truth["cell_types"].tolist()
        for entry in MODELS:
            for run in range(entry.runs):
                paths = [folder / f"{entry.key}-{run}-{fold}.npz" for fold in range(FOLDS)]
                if not all(path.exists() for path in paths):
                    continue
                folds = [np.load(path) for path in paths]
                tested = np.concatenate([fold["rows"] for fold in folds])
                predicted = np.concatenate([fold["predicted"] for fold in folds]).astype(np.float64)
                rows.append(figures(predicted, labels[tested], cell_types) | {
                    "dataset": folder.name, "model": entry.name, "run": run, "n_genes": len(tested),
                    "seconds": round(sum(float(fold["seconds"]) for fold in folds), 1),
                })  # fmt: skip
    return pd.DataFrame(rows)


def figures(predicted: np.ndarray, true: np.ndarray, cell_types: list[str]) -> dict[str, float]:
    """Returns both metrics of the median label and their means over cell types."""
    made = {}
    for name, metric in (("squared_pearson", squared_pearson), ("one_minus_sse_sst", one_minus_sse_sst)):
        values = [metric(predicted[:, column], true[:, column]) for column in range(len(cell_types))]
        made[f"median_{name}"] = values[cell_types.index(MEDIAN)]
        single = [value for value, cell in zip(values, cell_types, strict=True) if cell != MEDIAN]
        made[f"cell_types_{name}"] = float(np.nanmean(single)) if not np.isnan(single).all() else float("nan")
    return made


def published_xpresso(dataset: Dataset, data: Path) -> dict[str, object]:
    """Returns the figures of Xpresso's published predictions on the very genes."""
    bed = pd.read_csv(data / "human" / "xpresso_tss_20kb.bed", sep="\t", header=None)
    published = pd.read_csv(data / "xpresso" / "kipoi_predictions.tsv", sep="\t")["preds/expression_pred"]
    predicted = pd.Series(published.to_numpy(), index=bed[3])[dataset.ids].to_numpy(np.float64)
    labels = pd.read_csv(data / "human" / "xpresso_labels_split.tsv", sep="\t")
    slope, offset = np.polyfit(labels["label_z"], labels["label_log10"], 1)
    true = dataset.labels[:, -1].numpy().astype(np.float64)
    return {
        "dataset": "human", "model": "Xpresso, published predictions", "run": 0, "n_genes": len(true), "seconds": 0.0,
        "median_squared_pearson": squared_pearson(predicted, true),
        "median_one_minus_sse_sst": one_minus_sse_sst(predicted * slope + offset, true),
        "cell_types_squared_pearson": float("nan"), "cell_types_one_minus_sse_sst": float("nan"),
    }  # fmt: skip


def markdown(raw: pd.DataFrame) -> str:
    """Writes the tables of both data sets."""
    columns = [
        f"{label}_{metric}" for label in ("median", "cell_types") for metric in ("squared_pearson", "one_minus_sse_sst")
    ]
    text = ""
    for dataset, part in raw.groupby("dataset"):
        text += f"\n## {dataset}\n\n| model | runs | genes | median: r2 | median: 1-SSE/SST | cell types: r2 |"
        text += " cell types: 1-SSE/SST | seconds a run |\n|---|---|---|---|---|---|---|---|\n"
        for model, runs in part.groupby("model", sort=False):
            cells = [spread(runs[column]) for column in columns]
            text += f"| {model} | {len(runs)} | {runs['n_genes'].iloc[0]:,} | {' | '.join(cells)} |"
            text += f" {runs['seconds'].mean():,.0f} |\n"
        asked = [entry for entry in MODELS if dataset == "human" or "tf-no-polr2a" not in entry.features]
        missing = [entry.name for entry in asked if entry.name not in set(part["model"])]
        if missing:
            text += f"\nNot finished in the time there was: {'; '.join(missing)}.\n"
    return text + _BUNDLED


def spread(values: pd.Series) -> str:
    """Minimum / average / maximum."""
    if values.isna().any():
        return "-"
    if len(values) == 1:
        return f"{values.iloc[0]:.3f}"
    return f"{values.min():.3f} / **{values.mean():.3f}** / {values.max():.3f}"


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="Folder of the real data.")
    parser.add_argument("--work", type=Path, required=True, help="Folder of finished folds.")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="Folder of the page.")
    given = parser.parse_args()
    raw = pd.concat(
        [results(given.work), pd.DataFrame([published_xpresso(Dataset("human", given.data), given.data)])],
        ignore_index=True,
    )
    first = ["dataset", "model", "run", "n_genes", "seconds"]
    raw = raw[first + sorted(set(raw.columns) - set(first))]
    raw.to_csv(given.out / "cross-validation.tsv", sep="\t", index=False, float_format="%.6g")
    with atomic_file(given.out / "cross-validation.md") as temporary:
        temporary.write_text(_TEXT + markdown(raw), encoding="utf-8")


if __name__ == "__main__":
    main()
