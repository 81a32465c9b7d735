"""What needs no GPU: baselines on the same folds and genes, and Xpresso's published predictions.

python scripts/crossvalidation/wide/baselines.py --work work --out out
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2] / "texcnn_mini")]
from figures import Draws  # noqa: E402
from genes import POLR2A, Genes, load_genes  # noqa: E402
from network import kmer_shares  # noqa: E402
from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: E402
from sklearn.linear_model import RidgeCV  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

from texcnn.evaluation.baselines import gc_cpg  # noqa: E402

SEGMENTS, LENGTH = range(18, 28), 300
"""Segments of a window that the 4-mer ridge reads one by one: 1,600 bp before the TSS to 1,400 after it."""
PENALTIES = np.logspace(0, 6, 13)


def boosting() -> HistGradientBoostingRegressor:
    """As the baselines of ``texcnn evaluate`` have it."""
    return HistGradientBoostingRegressor(
        learning_rate=0.05, max_iter=200, max_leaf_nodes=15, early_stopping=False, random_state=0
    )


def ridge() -> Any:
    """Its penalty is chosen by leave-one-out among the genes it is fitted to."""
    return make_pipeline(StandardScaler(), RidgeCV(alphas=PENALTIES))


def predictions(genes: Genes, key: str) -> np.ndarray:
    """Predicts every gene by a model fitted to the training and validation genes of its fold."""
    labels = genes.labels.numpy()
    codes = genes.codes
    found = np.full(labels.shape, np.nan, np.float32)
    if key == "published":
        scores = genes.extra["score"]
        found[:, 0] = scores * labels[:, 0].std() + labels[:, 0].mean()
        return found
    inputs: np.ndarray = np.zeros((len(labels), 1))
    if key == "ridge-4mers":
        near = codes[:, SEGMENTS.start * LENGTH : SEGMENTS.stop * LENGTH].reshape(-1, LENGTH)
        inputs = torch.cat([kmer_shares(some, 4) for some in near.split(8192)]).view(len(codes), -1).numpy()
    elif key == "ridge-5mers":
        inputs = torch.cat([kmer_shares(some, 5) for some in codes.split(200)]).numpy()
    elif key.startswith("gc-cpg"):
        inputs = np.stack([gc_cpg(row) for row in codes.numpy().astype(np.int64)])
        if key == "gc-cpg-lengths":
            inputs = np.concatenate([inputs, genes.lengths], 1)
    elif key == "lengths":
        inputs = genes.lengths
    elif key == "lengths-tf":
        inputs = np.concatenate([genes.lengths, np.delete(genes.factors, POLR2A, axis=1)], 1)
    elif key == "lengths-pol":
        inputs = np.concatenate([genes.lengths, genes.factors], 1)
    for train, valid, test in genes.folds():
        fitted = np.concatenate([train, valid])
        if key == "mean":
            found[test] = labels[fitted].mean(0)
        elif key.startswith("ridge"):
            found[test] = ridge().fit(inputs[fitted], labels[fitted]).predict(inputs[test])
        else:
            found[test, 0] = boosting().fit(inputs[fitted], labels[fitted, 0]).predict(inputs[test])
    return found


KEYS = (
    "mean",
    "ridge-4mers",
    "ridge-5mers",
    "gc-cpg",
    "gc-cpg-lengths",
    "lengths",
    "lengths-tf",
    "lengths-pol",
    "published",
)


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    genes = load_genes("human", given.work, torch.device("cpu"))
    draws = Draws(len(genes.labels), torch.device("cpu"))
    for key in KEYS:
        path = given.out / f"{key}-0.npz"
        if path.exists():
            continue
        started = time.time()
        found = predictions(genes, key)
        figures = draws.figures(torch.from_numpy(found), genes.labels)
        kept = {**figures, "median": found[:, 0].astype(np.float16), "seconds": np.array(time.time() - started)}
        np.savez(path, **kept)  # type: ignore[arg-type]
        print(key, {name: round(float(values[0]), 4) for name, values in figures.items()}, flush=True)


if __name__ == "__main__":
    main()
