"""The report's figures, each as an SVG that can stand in a page's ``src`` attribute."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from texcnn.plots.style import BLUE, ORANGE, PALE_BLUE, REFERENCE_LINE, new_figure, style, svg_source
from texcnn.report.summary import Agreement, Values

_WIDTH = 9.9
"""Inches, of figures as wide as the page."""


def distribution_figure(values: Values, cell_types: Sequence[str], unit: str) -> str:
    """One box per cell type over all genes (quartiles, 5th and 95th percentile), highest median on top."""
    order = np.argsort(np.median(values, axis=0), kind="stable")
    with style():
        figure, axes = new_figure(width=_WIDTH, height=1.1 + 0.19 * len(order))
        axes.boxplot(
            [values[:, column] for column in order],
            orientation="horizontal",
            whis=(5, 95),
            showfliers=False,
            widths=0.66,
            patch_artist=True,
            boxprops={"facecolor": PALE_BLUE, "edgecolor": BLUE, "linewidth": 0.8},
            whiskerprops={"color": BLUE, "linewidth": 0.8},
            capprops={"color": BLUE, "linewidth": 0.8},
            medianprops={"color": ORANGE, "linewidth": 1.6},
        )
        axes.set_yticks(range(1, len(order) + 1), [cell_types[column] for column in order], fontsize=8)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"predicted expression, {unit}")
        axes.grid(axis="x")
        return svg_source(figure)


def correlation_figure(values: Values, cell_types: Sequence[str]) -> str:
    """Pearson correlation between cell types over genes, similar ones side by side; undefined ones are grey."""
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.asarray(np.corrcoef(values, rowvar=False))
    order = _similar_side_by_side(np.nan_to_num(correlation))
    shown = correlation[np.ix_(order, order)]
    lowest = np.nanmin(shown) if np.isfinite(shown).any() else 0.0
    side = 2.4 + 0.125 * max(len(order), 16)
    with style():
        figure, axes = new_figure(width=side + 1.4, height=side)
        colours = matplotlib.colormaps["YlGnBu"].with_extremes(bad="#d8d8d8")
        image = axes.imshow(np.ma.masked_invalid(shown), vmin=min(lowest, 0.99), vmax=1, cmap=colours)
        names = [cell_types[column] for column in order]
        axes.set_xticks(range(len(order)), names, rotation=90, fontsize=6.5)
        axes.set_yticks(range(len(order)), names, fontsize=6.5)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(image, ax=axes, shrink=0.5, aspect=28, label="Pearson correlation over genes")
        bar.outline.set_visible(False)
        return svg_source(figure)


def n_fraction_figure(n_fraction: Values) -> str:
    """How many windows have how many unknown bases."""
    with style():
        figure, axes = new_figure(width=_WIDTH, height=2.5)
        axes.hist(n_fraction, bins=np.linspace(0, 1, 41).tolist(), color=BLUE, edgecolor="white", linewidth=0.5)
        axes.set_yscale("symlog", linthresh=1)
        axes.set(xlim=(0, 1), ylim=(0, None))
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel("fraction of unknown bases (N) in the window")
        axes.set_ylabel("genes")
        axes.grid(axis="y")
        return svg_source(figure)


def truth_figure(agreement: Agreement, unit: str) -> str:
    """Predictions against known values; the line is equality."""
    with style():
        figure, axes = new_figure(width=4.6, height=4.2)
        both = np.concatenate([agreement.true, agreement.predicted])
        margin = 0.05 * (np.ptp(both) or 1.0)
        limits = (both.min() - margin, both.max() + margin)
        axes.plot(limits, limits, **REFERENCE_LINE)
        # Points as a picture: tens of thousands of them would make a page that no browser likes.
        axes.scatter(agreement.true, agreement.predicted, s=14, alpha=0.6, color=BLUE, linewidths=0, rasterized=True)
        axes.set(xlim=limits, ylim=limits, aspect="equal")
        axes.set_xlabel(f"true expression, {unit}")
        axes.set_ylabel("predicted, mean over cell types")
        axes.grid()
        return svg_source(figure)


def _similar_side_by_side(correlation: Values) -> list[int]:
    if len(correlation) < 3:
        return list(range(len(correlation)))
    distance = np.clip(1 - (correlation + correlation.T) / 2, 0, None)
    np.fill_diagonal(distance, 0)
    return [int(leaf) for leaf in leaves_list(linkage(squareform(distance, checks=False), "average"))]
