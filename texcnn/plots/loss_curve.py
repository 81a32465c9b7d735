"""The losses of a training, epoch by epoch or step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from texcnn.plots.style import BLUE, ORANGE, new_figure, png, style


class Losses(Protocol):
    """A point of the curve; the attribute that names the x axis has its position."""

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
    """Draws the losses of all runs: the kept one in front, with a mark at its smallest validation loss.

    Args:
        histories: The points of each run.
        best: Place of the run that was kept.
        x: The points' attribute to draw them at, and the label of the axis.
        loss: Label of the other axis.

    Returns:
        A PNG; equal histories give equal bytes.
    """
    with style():
        figure, axes = new_figure(width=6.4, height=4.0)
        for index, history in enumerate(histories):
            front = index == best
            positions = [getattr(point, x) for point in history]
            line: dict[str, Any] = {
                "linewidth": 1.8 if front else 0.8,
                "alpha": 1.0 if front else 0.35,
                "zorder": 3 if front else 2,
            }
            for name, colour in (("train", BLUE), ("valid", ORANGE)):
                losses = [getattr(point, f"{name}_loss") for point in history]
                axes.plot(positions, losses, color=colour, label=name if front else None, **line)
        chosen = min(histories[best], key=lambda point: point.valid_loss)
        axes.plot([getattr(chosen, x)], [chosen.valid_loss], "o", color=ORANGE, zorder=4)
        axes.set(xlabel=x, ylabel=loss)
        axes.legend()
        return png(figure)
