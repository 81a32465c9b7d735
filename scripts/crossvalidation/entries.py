"""The lines of the table, and what the network of each is fed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from dataset import Dataset
from safetensors import safe_open
from safetensors.torch import save_file

from texcnn.embedding.engine import embed_windows
from texcnn.embedding.options import ComputeOptions
from texcnn.encoders.dnabert2 import Dnabert2Encoder
from texcnn.encoders.dnabert2_model import Dnabert2Model
from texcnn.encoders.kmer_counts import KmerCountsEncoder
from texcnn.encoders.protocol import Encoder
from texcnn.encoders.word2vec import Word2VecEncoder, fit_word2vec
from texcnn.errors import ModelError
from texcnn.evaluation.baselines import GC_CPG, MEAN
from texcnn.files import atomic_file
from texcnn.model.load import load_model
from texcnn.segments.bases import stack_codes
from texcnn.segments.bpe import BpeTokenizer
from texcnn.segments.segment import SegmentSpec
from texcnn.training.architectures import Architecture, find_architecture
from texcnn.training.examples import Inputs, SegmentVectors, WindowBases

MINI = os.environ.get("TEXCNN_MINI_4", "texcnn-mini")
"""Version 4, whose encoders this comparison is about; later versions have no language model."""
MINI_SEGMENTS = SegmentSpec(250)
"""For its language model alone, as it was distilled."""


@dataclass(frozen=True)
class Entry:
    """One line of the table: an architecture, what it is fed, and how often and how long it is trained.

    Attributes:
        key: Names its files.
        name: Its title.
        architecture: A name of :data:`texcnn.training.architectures.ARCHITECTURES`; empty for a baseline.
        encoder: What an architecture that reads encoders is given: texcnn-mini's ``language`` model, ``both`` of its
            encoders, or one like the first with ``random`` weights.
        features: ``half-life``, ``tf``, ``tf-no-polr2a``.
        runs: How many, at most.
        fit: Settings that differ from the authors'.
        few: Those that also differ where an epoch of the authors' batches is a handful of steps.
        starts: Networks that are begun, of which the best is finished.
        median_only: Whether the median is the only output.
    """

    key: str
    name: str
    architecture: str
    encoder: str = ""
    features: tuple[str, ...] = ()
    runs: int = 10
    fit: dict[str, Any] = field(default_factory=dict)
    few: dict[str, Any] = field(default_factory=dict)
    starts: int = 1
    median_only: bool = False


# A solution without chance in it needs one run. Xpresso's is the best of several starts, as its authors' was, and for
# one output, which its last layer of two units was made for.
MODELS = (
    Entry("mean", MEAN, "", runs=1),
    Entry("gc-cpg", GC_CPG, "", runs=1),
    Entry("kmer-ridge", "k-mer ridge", "kmer-ridge", runs=1),
    Entry("language", "TExCNN, texcnn-mini's language model", "textcnn", "language"),
    Entry("both", "TExCNN, both of texcnn-mini's encoders", "textcnn", "both"),
    Entry("random", "TExCNN, random encoder (control)", "textcnn", "random"),
    Entry("half-life", "TExCNN + half-life", "textcnn", "language", ("half-life",)),
    Entry(
        "tf-no-polr2a",
        "TExCNN + half-life + TF without POLR2A",
        "textcnn",
        "language",
        ("half-life", "tf-no-polr2a"),
    ),
    Entry("tf", "TExCNN + half-life + TF", "textcnn", "language", ("half-life", "tf")),
    Entry("kmer-textcnn", "TExCNN on k-mer counts (as texcnn-yeast)", "kmer-textcnn"),
    Entry("deeplncloc", "DeepLncLoc", "deeplncloc"),
    Entry("pipoli", "Pipoli transformer", "pipoli", fit={"epochs": 60}, few={"batch_size": 16}),
    Entry(
        "xpresso",
        "Xpresso, trained here",
        "xpresso",
        fit={"epochs": 30},
        few={"batch_size": 32, "epochs": 80, "patience": 12},
        starts=10,
        median_only=True,
    ),
    Entry("perceiver", "DNAPerceiver", "perceiver", fit={"epochs": 8}),
)


class Feeder:
    """What each entry's network is fed, made once per dataset, or per fold where it depends on the training genes.

    Args:
        dataset: The genes.
        folder: Keeps the word2vec tables, which take minutes.
    """

    def __init__(self, dataset: Dataset, folder: Path) -> None:
        self.dataset, self.folder = dataset, folder
        self.sequences = [window.sequence for window in dataset.windows]
        self.kept: dict[object, Inputs] = {}

    def inputs(self, entry: Entry, fold: int, train: list[int]) -> Inputs:
        """Returns the inputs of all genes."""
        architecture = find_architecture(entry.architecture)
        reads = architecture.reads
        segments = architecture.segments(self.dataset.window)
        if reads == "encoders":
            segments = load_model(MINI).segment_network().segments if entry.encoder == "both" else MINI_SEGMENTS
        else:
            # A window with little known sequence keeps its segments: which genes are used is decided before.
            segments = replace(segments, max_n_fraction=0.95)
        key = (reads, entry.encoder, segments.length, fold if reads == "word2vec" else None)
        if key not in self.kept:
            if reads == "bases":
                self.kept[key] = WindowBases(stack_codes(self.sequences))
            else:
                encoders = self._encoders(architecture, entry.encoder, fold, train)
                self.kept[key] = SegmentVectors(
                    embed_windows(encoders, self.sequences, segments, options=ComputeOptions(256))
                )
        return self.kept[key]

    def _encoders(self, architecture: Architecture, name: str, fold: int, train: list[int]) -> Sequence[Encoder]:
        if architecture.reads == "kmer-counts":
            return [KmerCountsEncoder(architecture.k)]
        if architecture.reads == "word2vec":
            return [self._word2vec(fold, train)]
        encoders = load_model(MINI).segment_network().encoders
        language = encoders[0]
        if not isinstance(language, Dnabert2Encoder):
            raise ModelError(
                f"'{MINI}' has no language model", allowed="texcnn-mini 4",
                remedy="set TEXCNN_MINI_4 to its folder, from the repository's history",
            )  # fmt: skip
        if name == "both":
            return encoders
        if name == "random":
            torch.manual_seed(0)
            assert isinstance(language.tokenizer, BpeTokenizer)
            return [Dnabert2Encoder(Dnabert2Model(language.model.config), language.tokenizer)]
        return [language]

    def _word2vec(self, fold: int, train: list[int]) -> Encoder:
        path = self.folder / f"word2vec-{fold}.safetensors"
        if not path.exists():
            made = fit_word2vec((self.sequences[row] for row in train), seed=fold)
            with atomic_file(path) as temporary:
                save_file({"table": made.table}, temporary, metadata={"k": str(made.k)})
        with safe_open(path, framework="pt") as file:
            return Word2VecEncoder(file.get_tensor("table"), int(file.metadata()["k"]))
