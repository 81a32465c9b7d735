"""The picture of a training: the losses of its epochs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from texcnn.training.checkpoint import Epoch


def loss_curve(histories: Sequence[Sequence[Epoch]], best: int) -> bytes:
    """Draws the losses of all runs, that of the kept one in front and with a mark at its best epoch.

    Args:
        histories: The epochs of each run.
        best: Place of the run that was kept.

    Returns:
        A PNG; equal histories give equal bytes.
    """
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    for place, history in enumerate(histories):
        front = place == best
        epochs = [epoch.epoch for epoch in history]
        style: dict[str, Any] = {
            "linewidth": 1.8 if front else 0.8,
            "alpha": 1.0 if front else 0.35,
            "zorder": 3 if front else 2,
        }
        for name, colour in (("train", "#2a6f97"), ("valid", "#d1603d")):
            losses = [getattr(epoch, f"{name}_loss") for epoch in history]
            axes.plot(epochs, losses, color=colour, label=name if front else None, **style)
    chosen = min(histories[best], key=lambda epoch: epoch.valid_loss)
    axes.plot([chosen.epoch], [chosen.valid_loss], "o", color="#d1603d", zorder=4)
    axes.set(xlabel="epoch", ylabel="mean squared error of scaled labels")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    drawn = io.BytesIO()
    FigureCanvasAgg(figure).print_png(drawn, metadata={"Software": None})
    return drawn.getvalue()
