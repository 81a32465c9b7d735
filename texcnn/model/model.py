"""The model a user holds: a genome and genes in, a table of expression out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from texcnn import __version__
from texcnn.encoders.compiled import compile_encoders
from texcnn.errors import InputError, ModelError, unknown_name
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.windows import WindowSpec
from texcnn.model.bundle import BundleConfig
from texcnn.model.head_features import HeadFeatures
from texcnn.model.network import Network, SegmentNetwork
from texcnn.model.predict import predict_genes
from texcnn.tables.columns import TableDescription, skipped_frame

DEFAULT_BATCH_SIZE = 64


class Model:
    """A trained model.

    Args:
        config: Its description.
        network: What computes.
        cell_types: One row per output, with the column ``cell_type``.
        fingerprint: Digest of everything the predictions depend on besides the input.
    """

    def __init__(
        self,
        config: BundleConfig,
        network: Network,
        cell_types: pd.DataFrame,
        fingerprint: str,
    ) -> None:
        self.config = config
        self.network = network
        self.cell_type_table = cell_types
        self.fingerprint = fingerprint

    @property
    def name(self) -> str:
        """The model's name."""
        return self.config.name

    @property
    def unit(self) -> str:
        """Unit of every prediction."""
        return self.config.unit

    @property
    def window(self) -> WindowSpec:
        """The window round the TSS."""
        return self.config.window

    @property
    def cell_types(self) -> tuple[str, ...]:
        """Names of the outputs, the columns of every table."""
        return tuple(self.cell_type_table["cell_type"])

    def on_grid(self) -> Model:
        """Returns the model with windows shifted onto the grid of its segments, so that neighbouring genes share them.

        A model trained on windows that the TSS places sees segments it was not trained on: docs/usage.md says what
        that changes. One trained on the grid is returned as it is.

        Raises:
            ModelError: when the model reads bases itself and so has no segments.
        """
        grid = self.segment_network().segments.length
        if self.window.grid == grid:
            return self
        config = replace(self.config, window=replace(self.window, grid=grid))
        digest = hashlib.sha256(f"{self.fingerprint} grid {grid}".encode()).hexdigest()
        return Model(config, self.network, self.cell_type_table, digest)

    def compile(self, device: str | torch.device | None = None) -> Self:
        """Compiles the encoders in place (:func:`texcnn.encoders.compiled.compile_encoders`).

        Args:
            device: Where the model is going to compute; None is the GPU if there is one.

        Raises:
            InputError: when nothing can be compiled there, or the model has no encoder that could be.
        """
        compile_encoders(self.network.encoders if isinstance(self.network, SegmentNetwork) else [], device)
        return self

    def segment_network(self) -> SegmentNetwork:
        """Returns the network of an encoder + head model.

        Raises:
            ModelError: when the model reads bases itself and so has no embeddings.
        """
        if not isinstance(self.network, SegmentNetwork):
            raise ModelError(
                f"the model '{self.name}' reads bases, it has no encoder", where="--model", remedy="use texcnn predict"
            )
        return self.network

    def cell_type_columns(self, names: Sequence[str] | None) -> list[int]:
        """Finds outputs by name.

        Args:
            names: Values of any column of the cell-type table (``cell_type``, and what else the model's table has,
                such as ``eid`` or ``name``); None or empty for all.

        Returns:
            Their columns, in the order asked for, each once.

        Raises:
            InputError: on a name that no cell type, or more than one, has.
        """
        if not names:
            return list(range(len(self.cell_type_table)))
        columns: list[int] = []
        for name in names:
            matches = np.flatnonzero((self.cell_type_table["cell_type"] == name).to_numpy())
            if not len(matches):
                matches = np.flatnonzero((self.cell_type_table == name).any(axis=1).to_numpy())
            if len(matches) > 1:
                raise InputError(
                    f"'{name}' names {len(matches)} cell types",
                    where="--cell-type",
                    allowed=", ".join(self.cell_types[match] for match in matches),
                )
            if not len(matches):
                raise unknown_name("cell type", name, self.cell_types, where="--cell-type")
            columns.append(int(matches[0]))
        return list(dict.fromkeys(columns))

    @property
    def features(self) -> HeadFeatures:
        """The head's extra inputs."""
        return HeadFeatures(self.name, self.config.features)

    def predict_sequences(
        self,
        sequences: Sequence[str],
        features: npt.NDArray[np.float32] | None = None,
        *,
        batch_size: int = DEFAULT_BATCH_SIZE,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
    ) -> npt.NDArray[np.float32]:
        """Predicts expression of windows given as bases.

        Args:
            sequences: Windows of the model's length on the gene's strand, upper-case ``ACGTN``.
            features: ``(n, n_features)`` as the head takes them, that is scaled; None uses the model's defaults.
            batch_size: Segments (or windows, for a one-hot model) per forward pass; never changes the result.
            device: Where to compute; None is the GPU if there is one.
            dtype: Type of the encoders' matrix products (:func:`texcnn.device.resolve_dtype`).

        Returns:
            float32 ``(n, n_cell_types)`` in the model's unit; NaN for a window without a usable segment.

        Raises:
            InputError: when a window has another length or other letters, or features are needed.
        """
        letters = set().union(*sequences) - set("ACGTN")
        if letters:
            raise InputError(
                f"windows with the letters {', '.join(map(repr, sorted(letters)))}",
                allowed="upper-case A, C, G, T and N",
                remedy="upper-case soft-masked bases, and write N for every other code",
            )
        wrong = {len(sequence) for sequence in sequences} - {self.window.length}
        if wrong:
            raise InputError(
                f"windows of {', '.join(map(str, sorted(wrong)))} bp",
                allowed=f"{self.window.length} bp",
            )
        if not sequences:
            return np.zeros((0, len(self.cell_type_table)), np.float32)
        extra = (
            self.features.scaled(None, [""] * len(sequences))
            if features is None
            else torch.as_tensor(features, dtype=torch.float32)
        )
        predicted = self.network.predict(sequences, extra, batch_size=batch_size, device=device, dtype=dtype)
        return predicted.numpy()

    def describe_table(
        self, *, cell_types: Sequence[str] | None, fasta: str, fasta_fingerprint: str, transcripts: bool, dtype: str
    ) -> TableDescription:
        """Returns columns, unit and origin of a table this model makes, its encoders computing in ``dtype``."""
        return TableDescription(
            cell_types=tuple(self.cell_types[column] for column in self.cell_type_columns(cell_types)),
            unit=self.unit,
            model=self.name,
            model_fingerprint=self.fingerprint,
            fasta=fasta,
            fasta_fingerprint=fasta_fingerprint,
            texcnn_version=__version__,
            transcripts=transcripts,
            dtype=dtype if isinstance(self.network, SegmentNetwork) else "float32",
        )

    def predict(
        self,
        fasta: str | Path,
        *,
        gtf: str | Path | None = None,
        bed: str | Path | None = None,
        bed_anchor: str = "five-prime",
        transcripts: str = "gene",
        genes: Sequence[str] | None = None,
        cell_types: Sequence[str] | None = None,
        features: str | Path | None = None,
        half_life: bool = False,
        map_chrom_names: bool = False,
        batch_size: int = DEFAULT_BATCH_SIZE,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        progress: bool = False,
    ) -> pd.DataFrame:
        """Predicts expression of genes.

        Args:
            fasta: Genome, plain or BGZF.
            gtf: Annotation; exactly one of ``gtf`` and ``bed``.
            bed: Intervals, one per gene.
            bed_anchor: What an interval means: ``five-prime``, ``center`` or ``window``.
            transcripts: ``gene`` or ``all``.
            genes: Names of wanted genes; None for all.
            cell_types: Names of wanted cell types; None for all.
            features: TSV of extra inputs with the column ``gene_id``.
            half_life: Whether to compute the extra inputs, half-life features, from ``gtf`` instead.
            map_chrom_names: Whether to map chr1/1 styles where the files differ.
            batch_size: Segments (or windows) per forward pass; never changes the result.
            device: Where to compute; None is the GPU if there is one.
            dtype: Type of the encoders' matrix products (:func:`texcnn.device.resolve_dtype`).
            progress: Whether to show progress.

        Returns:
            The table of predictions, in input order: ``gene_id gene_name chrom tss strand n_fraction``, then one
            column per cell type. ``attrs["unit"]`` is its unit, ``attrs["skipped"]`` lists the genes without a row,
            each a dict of ``gene_id`` and ``reason``.

        Raises:
            InputError: when the input cannot be used.
        """
        with Reference(Path(fasta)) as reference:
            table = self.features.read(None if features is None else Path(features))
            if half_life:
                annotated = None if gtf is None else Path(gtf)
                table = self.features.half_life(
                    table, reference, annotated, genes=genes, map_chrom_names=map_chrom_names
                )
            annotation = load_genes(
                reference,
                self.window,
                gtf=None if gtf is None else Path(gtf),
                bed=None if bed is None else Path(bed),
                bed_anchor=bed_anchor,
                transcripts=transcripts,
                genes=genes,
                map_chrom_names=map_chrom_names,
            )
            if table is not None and features is not None:
                table.require_any((gene.id for gene in annotation.genes), annotation.path)
            parts = list(
                predict_genes(
                    self,
                    reference,
                    annotation.genes,
                    cell_types=cell_types,
                    features=table,
                    transcripts=transcripts == "all",
                    batch_size=batch_size,
                    device=device,
                    dtype=dtype,
                    progress=progress,
                )
            )
        predicted = pd.concat([part.frame for part in parts], ignore_index=True)
        skipped = [*annotation.skipped, *(entry for part in parts for entry in part.skipped)]
        # Plain strings and lists: pandas compares attrs when frames are joined, and frames in them would break that.
        predicted.attrs = {"unit": self.unit, "skipped": skipped_frame(skipped).to_dict("records")}
        return predicted
