"""Runs of a line together: their figures, intervals over genes, and differences on the same draws of genes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from figures import Draws

FIGURES = ("median_r2", "median_sse", "cells_r2", "cells_sse")


@dataclass(frozen=True)
class Runs:
    """All runs of one line.

    Attributes:
        numbers: Of the runs.
        figures: By name, ``(runs, 1 + draws)``: the genes themselves first.
        seconds: Of each run.
        medians: Predictions of the median ``(runs, n)``; NaN where a fold is missing.
    """

    numbers: list[int]
    figures: dict[str, np.ndarray]
    seconds: list[float]
    medians: np.ndarray

    def spread(self, name: str) -> str:
        """Minimum / average / maximum over runs."""
        values = self.figures[name][:, 0]
        if np.isnan(values).any():
            return "-"
        if len(values) == 1:
            return f"{values[0]:.3f}"
        return f"{values.min():.3f} / **{values.mean():.3f}** / {values.max():.3f}"

    def interval(self, name: str) -> tuple[float, float, float]:
        """Mean over runs and the 95 % interval of the draws' means."""
        return _interval(self.figures[name].mean(0))

    def minus(self, other: Runs, name: str) -> tuple[float, float, float]:
        """Difference of the means, and the 95 % interval of that of the same draws."""
        return _interval(self.figures[name].mean(0) - other.figures[name].mean(0))


def _interval(values: np.ndarray) -> tuple[float, float, float]:
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return float(values[0]), float(low), float(high)


def read_runs(folders: list[Path], separator: str) -> dict[str, Runs]:
    """Reads the runs of all lines; the file's name is the line, the separator and the run.

    A run that several folders have is taken from the first.
    """
    paths: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.npz")):
            paths.setdefault(path.stem, path)
    found: dict[str, dict[int, Path]] = {}
    for stem, path in paths.items():
        line, _, run = stem.rpartition(separator)
        found.setdefault(line, {})[int(run)] = path
    made = {}
    for line, runs in found.items():
        arrays = [np.load(runs[run]) for run in sorted(runs)]
        figures = {name: np.stack([array[name] for array in arrays]).astype(np.float64) for name in FIGURES}
        medians = np.stack([array["median"] for array in arrays]).astype(np.float32)
        made[line] = Runs(sorted(runs), figures, [float(array["seconds"]) for array in arrays], medians)
    return made


def median_on(runs: Runs, rows: np.ndarray, true: np.ndarray, draws: Draws) -> Runs:
    """The median's figures on some of the genes alone."""
    made = [
        draws.figures(torch.from_numpy(medians[rows, None]), torch.from_numpy(true[rows, None]))
        for medians in runs.medians
    ]
    figures = {name: np.stack([one[name] for one in made]).astype(np.float64) for name in ("median_r2", "median_sse")}
    return Runs(runs.numbers, figures, runs.seconds, runs.medians[:, rows])


def shown(interval: tuple[float, float, float], *, sign: bool = False) -> str:
    """A figure and its interval; a dash where there is none."""
    if np.isnan(interval).any():
        return "-"
    form = "+.3f" if sign else ".3f"
    value, low, high = (format(number, form) for number in interval)
    return f"{value} ({low} to {high})"


def replace_between(page: Path, name: str, text: str) -> None:
    """Writes text between the page's marks ``<!-- name -->`` and ``<!-- /name -->``."""
    old = page.read_text(encoding="utf-8")
    first, last = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, _, rest = old.partition(first)
    _, end, after = rest.partition(last)
    if not end:
        raise SystemExit(f"{page} has no {first} ... {last}")
    page.write_text(f"{before}{first}\n{text.strip()}\n{last}{after}", encoding="utf-8")
