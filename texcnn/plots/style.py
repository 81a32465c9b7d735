"""Colours, lines and file formats that every figure shares; equal figures are equal bytes."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, INK, GRID = "#2a6f97", "#d1603d", "#33414d", "#e3e8ec"
PALE_BLUE = "#cfe3ee"
"""Fills areas with an outline in :data:`BLUE`."""
REFERENCE_LINE: dict[str, Any] = {"color": "#9aa6af", "linewidth": 1, "linestyle": (0, (4, 3))}
"""How to draw a line that data are compared with, such as equality."""

MAX_CELL_TYPES = 60
"""More rows than this cannot be read in one figure."""

_STYLE: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#b8c2ca",
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "font.size": 9,
    "grid.color": GRID,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "svg.hashsalt": "texcnn",  # the default is random
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def style() -> AbstractContextManager[None]:
    """Returns the context in which figures are drawn."""
    return matplotlib.rc_context(_STYLE)


def new_figure(*, width: float, height: float) -> tuple[Figure, Axes]:
    """Makes a figure of one plot, in inches, that no window shows and no global list keeps."""
    figure = Figure(figsize=(width, height), layout="constrained", dpi=150)
    return figure, figure.subplots()


def figure_of_panels(*, width: float, height: float, heights: Sequence[float]) -> tuple[Figure, Sequence[Axes]]:
    """Makes a figure of plots below each other, with the shares of the height that each has."""
    figure = Figure(figsize=(width, height), layout="constrained", dpi=150)
    return figure, list(figure.subplots(len(heights), 1, height_ratios=heights))


def png(figure: Figure) -> bytes:
    """Returns a figure as PNG, without the name of the program that drew it."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", metadata={"Software": None})
    return drawn.getvalue()


def svg(figure: Figure) -> bytes:
    """Returns a figure as SVG, without the time at which it was drawn."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None}, transparent=True)
    return drawn.getvalue()


def svg_source(figure: Figure) -> str:
    """Returns a figure as SVG, in the form of a page's ``src`` attribute."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg(figure)).decode("ascii")
