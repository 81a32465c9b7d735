"""Stage 9: how good the model is on genes of chromosomes no stage has seen, beside simple baselines.

Writes ``results.tsv`` here: value and bootstrap 95% interval over genes of the squared Pearson correlation and of
1 - SSE/SST, for the median and as mean, least and largest of the 57 cell types.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from data import (
    DATA,
    LENGTHS,
    SEED,
    UPSTREAM,
    WORK,
    cell_types,
    expression,
    genes,
    lengths,
    published_scores,
    to_strings,
)
from finetune import HEAD, Fusion, annotated_genes, scaled_lengths
from safetensors.torch import load_file
from sklearn.ensemble import HistGradientBoostingRegressor
from student import DIM, embed
from teacher import Teacher

from texcnn.heads.textcnn import TextCNN
from texcnn.segments.bases import one_hot, stack_codes

N_BOOTSTRAP = 2_000
RESULTS = Path(__file__).parent / "results.tsv"


def predict_mini(windows: np.ndarray, features: torch.Tensor) -> np.ndarray:
    """Returns the model's predictions ``(n, 58)`` for ASCII codes ``(n, 10500)`` and scaled lengths ``(n, 5)``."""
    head = TextCNN(DIM, len(cell_types()), **HEAD)
    head.load_state_dict(load_file(WORK / "head58.safetensors"))
    embeddings = embed(windows)
    with torch.inference_mode():
        return head.eval()(embeddings.values, embeddings.mask, features).numpy()


def gc_and_cpg(windows: np.ndarray) -> np.ndarray:
    """Returns GC fraction and CpG observed/expected of the window, 1.5 kb bins and the core promoter; NaN if all N."""
    spans = [(0, windows.shape[1]), (UPSTREAM - 1000, UPSTREAM + 500), (UPSTREAM - 250, UPSTREAM + 250)]
    spans += [(start, start + 1500) for start in range(0, windows.shape[1], 1500)]
    columns = []
    with np.errstate(invalid="ignore", divide="ignore"):
        for start, end in spans:
            part = windows[:, start:end]
            c, g, known = (part == ord("C")), (part == ord("G")), (part != ord("N")).sum(axis=1)
            columns.append((c.sum(axis=1) + g.sum(axis=1)) / known)
            columns.append((c[:, :-1] & g[:, 1:]).sum(axis=1) * known / (c.sum(axis=1) * g.sum(axis=1)))
    features = np.stack(columns, axis=1)
    features[~np.isfinite(features)] = np.nan
    return features


