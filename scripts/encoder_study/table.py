"""The tables and findings of docs/encoder-study.md and its raw results.

python scripts/encoder_study/table.py --results out
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd

SCRIPTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(SCRIPTS / "crossvalidation" / "wide"), str(SCRIPTS / "texcnn_mini")]
from intervals import FIGURES, Runs, fill, lacking, read_runs, replace_between, shown  # noqa: E402
from study import COUNTS, LANGUAGE, MOTIFS, NAMES, RANDOM, WORDS  # noqa: E402

ENCODERS = [
    (LANGUAGE,), (RANDOM,), (COUNTS,), (WORDS,), (MOTIFS,),
    (LANGUAGE, COUNTS), (WORDS, COUNTS), (MOTIFS, COUNTS), (LANGUAGE, MOTIFS),
]  # fmt: skip
QUESTIONS = [
    ("pre-training, frozen", ("frozen", (LANGUAGE,)), ("frozen", (RANDOM,))),
    ("pre-training, fine-tuned", ("tuned", (LANGUAGE,)), ("tuned", (RANDOM,))),
    ("fine-tuning the pre-trained model", ("tuned", (LANGUAGE,)), ("frozen", (LANGUAGE,))),
    ("the frozen model, not 4-mer counts", ("frozen", (LANGUAGE,)), ("frozen", (COUNTS,))),
    ("the fine-tuned model, not 4-mer counts", ("tuned", (LANGUAGE,)), ("frozen", (COUNTS,))),
    ("the frozen model next to 4-mer counts", ("frozen", (LANGUAGE, COUNTS)), ("frozen", (COUNTS,))),
    ("the fine-tuned model next to 4-mer counts", ("tuned", (LANGUAGE, COUNTS)), ("frozen", (COUNTS,))),
    ("trained convolutions next to 4-mer counts", ("tuned", (MOTIFS, COUNTS)), ("frozen", (COUNTS,))),
    ("the fine-tuned model, not trained convolutions", ("tuned", (LANGUAGE,)), ("tuned", (MOTIFS,))),
]
"""What is asked: one line minus another, on the same draws of test genes."""
SPECIES = ("human", "yeast")
MODES = {"frozen": "frozen", "tuned": "fine-tuned"}
ASKED = {"frozen": 10, "tuned": 3}
TEXTS = ("answer", "findings")


def find(runs: dict[str, Runs], species: str, mode: str, parts: tuple[str, ...]) -> Runs | None:
    """The runs of a line, if there are any; the order of a pair does not matter."""
    keys = {f"study.{species}.{mode}.{'+'.join(order)}" for order in (parts, parts[::-1])}
    return next((runs[key] for key in keys if key in runs), None)


def name_of(parts: tuple[str, ...]) -> str:
    """The title of an encoder or a pair."""
    return " and ".join(NAMES[part] for part in parts)


def missing(runs: dict[str, Runs]) -> str:
    """Lines with fewer runs than are asked, and what the others would cost.

    A run's seconds are the fewest that one took, of a frozen line on either species, as some ran on a CPU; of a line
    without any they are the sum of its encoders' lines.
    """
    text = "| line | runs | asked | seconds a run | seconds of all that are missing |\n|---|---|---|---|---|\n"
    for species in SPECIES:
        for parts in ENCODERS:
            for mode, shown_mode in MODES.items():
                if mode == "tuned" and parts == (COUNTS,):
                    continue
                line = find(runs, species, mode, parts)
                alone = [find(runs, species, mode, (part,)) for part in parts if (mode, part) != ("tuned", COUNTS)]
                timed = [line] if line else [one for one in alone if one]
                seconds = sum(min(one.seconds) for one in timed)
                if mode == "frozen":
                    both = [find(runs, one, mode, parts) for one in SPECIES]
                    seconds = min(min(one.seconds) for one in both if one)
                title = f"{species}: {name_of(parts)}, {shown_mode}"
                text += lacking(title, len(line.numbers) if line else 0, seconds, ASKED[mode])
    return text


def markdown(runs: dict[str, Runs]) -> str:
    """Writes the figures of every line and the answers."""
    text = ""
    for species in SPECIES:
        text += f"\n### {species}\n\n| encoder | | runs | median: r2 | median: 1-SSE/SST | "
        text += "mean of the others: r2 | mean of the others: 1-SSE/SST |\n|---|---|---|---|---|---|---|\n"
        for parts in ENCODERS:
            for mode, shown_mode in MODES.items():
                line = find(runs, species, mode, parts)
                if line is not None:
                    cells = " | ".join(line.spread(name) for name in FIGURES)
                    text += f"| {name_of(parts)} | {shown_mode} | {len(line.numbers)} | {cells} |\n"
    text += "\n### What is gained by ...\n\n| | human: median r2 | human: cell types r2 | yeast: median r2 | yeast: "
    text += "conditions r2 |\n|---|---|---|---|---|\n"
    for question, left, right in QUESTIONS:
        row = [question]
        for species in SPECIES:
            one, other = find(runs, species, *left), find(runs, species, *right)
            for name in ("median_r2", "cells_r2"):
                row.append("-" if one is None or other is None else shown(one.minus(other, name), sign=True))
        text += f"| {' | '.join(row)} |\n"
    return text


def raw(runs: dict[str, Runs]) -> pd.DataFrame:
    """One row per run."""
    rows = []
    for key, line in sorted(runs.items()):
        _, species, mode, encoders = key.split(".")
        for place, number in enumerate(line.numbers):
            figures = {name: line.figures[name][place, 0] for name in FIGURES}
            seconds = round(line.seconds[place], 1)
            rows.append(
                {"species": species, "mode": mode, "encoders": encoders, "run": number, "seconds": seconds, **figures}
            )
    return pd.DataFrame(rows)


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, nargs="+", required=True, help="Folders of finished runs.")
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    given = parser.parse_args()
    runs = read_runs(given.results, ".")
    raw(runs).to_csv(given.docs / "encoder-study.tsv", sep="\t", index=False, float_format="%.5g")
    page = given.docs / "encoder-study.md"
    replace_between(page, "tables", markdown(runs))
    replace_between(page, "missing", missing(runs))

    def named(name: str) -> Runs:
        species, mode, encoders = name.split()
        line = find(runs, species, mode, tuple(encoders.split("+")))
        if line is None:
            raise SystemExit(f"the text names {name}, of which there are no runs")
        return line

    for name in TEXTS:
        text = Path(__file__).with_name(f"{name}.md").read_text(encoding="utf-8")
        replace_between(page, name, fill(text, named))


if __name__ == "__main__":
    main()
