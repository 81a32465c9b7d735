"""A picture of an attribution: the whole region, and its strongest stretch as letters."""

from __future__ import annotations

import logomaker
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from texcnn.effects.attribution import Attribution
from texcnn.plots.style import BLUE, GRID, INK, ORANGE, figure_of_panels
from texcnn.segments.bases import BASES

LETTERS = 120
"""Bases that can be read next to each other in one row."""

_COLOURS = {"A": "#2f8f4e", "C": "#2a6f97", "G": "#d99a2b", "T": "#c23b3b"}


def draw_logo(attribution: Attribution, row: int, *, cell_type: str, unit: str, method: str) -> Figure:
    """Draws one cell type's attribution along the plus strand; call it within :func:`texcnn.plots.style.style`.

    Args:
        attribution: The values.
        row: Which of its cell types.
        cell_type: Its name.
        unit: The prediction's unit.
        method: Name of the method.
    """
    values = np.nan_to_num(attribution.values[row])
    gene, first = attribution.gene, attribution.interval.start + 1
    start, end = strongest_stretch(values, LETTERS)
    figure, (whole, letters) = figure_of_panels(width=9.0, height=4.2, heights=(1.0, 1.3))
    places = np.arange(first, first + len(values))
    whole.fill_between(places, values, color=BLUE, linewidth=0.5, edgecolor=BLUE, step="mid")
    if end - start < len(values):
        whole.axvspan(first + start - 0.5, first + end - 0.5, color=ORANGE, alpha=0.25, linewidth=0)
    whole.set_title(f"{gene.name} ({gene.strand}), {cell_type}: predicted {attribution.prediction[row]:.3g} {unit}")
    heights = np.zeros((end - start, len(BASES)))
    for place, base in enumerate(attribution.bases[start:end]):
        if base in BASES:
            heights[place, BASES.index(base)] = values[start + place]
    frame = pd.DataFrame(heights, index=places[start:end], columns=list(BASES))
    logomaker.Logo(frame, ax=letters, color_scheme=_COLOURS, show_spines=False)
    for axes in (whole, letters):
        axes.axhline(0, color=INK, linewidth=0.6)
        axes.set_ylabel(method)
        axes.grid(axis="y", color=GRID)
        axes.ticklabel_format(axis="x", style="plain", useOffset=False)
        _mark_tss(axes, gene.tss + 1, gene.strand)
    whole.set_xlim(first - 0.5, first + len(values) - 0.5)
    letters.set_xlim(first + start - 0.5, first + end - 0.5)
    letters.set_xlabel(f"{attribution.interval.chrom}, plus strand")
    return figure


def strongest_stretch(values: np.ndarray, width: int) -> tuple[int, int]:
    """Returns the stretch of that many bases with the largest sum of sizes, the first one of equal ones."""
    if len(values) <= width:
        return 0, len(values)
    sums = np.concatenate([[0.0], np.cumsum(np.abs(values), dtype=np.float64)])
    start = int((sums[width:] - sums[:-width]).argmax())
    return start, start + width


def _mark_tss(axes: Axes, tss: int, strand: str) -> None:
    low, high = axes.get_xlim()
    if low <= tss <= high:
        axes.axvline(tss, color=INK, linewidth=0.8, linestyle=(0, (2, 2)))
        arrow = "TSS →" if strand == "+" else "← TSS"
        axes.annotate(
            arrow, (tss, 1), xycoords=("data", "axes fraction"), ha="left" if strand == "+" else "right", va="top",
            fontsize=7,
        )  # fmt: skip
