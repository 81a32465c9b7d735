"""The tables and findings of docs/cross-validation-human.md and its raw results.

python scripts/crossvalidation/wide/table.py --results out --folds folds --work work
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
from intervals import FIGURES, Runs, fill, lacking, median_on, read_runs, replace_between, shown  # noqa: E402
from lines import LINES  # noqa: E402
from unfinished import folds_of, on_folds, tested_by  # noqa: E402

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
BASELINE_FEATURES = {"gc-cpg-lengths": "half-life", "lengths": "half-life"}
PEERS = {"xpresso": "median", "xpresso-hl": "median", "xpresso58": "cells"}
"""What the lines are compared with, and by which figure."""
PUBLISHED, NEW = "published", "new "
ENCODERS = ("language", "random", "live")
"""Lines that differ by the encoder alone, of which the encoder study asks more: without features here."""
UNFINISHED, WITH = ("xpresso58", 0), ("bundle", 1)
"""A run of which some folds may be done, and one with all its folds' predictions of every output."""
MEDIANS = ("xpresso", "kmers")
"""Complete lines whose medians are shown next to it."""
FINDINGS = Path(__file__).with_name("findings.md")


def name_of(key: str) -> str:
    """A line's title with its features."""
    if key in BASELINES:
        return BASELINES[key]
    line = LINES[key]
    return f"{line.name} + {line.features}" if line.features else line.name


def features_of(key: str) -> str:
    """The features that a line has."""
    return BASELINE_FEATURES.get(key, "") if key in BASELINES else LINES[key].features


def figures_table(runs: dict[str, Runs]) -> str:
    """Figures of every line whose folds are all there."""
    text = (
        "| model | runs | median: r2 | median: 1-SSE/SST | cell types: r2 | cell types: 1-SSE/SST | seconds a run |\n"
    )
    text += "|---|---|---|---|---|---|---|\n"
    for key, line in runs.items():
        cells = " | ".join(line.spread(name) for name in FIGURES)
        text += f"| {name_of(key)} | {len(line.numbers)} | {cells} | {min(line.seconds):,.0f} |\n"
    return text


def on_new_genes(runs: dict[str, Runs], genes: Genes) -> tuple[dict[str, Runs], int]:
    """Every line on the genes that published Xpresso was not trained on, and how many they are."""
    true, new = genes.labels[:, 0].numpy(), np.flatnonzero(genes.extra["new"])
    draws = Draws(len(new), torch.device("cpu"))
    return {key: median_on(line, new, true, draws) for key, line in runs.items()}, len(new)


def paired_table(runs: dict[str, Runs], new: dict[str, Runs], n_new: int) -> str:
    """Figures with intervals, and differences from Xpresso on the same draws of genes.

    Xpresso with half-life features is compared with lines that have those too.
    """
    peers = {key: figure for key, figure in PEERS.items() if key in runs}
    titles = ["model", "median", "cell types"]
    titles += [
        f"{'cell types' if figure == 'cells' else 'median'} minus {name_of(key)}" for key, figure in peers.items()
    ]
    titles += [f"{n_new:,} genes new to Xpresso: median", "minus Xpresso, published"]
    text = f"| {' | '.join(titles)} |\n{'|---' * len(titles)}|\n"
    for key, line in runs.items():
        row = [name_of(key), shown(line.interval("median_r2")), shown(line.interval("cells_r2"))]
        for peer, figure in peers.items():
            fair = key != peer and (not LINES[peer].features or features_of(key) == LINES[peer].features)
            row.append(shown(line.minus(runs[peer], f"{figure}_r2"), sign=True) if fair else "-")
        row.append(shown(new[key].interval("median_r2")))
        row.append("-" if key == PUBLISHED else shown(new[key].minus(new[PUBLISHED], "median_r2"), sign=True))
        text += f"| {' | '.join(row)} |\n"
    return text


def architecture_of(key: str) -> str:
    """A line's network, whatever its features and outputs are."""
    return key.split("-")[0].removesuffix("58")


def missing_table(runs: dict[str, Runs]) -> str:
    """Lines with fewer runs than are asked, and what the others would cost.

    A run's seconds are the fewest that one of the same architecture took.
    """
    seconds: dict[str, float] = {}
    for key, line in runs.items():
        if key in LINES:
            name = architecture_of(key)
            seconds[name] = min(seconds.get(name, np.inf), *line.seconds)
    text = "| model | runs | asked | seconds a run | seconds of all that are missing |\n|---|---|---|---|---|\n"
    for key, made in LINES.items():
        wanted = architecture_of(key) not in ENCODERS or not made.features
        if wanted and made.features != "half-life + TF" and architecture_of(key) in seconds:
            had = len(runs[key].numbers) if key in runs else 0
            text += lacking(name_of(key), had, seconds[architecture_of(key)])
    return text


def unfinished_table(folder: Path, runs: dict[str, Runs], genes: Genes) -> str:
    """What has only some folds, on the genes that they test, with others on the same genes and draws."""
    (key, number), (with_key, with_number) = UNFINISHED, WITH
    found, other = folds_of(folder, key, number), folds_of(folder, with_key, with_number)
    folds = [fold for fold in found if fold in other]
    if not folds or key in runs:
        return "All runs are complete."
    rows = tested_by(genes, folds)
    draws = Draws(len(rows), torch.device("cpu"))
    peer = on_folds(found, folds, number, genes, draws)
    lines = {name_of(key): peer, name_of(with_key): on_folds(other, folds, with_number, genes, draws)}
    text = f"{len(folds)} of {len(genes.folds())} folds, {len(rows):,} genes:\n\n"
    text += f"| model | median | cell types | median minus {name_of(key)} | cell types minus {name_of(key)} |\n"
    text += "|---|---|---|---|---|\n"
    for name, line in lines.items():
        row = [name, *(shown(line.interval(figure)) for figure in ("median_r2", "cells_r2"))]
        for figure in ("median_r2", "cells_r2"):
            row.append("-" if line is peer else shown(line.minus(peer, figure), sign=True))
        text += f"| {' | '.join(row)} |\n"
    true = genes.labels[:, 0].numpy()
    for name in MEDIANS:
        line = median_on(runs[name], rows, true, draws)
        difference = shown(line.minus(peer, "median_r2"), sign=True)
        text += f"| {name_of(name)} | {shown(line.interval('median_r2'))} | - | {difference} | - |\n"
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
    parser.add_argument("--folds", type=Path, required=True, help="Folder of the folds of unfinished runs.")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    given = parser.parse_args()
    runs = {key: line for key, line in read_runs(given.results, "-").items() if key in {**BASELINES, **LINES}}
    genes = load_genes("human", given.work, torch.device("cpu"))
    order = {key: place for place, key in enumerate([*BASELINES, *LINES])}
    runs = dict(sorted(runs.items(), key=lambda item: order[item[0]]))
    page = given.docs / "cross-validation-human.md"
    raw(runs, len(genes.labels)).to_csv(page.with_suffix(".tsv"), sep="\t", index=False, float_format="%.5g")
    replace_between(page, "figures", figures_table(runs))
    new, n_new = on_new_genes(runs, genes)
    replace_between(page, "paired", paired_table(runs, new, n_new))
    replace_between(page, "missing", missing_table(runs))
    replace_between(page, "unfinished", unfinished_table(given.folds, runs, genes))

    def find(name: str) -> Runs:
        return new[name.removeprefix(NEW)] if name.startswith(NEW) else runs[name]

    replace_between(page, "findings", fill(FINDINGS.read_text(encoding="utf-8"), find))


if __name__ == "__main__":
    main()
