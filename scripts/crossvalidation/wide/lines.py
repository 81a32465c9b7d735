"""The lines of the table: what each network is, what it is fed, and how it is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from stack import Settings
from torch import nn

from texcnn.heads.perceiver import Perceiver
from texcnn.heads.pipoli import PipoliTransformer
from texcnn.heads.textcnn import TextCNN
from texcnn.heads.xpresso import XpressoCNN

LENGTH = 10_500
TEXT_CNN = {"kernel_widths": [1, 3], "filters": 64, "dropout": 0.5, "input_dropout": 0.2, "dense_units": 128}
"""The head of ``texcnn train --architecture kmer-textcnn``, for every TExCNN line."""
DEEPLNCLOC = {"kernel_widths": [1, 3, 5], "filters": 128, "dropout": 0.5, "input_dropout": 0.3}
FEATURES = {
    "": (),
    "half-life": ("lengths",),
    "half-life + TF without POLR2A": ("lengths", "factors-no-polr2a"),
    "half-life + TF": ("lengths", "factors"),
}


@dataclass(frozen=True)
class Line:
    """One line.

    Attributes:
        key: Names its files.
        name: Its title, without the features.
        kind: ``vectors`` (frozen, many networks at once), ``live`` (encoders learn too), ``bases`` or ``xpresso``.
        make: Makes a network of ``(dim, n_segments, outputs, n_features)``.
        settings: How to fit.
        encoders: What the segments become.
        features: A name of :data:`FEATURES`.
        median_only: Whether the median is the only output.
        starts: Networks that are begun, of which the best is finished.
        screening: Epochs after which it is chosen.
    """

    key: str
    name: str
    kind: str
    make: Callable[[int, int, int, int], nn.Module]
    settings: Settings
    encoders: tuple[str, ...] = ()
    features: str = ""
    median_only: bool = False
    starts: int = 1
    screening: int = 6


def _text(options: dict[str, Any], dim: int, segments: int, outputs: int, features: int) -> nn.Module:
    return TextCNN(dim, outputs, n_segments=segments, n_features=features, **options)


def _pipoli(dim: int, segments: int, outputs: int, features: int) -> nn.Module:
    return PipoliTransformer(dim, outputs, n_segments=segments, n_features=features)


def _perceiver(dim: int, segments: int, outputs: int, features: int) -> nn.Module:
    return Perceiver(LENGTH, outputs, features)


def _xpresso(dim: int, segments: int, outputs: int, features: int) -> nn.Module:
    return XpressoCNN(LENGTH, features, outputs)


# Settings are those of texcnn.training.architectures, which are the authors'; epochs are what the time allows.
TEXT = Settings(epochs=40, batch=64, rate=1e-3, patience=10, weight_decay=0.05, half=True)
LIVE = Settings(epochs=16, batch=64, rate=1e-3, patience=5, weight_decay=0.05, half=True)
DEEP = Settings(epochs=60, batch=16, rate=1e-3, patience=10, optimizer="adam", half=True)
PIPOLI = Settings(epochs=60, batch=256, rate=5e-4, patience=20, optimizer="adam", half=True)
PERCEIVER = Settings(epochs=8, batch=50, rate=5e-4, patience=5, optimizer="adam", half=True)
XPRESSO = Settings(epochs=100, batch=128, rate=5e-4, patience=7, optimizer="sgd", half=True)


def _lines() -> list[Line]:
    text = partial(_text, TEXT_CNN)
    deep = partial(_text, DEEPLNCLOC)
    bare = [
        Line("kmers", "TExCNN, 4-mer counts", "vectors", text, TEXT, ("kmers",)),
        Line("language", "TExCNN, language model", "vectors", text, TEXT, ("language",)),
        Line("random", "TExCNN, language model of random weights", "vectors", text, TEXT, ("random",)),
        Line("live", "TExCNN, convolutions", "live", text, LIVE, ("convolutions",)),
        Line("bundle", "TExCNN, convolutions and 4-mer counts", "live", text, LIVE, ("convolutions", "kmers")),
        Line("deeplncloc", "DeepLncLoc", "vectors", deep, DEEP, ("words-165",)),
        Line("pipoli", "Pipoli transformer", "vectors", _pipoli, PIPOLI, ("words-50",)),
        Line("perceiver", "DNAPerceiver", "bases", _perceiver, PERCEIVER),
        Line("xpresso", "Xpresso, trained here", "xpresso", _xpresso, XPRESSO, median_only=True, starts=10),
        Line("xpresso58", "Xpresso, trained here, 57 cell types too", "xpresso", _xpresso, XPRESSO, starts=10),
    ]
    suffixes = zip(("", "-hl", "-tf", "-pol"), FEATURES, strict=True)
    return [replace(line, key=line.key + suffix, features=name) for suffix, name in suffixes for line in bare]


LINES = {line.key: line for line in _lines()}
