"""The table of docs/cross-validation-human.md and its raw results.

python scripts/crossvalidation/wide/table.py --results out --work work
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd
import torch

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2] / "texcnn_mini")]
from genes import load_genes  # noqa: E402
from intervals import FIGURES, Runs, read_runs, replace_between, shown  # noqa: E402
from lines import LINES  # noqa: E402

BASELINES = {
    "mean": "mean of training genes",
    "gc-cpg": "GC and CpG boosting",
    "ridge-5mers": "5-mer ridge, whole window",
    "ridge-4mers": "4-mer ridge, segments within 1.6 kb",
    "lengths": "half-life features alone, boosting",
    "lengths-tf": "half-life and TF features alone, boosting",
    "published": "Xpresso, published predictions (complete windows; most genes trained it)",
}
REFERENCE = {"median": "xpresso", "cells": "xpresso58"}


def name_of(key: str) -> str:
    """A line's title with its features."""
    if key in BASELINES:
        return BASELINES[key]
    line = LINES[key]
    return f"{line.name} + {line.features}" if line.features else line.name


def markdown(runs: dict[str, Runs]) -> str:
    """Writes both tables."""
    keys = [*[key for key in BASELINES if key in runs], *[key for key in LINES if key in runs]]
    text = (
        "| model | runs | median: r2 | median: 1-SSE/SST | cell types: r2 | cell types: 1-SSE/SST | seconds a run |\n"
    )
    text += "|---|---|---|---|---|---|---|\n"
    for key in keys:
        line = runs[key]
        cells = " | ".join(line.spread(name) for name in FIGURES)
        text += f"| {name_of(key)} | {len(line.numbers)} | {cells} | {sum(line.seconds) / len(line.seconds):,.0f} |\n"
    text += "\n| model | median: r2 (95 % interval) | minus Xpresso trained here | cell types: r2 (95 % interval) "
    text += "| minus Xpresso trained here for 57 cell types |\n|---|---|---|---|---|\n"
    for key in keys:
        row = [name_of(key)]
        for figure, reference in REFERENCE.items():
            name = f"{figure}_r2"
            row.append(shown(runs[key].interval(name)))
            other = runs.get(reference)
            row.append("-" if other is None or key == reference else shown(runs[key].minus(other, name), sign=True))
        text += f"| {' | '.join(row)} |\n"
    return text


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
    given = parser.parse_args()
    runs = {key: line for key, line in read_runs(given.results, "-").items() if key in {**BASELINES, **LINES}}
    n = len(load_genes("human", given.work, torch.device("cpu")).labels)
    order = {key: place for place, key in enumerate([*BASELINES, *LINES])}
    runs = dict(sorted(runs.items(), key=lambda item: order[item[0]]))
    raw(runs, n).to_csv(given.docs / "cross-validation-human.tsv", sep="\t", index=False, float_format="%.5g")
    replace_between(given.docs / "cross-validation-human.md", "table", markdown(runs))


if __name__ == "__main__":
    main()
