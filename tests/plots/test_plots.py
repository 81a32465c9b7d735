"""Figures: equal data give equal bytes, and what is drawn is where it should be."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from texcnn.plots import loss_curve as loss_curve_module
from texcnn.plots.loss_curve import loss_curve
from texcnn.plots.style import BLUE, ORANGE, new_figure, png, style, svg_source


@dataclass(frozen=True)
class Point:
    epoch: int
    train_loss: float
    valid_loss: float


HISTORIES = [
    [Point(1, 3.0, 3.5), Point(2, 2.0, 3.0), Point(3, 1.0, 3.2)],
    [Point(1, 4.0, 4.5), Point(2, 3.0, 4.0)],
]


def drawn() -> tuple[Figure, Axes]:
    figure, axes = new_figure(width=2, height=1)
    axes.plot([0, 1], [0, 1])
    return figure, axes


def test_a_png_is_the_same_bytes_each_time_and_of_the_size_asked_for() -> None:
    with style():
        first, second = png(drawn()[0]), png(drawn()[0])
    assert first == second
    assert b"matplotlib" not in first.lower()
    assert matplotlib.image.imread(io.BytesIO(first)).shape[:2] == (150, 300)


def test_an_svg_is_a_source_and_the_same_each_time() -> None:
    with style():
        first, second = svg_source(drawn()[0]), svg_source(drawn()[0])
    head, _, body = first.partition(",")
    assert head == "data:image/svg+xml;base64"
    text = base64.b64decode(body).decode()
    assert text.rstrip().endswith("</svg>")
    assert "<dc:date>" not in text
    assert first == second


def test_the_style_ends_with_its_context() -> None:
    before = dict(matplotlib.rcParams)
    with style():
        axes = drawn()[1]
        assert not axes.spines["top"].get_visible()
        assert not axes.spines["right"].get_visible()
    assert dict(matplotlib.rcParams) == before
    assert drawn()[1].spines["top"].get_visible()


def test_every_run_is_drawn_and_the_kept_one_marked_at_its_smallest_validation_loss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept: list[Any] = []
    monkeypatch.setattr(loss_curve_module, "png", lambda figure: kept.append(figure) or png(figure))
    assert loss_curve(HISTORIES, 0) == loss_curve(HISTORIES, 0)
    (axes,) = kept[0].axes
    lines = [line for line in axes.get_lines() if line.get_linestyle() == "-"]
    assert [line.get_ydata().tolist() for line in lines] == [[3, 2, 1], [3.5, 3, 3.2], [4, 3], [4.5, 4]]
    assert [to_rgba(line.get_color()) for line in lines[:2]] == [to_rgba(BLUE), to_rgba(ORANGE)]
    (mark,) = [line for line in axes.get_lines() if line.get_marker() == "o"]
    assert mark.get_xydata().tolist() == [[2.0, 3.0]]
    assert lines[0].get_linewidth() > lines[2].get_linewidth()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["train", "valid"]


def test_the_axis_is_the_attribute_that_names_it() -> None:
    renamed = [[type("Step", (), {"step": 7, "train_loss": 1.0, "valid_loss": 2.0})()]]
    picture = loss_curve(renamed, 0, x="step", loss="nats")
    assert np.asarray(matplotlib.image.imread(io.BytesIO(picture))).ndim == 3
    with pytest.raises(AttributeError, match="epoch"):
        loss_curve(renamed, 0)
