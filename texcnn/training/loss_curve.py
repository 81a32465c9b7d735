"""The picture of a training: the losses along its way."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Protocol

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


class Losses(Protocol):
    """A point of the curve; an attribute named by the x axis says where it lies."""

    @property
    def train_loss(self) -> float:
        """Loss of what was learned from."""
        ...

    @property
    def valid_loss(self) -> float:
        """Loss of what was held out."""
        ...


def loss_curve(
    histories: Sequence[Sequence[Losses]],
    best: int,
    *,
    x: str = "epoch",
    loss: str = "mean squared error of scaled labels",
) -> bytes:
    """Draws the losses of all runs, that of the kept one in front and with a mark at its smallest validation loss.

    Args:
        histories: The points of each run.
        best: Place of the run that was kept.
        x: The points' attribute to draw them at, and the label of the axis.
        loss: Label of the other axis.

    Returns:
        A PNG; equal histories give equal bytes.
    """
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    for place, history in enumerate(histories):
        front = place == best
        places = [getattr(point, x) for point in history]
        style: dict[str, Any] = {
            "linewidth": 1.8 if front else 0.8,
            "alpha": 1.0 if front else 0.35,
            "zorder": 3 if front else 2,
        }
        for name, colour in (("train", "#2a6f97"), ("valid", "#d1603d")):
            losses = [getattr(point, f"{name}_loss") for point in history]
            axes.plot(places, losses, color=colour, label=name if front else None, **style)
    chosen = min(histories[best], key=lambda point: point.valid_loss)
    axes.plot([getattr(chosen, x)], [chosen.valid_loss], "o", color="#d1603d", zorder=4)
    axes.set(xlabel=x, ylabel=loss)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    drawn = io.BytesIO()
    FigureCanvasAgg(figure).print_png(drawn, metadata={"Software": None})
    return drawn.getvalue()
