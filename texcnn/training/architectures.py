"""What can be trained: TExCNN and its published peers, each with its authors' settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from torch import nn

from texcnn.errors import unknown_name
from texcnn.evaluation.baselines import KMER
from texcnn.genome.windows import WindowSpec
from texcnn.heads.registry import HEADS
from texcnn.segments.segment import SegmentSpec
from texcnn.training.fit import FitOptions, Solver
from texcnn.training.ridge import fit_ridge


@dataclass(frozen=True)
class Architecture:
    """A network and how its authors trained it.

    Attributes:
        title: For the model card.
        head: A name of :data:`texcnn.heads.registry.HEADS`.
        reads: ``encoders`` chosen by the user, bases themselves, or a table fitted to the training genes.
        fit: Its settings; the seed is the user's.
        options: Arguments of the head, except its sizes.
        segment_length: Bases per segment of a window; None where the user's encoders say it, or there are none.
        k: Bases per k-mer, where it reads their counts.
        solve: What solves it in closed form; None where it is fitted by gradient descent.
    """

    title: str
    head: str
    reads: Literal["encoders", "bases", "word2vec", "kmer-counts"]
    fit: FitOptions
    options: dict[str, Any] = field(default_factory=dict)
    segment_length: Callable[[WindowSpec], int] | None = None
    k: int = KMER
    solve: Solver | None = None

    def segments(self, window: WindowSpec) -> SegmentSpec:
        """Returns how it cuts a window."""
        return SegmentSpec() if self.segment_length is None else SegmentSpec(self.segment_length(window))

    def make_head(self, sizes: dict[str, int], options: dict[str, Any]) -> nn.Module:
        """Makes the network with random weights; ``options`` override its own."""
        return HEADS[self.head](**sizes, **{**self.options, **options})


ARCHITECTURES: dict[str, Architecture] = {
    "textcnn": Architecture(
        "TExCNN: a text CNN over segment vectors", "textcnn", "encoders", FitOptions(), {"segment_positions": True}
    ),
    # Agarwal & Shendure 2020, doi:10.1016/j.celrep.2020.107663: SGD, 5e-4 and patience 7 as in their later notebook,
    # and the 128 genes per step that their search found best. With Adam and 1e-3, as in the training script of their
    # repository (Fig1_S2/Xpresso.py), both units of the last hidden layer die in the first steps. With SGD most starts
    # still lose them: like its authors, keep the best of ten.
    "xpresso": Architecture(
        "Xpresso (Agarwal & Shendure 2020)",
        "xpresso",
        "bases",
        FitOptions(epochs=100, batch_size=128, learning_rate=5e-4, patience=7, optimizer="sgd"),
    ),
    # Zeng et al. 2022, doi:10.1093/bib/bbab360: 64 subsequences, 3-mers of 64 numbers, 16 per step, 1e-3, patience 10.
    "deeplncloc": Architecture(
        "DeepLncLoc (Zeng et al. 2022)",
        "textcnn",
        "word2vec",
        FitOptions(epochs=100, batch_size=16, learning_rate=1e-3, patience=10, optimizer="adam"),
        {"kernel_widths": [1, 3, 5], "filters": 128, "dropout": 0.5, "input_dropout": 0.3},
        segment_length=lambda window: -(-window.length // 64),
    ),
    # Pipoli et al. 2022, doi:10.1016/j.cmpb.2022.107035: chunks of 50 bp, 256 per step, 5e-4, patience 20.
    "pipoli": Architecture(
        "the promoter transformer of Pipoli et al. 2022",
        "pipoli",
        "word2vec",
        FitOptions(epochs=300, batch_size=256, learning_rate=5e-4, patience=20, optimizer="adam"),
        segment_length=lambda window: 50,
    ),
    # Stefanini et al. 2023, doi:10.1016/j.cmpb.2023.107504: 50 per step, at most 550 epochs. Their rate warms up over
    # 8,000 steps; here it is the constant 5e-4 that their code takes without a schedule, and the patience that of the
    # other peers instead of 150 epochs.
    "perceiver": Architecture(
        "DNAPerceiver (Stefanini et al. 2023)",
        "perceiver",
        "bases",
        FitOptions(epochs=550, batch_size=50, learning_rate=5e-4, patience=20, optimizer="adam"),
    ),
    "kmer-ridge": Architecture(
        "a ridge regression on 5-mer shares",
        "linear",
        "kmer-counts",
        FitOptions(epochs=1),
        segment_length=lambda window: window.length,
        solve=fit_ridge,
    ),
    # Not published: k-mer counts, as a yardstick for encoders that were learned, before TExCNN's own convolutions.
    "kmer-textcnn": Architecture(
        "k-mer counts and a text CNN",
        "textcnn",
        "kmer-counts",
        FitOptions(weight_decay=0.05),
        {"kernel_widths": [1, 3], "filters": 64, "dropout": 0.5, "input_dropout": 0.2, "dense_units": 128},
        segment_length=lambda window: 250,
        k=4,
    ),
}


def find_architecture(name: str) -> Architecture:
    """Returns an architecture by name.

    Raises:
        InputError: when there is none; the message lists them.
    """
    if not isinstance(name, str) or name not in ARCHITECTURES:
        raise unknown_name("architecture", name, ARCHITECTURES, where="`architecture`")
    return ARCHITECTURES[name]


def fit_options(architecture: Architecture, seed: int, **given: Any) -> FitOptions:
    """Returns an architecture's settings, replaced by those that the user gave (not None)."""
    return replace(architecture.fit, seed=seed, **{name: value for name, value in given.items() if value is not None})
