"""The report's figures, each as an SVG that can stand in a page's ``src`` attribute."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from texcnn.report.summary import Agreement, Values

MAX_CELL_TYPES = 60
"""More rows than this cannot be read in one figure."""

BLUE, ORANGE, INK, GRID = "#2a6f97", "#d1603d", "#33414d", "#e3e8ec"
STYLE: Any = {
    "axes.edgecolor": "#b8c2ca",
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9,
    "svg.hashsalt": "texcnn",  # equal figures are equal bytes
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def distribution_figure(values: Values, cell_types: Sequence[str], unit: str) -> str:
    """One box per cell type over all genes (quartiles, 5th and 95th percentile), highest median on top."""
    order = np.argsort(np.median(values, axis=0), kind="stable")
    with matplotlib.rc_context(STYLE):
        figure, axes = _figure(height=1.1 + 0.19 * len(order))
        axes.boxplot(
            [values[:, column] for column in order],
            orientation="horizontal",
            whis=(5, 95),
            showfliers=False,
            widths=0.66,
            patch_artist=True,
            boxprops={"facecolor": "#cfe3ee", "edgecolor": BLUE, "linewidth": 0.8},
            whiskerprops={"color": BLUE, "linewidth": 0.8},
            capprops={"color": BLUE, "linewidth": 0.8},
            medianprops={"color": ORANGE, "linewidth": 1.6},
        )
        axes.set_yticks(range(1, len(order) + 1), [cell_types[column] for column in order], fontsize=8)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"predicted expression, {unit}")
        axes.grid(axis="x", color=GRID)
        axes.set_axisbelow(True)
        return _source(figure)


def correlation_figure(values: Values, cell_types: Sequence[str]) -> str:
    """Pearson correlation between cell types over genes, similar ones side by side; undefined ones are grey."""
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.asarray(np.corrcoef(values, rowvar=False))
    order = _similar_side_by_side(np.nan_to_num(correlation))
    shown = correlation[np.ix_(order, order)]
    lowest = np.nanmin(shown) if np.isfinite(shown).any() else 0.0
    side = 2.4 + 0.125 * max(len(order), 16)
    with matplotlib.rc_context(STYLE):
        figure, axes = _figure(height=side, width=side + 1.4)
        colours = matplotlib.colormaps["YlGnBu"].with_extremes(bad="#d8d8d8")
        image = axes.imshow(np.ma.masked_invalid(shown), vmin=min(lowest, 0.99), vmax=1, cmap=colours)
        names = [cell_types[column] for column in order]
        axes.set_xticks(range(len(order)), names, rotation=90, fontsize=6.5)
        axes.set_yticks(range(len(order)), names, fontsize=6.5)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(image, ax=axes, shrink=0.5, aspect=28, label="Pearson correlation over genes")
        bar.outline.set_visible(False)
        return _source(figure)


def n_fraction_figure(n_fraction: Values) -> str:
    """How many windows have how many unknown bases."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _figure(height=2.5)
        axes.hist(n_fraction, bins=np.linspace(0, 1, 41).tolist(), color=BLUE, edgecolor="white", linewidth=0.5)
        axes.set_yscale("symlog", linthresh=1)
        axes.set(xlim=(0, 1), ylim=(0, None))
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel("fraction of unknown bases (N) in the window")
        axes.set_ylabel("genes")
        axes.grid(axis="y", color=GRID)
        axes.set_axisbelow(True)
        return _source(figure)


def truth_figure(agreement: Agreement, unit: str) -> str:
    """Predictions against known values; the line is equality."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _figure(height=4.2, width=4.6)
        both = np.concatenate([agreement.true, agreement.predicted])
        margin = 0.05 * (np.ptp(both) or 1.0)
        limits = (both.min() - margin, both.max() + margin)
        axes.plot(limits, limits, color="#9aa6af", linewidth=1, linestyle=(0, (4, 3)))
        # Points as a picture: tens of thousands of them would make a page that no browser likes.
        axes.scatter(agreement.true, agreement.predicted, s=14, alpha=0.6, color=BLUE, linewidths=0, rasterized=True)
        axes.set(xlim=limits, ylim=limits, aspect="equal")
        axes.set_xlabel(f"true expression, {unit}")
        axes.set_ylabel("predicted, mean over cell types")
        axes.grid(color=GRID)
        axes.set_axisbelow(True)
        return _source(figure)


def _similar_side_by_side(correlation: Values) -> list[int]:
    if len(correlation) < 3:
        return list(range(len(correlation)))
    distance = np.clip(1 - (correlation + correlation.T) / 2, 0, None)
    np.fill_diagonal(distance, 0)
    return [int(leaf) for leaf in leaves_list(linkage(squareform(distance, checks=False), "average"))]


def _figure(height: float, width: float = 9.9) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained", dpi=150)
    return figure, figure.subplots()


def _source(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
