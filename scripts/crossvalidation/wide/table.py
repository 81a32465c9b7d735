"""The tables of docs/cross-validation-human.md and its raw results.

python scripts/crossvalidation/wide/table.py --results out --work work
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2] / "texcnn_mini")]
from figures import Draws  # noqa: E402
from genes import Genes, load_genes  # noqa: E402
from intervals import FIGURES, Runs, median_on, read_runs, replace_between, shown  # noqa: E402
from lines import LINES  # noqa: E402

BASELINES = {
    "mean": "mean of training genes",
    "gc-cpg": "GC and CpG boosting",
    "ridge-5mers": "5-mer ridge, whole window",
    "ridge-4mers": "4-mer ridge, segments within 1.6 kb",
    "gc-cpg-lengths": "GC and CpG boosting + half-life",
    "lengths": "half-life features alone, boosting",
    "lengths-tf": "half-life and TF features without POLR2A alone, boosting",
    "lengths-pol": "half-life and TF features alone, boosting",
    "published": "Xpresso, published predictions (complete windows; most genes trained it)",
}
PEER, PUBLISHED = "xpresso", "published"


def name_of(key: str) -> str:
    """A line's title with its features."""
    if key in BASELINES:
        return BASELINES[key]
    line = LINES[key]
    return f"{line.name} + {line.features}" if line.features else line.name


def figures_table(runs: dict[str, Runs]) -> str:
    """Figures of every line whose folds are all there."""
    text = (
        "| model | runs | median: r2 | median: 1-SSE/SST | cell types: r2 | cell types: 1-SSE/SST | seconds a run |\n"
    )
    text += "|---|---|---|---|---|---|---|\n"
    for key, line in runs.items():
        cells = " | ".join(line.spread(name) for name in FIGURES)
        text += f"| {name_of(key)} | {len(line.numbers)} | {cells} | {np.mean(line.seconds):,.0f} |\n"
    return text


def paired_table(runs: dict[str, Runs], genes: Genes, peer: Runs | None) -> str:
    """The median with intervals, and differences from Xpresso on the same draws of genes."""
    true = genes.labels[:, 0].numpy()
    subsets = {"new": (np.flatnonzero(genes.extra["new"]), runs.get(PUBLISHED))}
    if peer is not None:
        subsets["peer"] = (np.flatnonzero(~np.isnan(peer.medians).any(0)), peer)
    draws = {name: Draws(len(rows), torch.device("cpu")) for name, (rows, _) in subsets.items()}
    others = {
        name: None if other is None else median_on(other, rows, true, draws[name])
        for name, (rows, other) in subsets.items()
    }
    text = "| model | all genes"
    if peer is not None:
        text += f" | {len(subsets['peer'][0]):,} genes | minus Xpresso, trained here"
    text += f" | {len(subsets['new'][0]):,} genes new to Xpresso | minus Xpresso, published |\n|---|---|---|---|"
    text += "---|---|\n" if peer is not None else "\n"
    lines = {**runs, **({} if peer is None or PEER in runs else {PEER: peer})}
    for key, line in lines.items():
        row = [name_of(key), "-" if np.isnan(line.medians).any() else shown(line.interval("median_r2"))]
        for name in ("peer", "new"):
            if name not in subsets:
                continue
            rows = subsets[name][0]
            if np.isnan(line.medians[:, rows]).any():
                row += ["-", "-"]
                continue
            here, other = median_on(line, rows, true, draws[name]), others[name]
            row.append(shown(here.interval("median_r2")))
            if other is None or key == (PEER if name == "peer" else PUBLISHED):
                row.append("-")
            else:
                row.append(shown(here.minus(other, "median_r2"), sign=True))
        text += f"| {' | '.join(row)} |\n"
    return text


def unfinished(folder: Path, key: str, genes: Genes) -> Runs | None:
    """A line's first run from the folds that are done; None if there are none."""
    medians = np.full(len(genes.labels), np.nan, np.float32)
    for fold, (_, _, test) in enumerate(genes.folds()):
        path = folder / f"{key}-0-{fold}.npy"
        if path.exists():
            medians[test] = np.load(path)[:, 0]
    return None if np.isnan(medians).all() else Runs([0], {}, [], medians[None])


def raw(runs: dict[str, Runs], n: int) -> pd.DataFrame:
    """One row per run."""
    return pd.DataFrame(
        {
            "line": key, "model": name_of(key), "run": number, "n_genes": n, "seconds": round(line.seconds[place], 1),
            **{name: line.figures[name][place, 0] for name in FIGURES},
        }
        for key, line in runs.items()
        for place, number in enumerate(line.numbers)
    )  # fmt: skip


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, nargs="+", required=True, help="Folders of finished runs.")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    parser.add_argument("--folds", type=Path, help="Folder of single folds, for a peer whose run is not complete.")
    given = parser.parse_args()
    runs = {key: line for key, line in read_runs(given.results, "-").items() if key in {**BASELINES, **LINES}}
    genes = load_genes("human", given.work, torch.device("cpu"))
    order = {key: place for place, key in enumerate([*BASELINES, *LINES])}
    runs = dict(sorted(runs.items(), key=lambda item: order[item[0]]))
    peer = runs.get(PEER) or (unfinished(given.folds, PEER, genes) if given.folds else None)
    page = given.docs / "cross-validation-human.md"
    raw(runs, len(genes.labels)).to_csv(page.with_suffix(".tsv"), sep="\t", index=False, float_format="%.5g")
    replace_between(page, "figures", figures_table(runs))
    replace_between(page, "paired", paired_table(runs, genes, peer))


if __name__ == "__main__":
    main()
