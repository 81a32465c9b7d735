"""What a user decides about a pre-training."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from texcnn.arguments import check_above_zero, check_choice, check_counts, check_shares, names_of, path_of
from texcnn.device import dtype_name, resolve_dtype
from texcnn.embedding.options import ComputeOptions
from texcnn.errors import InputError
from texcnn.pretraining import LANGUAGE_MODELS
from texcnn.pretraining.fit import StepOptions
from texcnn.pretraining.language_model import ModelSizes


@dataclass(frozen=True)
class PretrainOptions:
    """What to learn from, how large a model, and how to train it.

    Attributes:
        compute: Where to compute, and how many segments at a time; a language model learns in float32.
        bed: Only these regions: BED of three columns or more; None for the whole genome.
        exclude_chroms: Chromosomes to leave out.
        architecture: One of :data:`texcnn.pretraining.LANGUAGE_MODELS`.
        vocab_size: Tokens of a dnabert2; None for 4,096.
        k: Bases per token of a dnabert; None for 6.
        layers: Layers of the model.
        hidden_size: Length of a token's vector.
        heads: Attention heads of a layer; they divide ``hidden_size``.
        intermediate_size: Width of a layer's MLP.
        dropout: Fraction dropped while training.
        segment_length: Bases of a segment.
        valid_fraction: Share of the bases to hold out.
        steps: Steps of the optimiser.
        segments_per_step: Segments of a step.
        learning_rate: Highest rate of AdamW.
        warmup: Share of the steps up to the highest rate.
        mask_fraction: Share of the tokens to guess.
        checkpoint_every: Steps between two checkpoints, each after a validation.
        seed: Source of the held-out bases, the weights and the steps.

    Raises:
        InputError: when a value cannot be used, or belongs to another architecture.
        ModelError: when the heads do not divide the hidden size.
    """

    compute: ComputeOptions = field(default_factory=ComputeOptions)
    bed: Path | None = None
    exclude_chroms: tuple[str, ...] = ()
    architecture: str = "dnabert2"
    vocab_size: int | None = None
    k: int | None = None
    layers: int = 4
    hidden_size: int = 256
    heads: int = 4
    intermediate_size: int = 1024
    dropout: float = 0.0
    segment_length: int = 500
    valid_fraction: float = 0.02
    steps: int = 10_000
    segments_per_step: int = 64
    learning_rate: float = 4e-4
    warmup: float = 0.05
    mask_fraction: float = 0.15
    checkpoint_every: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        """Brings arguments to one form and checks them."""
        object.__setattr__(self, "bed", path_of(self.bed, "bed"))
        object.__setattr__(self, "exclude_chroms", names_of(self.exclude_chroms, "exclude_chroms"))
        check_choice("architecture", self.architecture, LANGUAGE_MODELS, "architecture")
        check_counts(vocab_size=self.vocab_size, k=self.k)
        counts = ("layers", "hidden_size", "heads", "intermediate_size", "segment_length", "steps",
                  "segments_per_step", "checkpoint_every")  # fmt: skip
        check_counts(needed=True, **{name: getattr(self, name) for name in counts})
        check_counts(least=0, needed=True, seed=self.seed)
        check_shares(
            needed=True, valid_fraction=self.valid_fraction, warmup=self.warmup, mask_fraction=self.mask_fraction
        )
        check_shares(zero=True, dropout=self.dropout)
        check_above_zero(learning_rate=self.learning_rate)
        wrong = "k" if self.architecture == "dnabert2" else "vocab_size"
        if getattr(self, wrong) is not None:
            raise InputError(
                f"`{wrong}` is of the other architecture",
                where=f"`architecture` {self.architecture}",
                allowed="`vocab_size` with dnabert2, `k` with dnabert",
            )
        if self.compute.compile:
            raise InputError("a pre-training compiles nothing", where="`compile`", remedy="leave it out")
        # The usual type of a GPU is not refused: it may be the default.
        dtype = self.compute.dtype
        if dtype not in (torch.float32, resolve_dtype(None, self.compute.device)):
            raise InputError(
                f"a language model does not learn in {dtype_name(dtype)}", where="`dtype`", allowed="float32"
            )
        _ = self.sizes

    @property
    def sizes(self) -> ModelSizes:
        """The sizes of the model."""
        return ModelSizes(self.hidden_size, self.layers, self.heads, self.intermediate_size, self.dropout)

    @property
    def fit(self) -> StepOptions:
        """How to take the steps."""
        return StepOptions(
            steps=self.steps,
            segments_per_step=self.segments_per_step,
            batch_size=self.compute.batch_size,
            learning_rate=self.learning_rate,
            warmup=self.warmup,
            mask_fraction=self.mask_fraction,
            report_every=self.checkpoint_every,
            seed=self.seed,
        )
