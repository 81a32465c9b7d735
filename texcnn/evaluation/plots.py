"""Pictures of an evaluation, as PNG files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from texcnn.evaluation.metrics import ALL_CELL_TYPES, squared_pearson
from texcnn.plots.style import BLUE, MAX_CELL_TYPES, ORANGE, PALE_BLUE, REFERENCE_LINE, new_figure, png, style

_BASELINE_COLOURS = (ORANGE, "#7a6a9a", "#4f8a5b", "#b08a2e", "#8a95a0", "#a4506a", "#2f6f73")


def scatter_plot(path: Path, predicted: pd.DataFrame, true: pd.DataFrame, unit: str) -> None:
    """Draws predictions against measured values, a point per gene, each the mean over the cell types known of it.

    Args:
        path: The PNG to write.
        predicted: Genes x cell types.
        true: The same genes and cell types.
        unit: Unit of both.
    """
    known = predicted.notna() & true.notna()
    left = true.where(known).mean(axis=1).dropna().to_numpy(np.float64)
    right = predicted.where(known).mean(axis=1).dropna().to_numpy(np.float64)
    both = np.concatenate([left, right])
    limits = (both.min(), both.max()) if len(both) else (0.0, 1.0)
    margin = 0.05 * ((limits[1] - limits[0]) or 1.0)
    limits = (limits[0] - margin, limits[1] + margin)
    over = "" if predicted.shape[1] == 1 else f", mean of {predicted.shape[1]} cell types"
    with style():
        figure, axes = new_figure(width=5, height=5)
        axes.plot(limits, limits, **REFERENCE_LINE, label="equality")
        # Many points overlap: the more there are, the fainter.
        alpha = float(np.clip(60 / np.sqrt(max(len(left), 1)) / 3, 0.12, 0.7))
        axes.scatter(left, right, s=12, alpha=alpha, color=BLUE, linewidths=0)
        axes.set(xlim=limits, ylim=limits, aspect="equal")
        axes.set_xlabel(f"measured, {unit}{over}")
        axes.set_ylabel(f"predicted{over}")
        axes.set_title(f"{len(left):,} genes, squared Pearson {squared_pearson(right, left):.3f}")
        axes.legend(loc="upper left")
        axes.grid()
        path.write_bytes(png(figure))


def cell_type_plot(path: Path, model: pd.DataFrame, baselines: Mapping[str, pd.DataFrame]) -> None:
    """Draws the squared Pearson per cell type: bars of the model, whiskers of its interval, dots of the others.

    Args:
        path: The PNG to write.
        model: Table of :func:`texcnn.evaluation.metrics.cell_type_metrics`. Of more than 60 cell types, the best 30 and
            the worst 30 are drawn, and the title has that.
        baselines: By name, peers too, the like tables with the same cell types; those without any figure are left out.
    """
    table = model[model["cell_type"] != ALL_CELL_TYPES].set_index("cell_type")
    table = table.sort_values("squared_pearson", kind="stable", na_position="first")
    n_all = len(table)
    if n_all > MAX_CELL_TYPES:
        table = pd.concat([table.iloc[: MAX_CELL_TYPES // 2], table.iloc[-MAX_CELL_TYPES // 2 :]])
    rows, values = np.arange(len(table)), table["squared_pearson"].to_numpy(np.float64)
    with style():
        figure, axes = new_figure(width=8, height=1.6 + 0.2 * len(table))
        axes.barh(
            rows, np.nan_to_num(values), height=0.66, color=PALE_BLUE, edgecolor=BLUE, linewidth=0.6, label="model"
        )
        low, high = (table[f"squared_pearson_{side}"].to_numpy(np.float64) for side in ("low", "high"))
        if np.isfinite(low).any():
            axes.hlines(rows, low, high, color=BLUE, linewidth=1.2, label="model, 95 % of draws of genes")
        shown = {name: figures for name, figures in baselines.items() if figures["squared_pearson"].notna().any()}
        for index, (name, figures) in enumerate(shown.items()):
            points = figures.set_index("cell_type")["squared_pearson"].reindex(table.index)
            colour = _BASELINE_COLOURS[index % len(_BASELINE_COLOURS)]
            axes.scatter(points, rows, s=14, color=colour, linewidths=0, zorder=3, label=name)
        axes.set_yticks(rows, [str(name) for name in table.index], fontsize=8)
        axes.tick_params(axis="y", length=0)
        axes.set(xlim=(0, None), ylim=(-0.7, len(table) - 0.3))
        axes.set_xlabel("squared Pearson over genes")
        if len(table) < n_all:
            axes.set_title(f"the best and the worst {len(table) // 2} of {n_all} cell types")
        axes.grid(axis="x")
        figure.legend(loc="outside upper center", ncols=3)
        path.write_bytes(png(figure))