def predict_boosting(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Returns gradient boosting's predictions, one regressor per output."""
    settings = {"max_iter": 100, "learning_rate": 0.05, "max_leaf_nodes": 8, "random_state": SEED}
    fitted = [HistGradientBoostingRegressor(**settings).fit(train, column) for column in labels.T]
    return np.stack([regressor.predict(test) for regressor in fitted], axis=1)


def from_z_scores(scores: np.ndarray) -> np.ndarray:
    """Turns Xpresso's z-scores ``(n,)`` into log10(RPKM + 0.1), ``(n, 1)``."""
    labels = pd.read_csv(DATA / "human" / "xpresso_labels_split.tsv", sep="\t")
    slope, intercept = np.polyfit(labels["label_z"], labels["label_log10"], 1)
    return (scores * slope + intercept)[:, None]


@torch.inference_mode()
def predict_xpresso(windows: np.ndarray) -> np.ndarray:
    """Returns the z-scores that Xpresso's network gives to the very bases of the slice, ``(n,)``."""
    network, codes = Teacher().network, stack_codes(to_strings(windows))
    return torch.cat([network(one_hot(part))[:, 0] for part in codes.split(64)]).numpy()


def predict_lengths_alone(index: pd.Index) -> np.ndarray:
    """Returns gradient boosting's predictions from the lengths alone, fitted to every training gene that has them."""
    known, table = annotated_genes("train").index, lengths()[list(LENGTHS)]
    labels = expression().loc[known].to_numpy()
    return predict_boosting(table.loc[known].to_numpy(), labels, table.reindex(index).to_numpy())


def squared_pearson(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Returns the squared correlation of each column; NaN for a constant prediction."""
    constant = np.ptp(found, axis=0) == 0
    found, true = found - found.mean(axis=0), true - true.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        squared = (found * true).sum(axis=0) ** 2 / ((found**2).sum(axis=0) * (true**2).sum(axis=0))
    return np.where(constant, np.nan, squared)


def explained(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Returns 1 - SSE/SST of each column."""
    return 1 - ((found - true) ** 2).sum(axis=0) / ((true - true.mean(axis=0)) ** 2).sum(axis=0)


SUMMARIES = {
    "median": lambda values: values[0],
    "mean of 57 cell types": lambda values: values[1:].mean(),
    "least of 57 cell types": lambda values: values[1:].min(),
    "largest of 57 cell types": lambda values: values[1:].max(),
}


def score(model: str, genes_name: str, found: np.ndarray, true: np.ndarray) -> list[dict[str, object]]:
    """Returns the rows of the results table of one model on one set of genes."""
    rng = np.random.default_rng(SEED)
    draws = rng.integers(len(true), size=(N_BOOTSTRAP, len(true)))
    found = np.broadcast_to(found, true.shape)
    rows = []
    for name, metric in {"squared Pearson": squared_pearson, "1 - SSE/SST": explained}.items():
        values, resampled = metric(found, true), np.stack([metric(found[draw], true[draw]) for draw in draws])
        for output, summary in SUMMARIES.items():
            low, high = np.quantile([summary(sample) for sample in resampled], [0.025, 0.975])
            rows.append(
                {
                    "model": model,
                    "genes": genes_name,
                    "n_genes": len(true),
                    "output": output,
                    "metric": name,
                    "value": summary(values),
                    "low": low,
                    "high": high,
                }
            )
    return rows


def score_split(split: str, train_features: np.ndarray, labels: np.ndarray) -> list[dict[str, object]]:
    """Scores every model on the genes of a split; baselines are fitted on the training genes given."""
    table, windows = genes(split)
    true = expression().loc[table.index, cell_types()["cell_type"]].to_numpy()
    features = scaled_lengths(table.index)
    fusion = Fusion(len(cell_types()))
    fusion.load_state_dict(load_file(WORK / "fusion.safetensors"))
    with torch.inference_mode():
        score_given = torch.from_numpy(published_scores()[table["row"]]).float()[:, None]
        xpresso_and_lengths = fusion(score_given, features).numpy()
    predictions = {
        "texcnn-mini, sequence alone": predict_mini(windows, torch.zeros_like(features)),
        "texcnn-mini, with the mRNA's lengths": predict_mini(windows, features),
        "mean of training genes": labels.mean(axis=0)[None],
        "GC and CpG, gradient boosting": predict_boosting(train_features, labels, gc_and_cpg(windows)),
        "the mRNA's lengths alone, gradient boosting": predict_lengths_alone(table.index),
        "Xpresso, published (sequence alone)": from_z_scores(published_scores()[table["row"]]),
        "Xpresso, on the same bases (N where unknown)": from_z_scores(predict_xpresso(windows)),
        "Xpresso, published, with the mRNA's lengths (our layer)": xpresso_and_lengths,
    }
    published = pd.read_csv(DATA / "human" / "xpresso_labels_split.tsv", sep="\t", index_col="gene_id")["split"]
    has_lengths = ~features.isnan().any(dim=1).numpy()
    sets = {f"{split} chromosomes": has_lengths}
    if split == "test":
        sets["of these, whole window known"] = has_lengths & (table["known"] == windows.shape[1]).to_numpy()
        sets["of these, not trained on by Xpresso"] = (
            has_lengths & (published.reindex(table.index) != "train").to_numpy()
        )
    return [
        row
        for genes_name, chosen in sets.items()
        for model, found in predictions.items()
        for row in score(model, genes_name, found if len(found) == 1 else found[chosen], true[chosen])
    ]


def main() -> None:
    """Scores everything on the genes of the test chromosomes, then on those that chose the strength of the ridge."""
    train_table, train_windows = genes("train")
    labels = expression().loc[train_table.index, cell_types()["cell_type"]].to_numpy()
    train_features = gc_and_cpg(train_windows)
    rows = [row for split in ("test", "validation") for row in score_split(split, train_features, labels)]
    results = pd.DataFrame(rows)
    results.to_csv(RESULTS, sep="\t", index=False, float_format="%.3f", na_rep="NA")
    print(results[results["output"] == "median"].to_string(index=False, float_format="%.3f"))


if __name__ == "__main__":
    main()
