"""What a user decides about a training."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from texcnn.arguments import check_above_zero, check_choice, check_counts, check_shares, names_of, path_of, paths_of
from texcnn.device import dtype_name, resolve_dtype
from texcnn.embedding.options import ComputeOptions
from texcnn.encoders.choose import check_one_source
from texcnn.errors import InputError
from texcnn.genome.select import GeneSelection
from texcnn.genome.windows import WindowSpec
from texcnn.keywords import check_flags
from texcnn.tables.expression import GENE_ID
from texcnn.tables.units import UNIT_TRANSFORMS
from texcnn.training import OPTIMIZERS, Optimizer
from texcnn.training.architectures import Architecture, find_architecture, fit_options
from texcnn.training.choose_split import SplitOptions
from texcnn.training.fit import FitOptions


@dataclass(frozen=True)
class FitChanges:
    """Settings of the fit in place of the architecture's own; None keeps that.

    Attributes:
        epochs: Most passes over the training genes.
        genes_per_step: Genes per step of the optimiser.
        learning_rate: Of the optimiser.
        optimizer: One of :data:`texcnn.training.OPTIMIZERS`.
        patience: Epochs without a smaller validation loss after which to stop.
        encoder_learning_rate: Of a fine-tuned encoder.

    Raises:
        InputError: when a value cannot be used.
    """

    epochs: int | None = None
    genes_per_step: int | None = None
    learning_rate: float | None = None
    optimizer: Optimizer | None = None
    patience: int | None = None
    encoder_learning_rate: float | None = None

    def __post_init__(self) -> None:
        """Checks the values."""
        check_counts(epochs=self.epochs, genes_per_step=self.genes_per_step, patience=self.patience)
        check_above_zero(learning_rate=self.learning_rate, encoder_learning_rate=self.encoder_learning_rate)
        if self.optimizer is not None:
            check_choice("optimizer", self.optimizer, OPTIMIZERS, "optimizer")


@dataclass(frozen=True)
class TextCNNChanges:
    """Arguments of a text CNN in place of the architecture's own; None keeps that.

    Attributes:
        kernel_widths: Odd widths of the convolutions, in segments.
        filters: Filters of each width.
        dropout: Fraction dropped before the last layer while training.
        segment_positions: Whether the network knows the places of segments.
        dense_units: Units of a dense layer over all segments, in place of the maximum.
        fusion_units: Units of a layer over sequence and features together.

    Raises:
        InputError: when a value cannot be used.
    """

    kernel_widths: tuple[int, ...] | None = None
    filters: int | None = None
    dropout: float | None = None
    segment_positions: bool | None = None
    dense_units: int | None = None
    fusion_units: int | None = None

    def __post_init__(self) -> None:
        """Checks the values."""
        if self.kernel_widths is not None:
            widths = self.kernel_widths if isinstance(self.kernel_widths, Iterable) else (self.kernel_widths,)
            object.__setattr__(self, "kernel_widths", tuple(widths))
            for width in self.kernel_widths:
                check_counts(needed=True, kernel_widths=width)
        check_counts(filters=self.filters, dense_units=self.dense_units, fusion_units=self.fusion_units)
        check_shares(zero=True, dropout=self.dropout)
        if self.segment_positions is not None:
            check_flags(segment_positions=self.segment_positions)

    def given(self) -> dict[str, Any]:
        """Returns the arguments that are not None, as a model's config holds them."""
        values = {name: value for name, value in vars(self).items() if value is not None}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


@dataclass(frozen=True)
class TrainOptions:
    """What to learn from what, with which network.

    Attributes:
        selection: Which genes.
        splitting: Which of them train, stop the training and judge the model.
        fitting: Settings of the fit.
        head: Arguments of a text CNN.
        compute: How to compute; an encoder that is fine-tuned learns in float32.
        unit: Unit of the expression table, such as ``TPM``.
        transform: One of :data:`texcnn.tables.units.UNIT_TRANSFORMS`.
        gene_column: Column of gene ids in the expression table.
        cell_types: Columns to learn; empty for all.
        architecture: A name of :data:`texcnn.training.architectures.ARCHITECTURES`.
        model: Model whose encoders and window are taken; None for the bundled default.
        encoders: Names of encoders in place of a model's.
        fine_tune: How much of the one encoder learns too: ``all``, or how many of its last layers; None for nothing.
        embeddings: One or more stores of segment vectors, joined, instead of a genome and genes.
        features: Table of extra inputs: ``gene_id``, and a column per feature.
        upstream: Bases before the TSS; None for the model's, or 7,000.
        downstream: Bases from the TSS on; None for the model's, or 3,500.
        seed: Source of the split and of the first run.
        runs: Independent runs; the best on the validation genes is kept.
        first_run: How many runs are left to others: run N of several is the same as the only one with ``first_run=N``.

    Raises:
        InputError: when a value cannot be used, or two contradict each other.
        ModelError: when the head's arguments cannot be used together.
    """

    selection: GeneSelection = field(default_factory=GeneSelection)
    splitting: SplitOptions = field(default_factory=SplitOptions)
    fitting: FitChanges = field(default_factory=FitChanges)
    head: TextCNNChanges = field(default_factory=TextCNNChanges)
    compute: ComputeOptions = field(default_factory=ComputeOptions)
    unit: str = ""
    transform: str = "log10p0.1"
    gene_column: str = GENE_ID
    cell_types: tuple[str, ...] = ()
    architecture: str = "textcnn"
    model: str | Path | None = None
    encoders: tuple[str, ...] = ()
    fine_tune: str | int | None = None
    embeddings: tuple[Path, ...] = ()
    features: Path | None = None
    upstream: int | None = None
    downstream: int | None = None
    seed: int = 0
    runs: int = 1
    first_run: int = 0

    def __post_init__(self) -> None:
        """Brings arguments to one form, and checks them before hours of embedding."""
        for name in ("cell_types", "encoders"):
            object.__setattr__(self, name, names_of(getattr(self, name), name))
        object.__setattr__(self, "embeddings", tuple(paths_of(self.embeddings or (), "embeddings")))
        object.__setattr__(self, "features", path_of(self.features, "features"))
        if not isinstance(self.unit, str) or not self.unit.strip():
            raise InputError("no unit of the expression table", where="`unit`", allowed="a text such as TPM or RPKM")
        check_choice("unit transform", self.transform, UNIT_TRANSFORMS, "transform")
        check_counts(
            least=0, seed=self.seed, first_run=self.first_run, upstream=self.upstream, downstream=self.downstream
        )
        check_counts(runs=self.runs)
        if self.selection.per_transcript:
            raise InputError("expression is per gene, so training takes one row per gene", where="`transcripts`")
        self._check_sources()
        self._check_tuning()
        self._check_head()

    @property
    def network(self) -> Architecture:
        """The architecture."""
        return find_architecture(self.architecture)

    @property
    def fit(self) -> FitOptions:
        """How to fit: the architecture's settings and what was changed of them."""
        changes = dict(vars(self.fitting))
        return fit_options(
            self.network, self.seed + self.first_run, batch_size=changes.pop("genes_per_step"), **changes
        )

    def window(self, usual: WindowSpec | None) -> WindowSpec:
        """Returns the window: the usual one, or the default, in the wanted sizes; a grid stays."""
        window = usual or WindowSpec()
        upstream = window.upstream if self.upstream is None else self.upstream
        downstream = window.downstream if self.downstream is None else self.downstream
        return WindowSpec(upstream, downstream, window.grid)

    def _check_sources(self) -> None:
        if self.model is not None and not isinstance(self.model, str | Path):
            raise InputError(
                f"a {type(self.model).__name__} in memory does not have the files that a new model holds",
                where="`model`",
                allowed="a bundled model's name, a folder, or hf:owner/name@revision",
            )
        check_one_source(self.model, self.encoders)
        reads = self.network.reads
        if reads != "encoders" and (self.model is not None or self.encoders or self.embeddings):
            raise InputError(
                f"{self.architecture} reads {reads}, not other encoders' vectors",
                where="`model`, `encoders` and `embeddings`",
                remedy="give `fasta` and genes alone, or the `architecture` textcnn",
            )
        if not self.embeddings:
            return
        fixed = [name for name in ("gtf", "bed", "genes") if getattr(self.selection, name) is not None]
        fixed += ["map_chrom_names"] if self.selection.map_chrom_names else []
        fixed += [name for name in ("upstream", "downstream") if getattr(self, name) is not None]
        if fixed:
            raise InputError(
                f"a store has its window and its genes already, so {', '.join(f'`{name}`' for name in fixed)} cannot "
                "be given",
                where="`embeddings`",
                remedy="leave them out, or leave `embeddings` out",
            )

    def _check_tuning(self) -> None:
        reads = self.network.reads
        compiles = self.fine_tune is None and not self.embeddings and reads == "encoders"
        if self.compute.compile and not compiles:
            raise InputError("there is no frozen encoder to compile", where="`compile`", remedy="leave it out")
        if self.fine_tune is None:
            if self.fitting.encoder_learning_rate is not None:
                raise InputError("no encoder learns", where="`encoder_learning_rate`", remedy="add `fine_tune`")
            return
        remedy = "give `fasta` and genes, and the `architecture` textcnn"
        if self.embeddings:
            raise InputError("the vectors of a store do not learn", where="`fine_tune`", remedy=remedy)
        if reads != "encoders":
            raise InputError(
                f"{self.architecture} reads {reads}, there is no pre-trained encoder to tune",
                where="`fine_tune`",
                remedy=remedy,
            )
        # The usual type of a GPU is not refused: it may be the default.
        dtype, usual = self.compute.dtype, resolve_dtype(None, self.compute.device)
        if dtype not in (torch.float32, usual):
            raise InputError(
                f"an encoder does not learn in {dtype_name(dtype)}", where="`dtype`", allowed="float32 with `fine_tune`"
            )

    def _check_head(self) -> None:
        """Makes a head of the smallest size with the arguments."""
        given = self.head.given()
        if self.network.head == "textcnn":
            self.network.make_head({"dim": 1, "n_cell_types": 1, "n_segments": 1}, given)
        elif given:
            named = ", ".join(f"`{name}`" for name in given)
            raise InputError(f"{named} can be given to a text CNN only", where=f"`architecture` {self.architecture}")
