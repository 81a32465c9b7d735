"""The model a user holds: its description, its network, and the names of its outputs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

import texcnn
from texcnn.embedding.options import ComputeOptions
from texcnn.errors import InputError, ModelError, unknown_name
from texcnn.genome.windows import WindowSpec
from texcnn.keywords import options_from
from texcnn.model.bundle import BundleConfig
from texcnn.model.features import HeadFeatures
from texcnn.model.network import Network, SegmentNetwork
from texcnn.model.predict_windows import predict_windows
from texcnn.model.reference_genes import ReferenceGenes
from texcnn.model.summary import as_html, as_text, summary_rows
from texcnn.tables.units import above_floor

if TYPE_CHECKING:
    from os import PathLike


class Model:
    """A trained model.

    Args:
        config: Its description.
        network: What computes.
        cell_types: One row per output, with the column ``cell_type``.
        fingerprint: Digest of everything but the input that the predictions depend on.
        reference: What its bundle says about the genes it was trained and tested on.
        folder: The bundle it was loaded from; None where it was not, or was changed since.
    """

    def __init__(
        self,
        config: BundleConfig,
        network: Network[Any],
        cell_types: pd.DataFrame,
        fingerprint: str,
        reference: ReferenceGenes | None = None,
        folder: Path | None = None,
    ) -> None:
        self.config = config
        self.network = network
        self.cell_type_table = cell_types
        self.fingerprint = fingerprint
        self.reference = reference
        self.folder = folder

    def __repr__(self) -> str:
        return as_text(self._summary())

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return as_html(self._summary())

    def _summary(self) -> list[tuple[str, str]]:
        return summary_rows(self.config, self.cell_types, self.reference, self.fingerprint)

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
        """The window around the TSS."""
        return self.config.window

    @property
    def cell_types(self) -> tuple[str, ...]:
        """Names of the outputs, the columns of every table."""
        return tuple(self.cell_type_table["cell_type"])

    @property
    def features(self) -> HeadFeatures:
        """The head's extra inputs."""
        return HeadFeatures(self.name, self.config.features)

    def n_limit(self, asked: float | None) -> float:
        """Returns the largest share of N in a window: what is asked for, else the model's own limit."""
        own = self.config.max_n_fraction
        return asked if asked is not None else 1.0 if own is None else own

    def with_segment_grid(self) -> Model:
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
        return Model(config, self.network, self.cell_type_table, digest, self.reference)

    def segment_network(self) -> SegmentNetwork:
        """Returns the network of an encoder + head model.

        Raises:
            ModelError: when the model reads bases itself and so has no embeddings.
        """
        if not isinstance(self.network, SegmentNetwork):
            raise ModelError(
                f"the model '{self.name}' reads bases, it has no encoder", where="`model`", remedy="use texcnn predict"
            )
        return self.network

    def cell_type_columns(self, names: str | Iterable[str] | None) -> list[int]:
        """Finds outputs by name.

        Args:
            names: Values of any column of the cell-type table (``cell_type``, and what else the model's table has,
                such as ``eid`` or ``name``); one name, or any iterable of names; None or empty for all.

        Returns:
            Their columns, in the order asked for, each once.

        Raises:
            InputError: on a name that no cell type, or more than one, has.
        """
        wanted = [names] if isinstance(names, str) else list(names or ())
        if not wanted:
            return list(range(len(self.cell_type_table)))
        columns: list[int] = []
        for name in wanted:
            matches = np.flatnonzero((self.cell_type_table["cell_type"] == name).to_numpy())
            if not len(matches):
                matches = np.flatnonzero((self.cell_type_table == name).any(axis=1).to_numpy())
            if len(matches) > 1:
                raise InputError(
                    f"'{name}' names {len(matches)} cell types",
                    where="`cell_types`",
                    allowed=", ".join(self.cell_types[match] for match in matches),
                )
            if not len(matches):
                table = self.cell_type_table.drop(columns="cell_type")
                others = [str(value) for value in table.to_numpy().ravel()]
                raise unknown_name("cell type", name, self.cell_types, where="`cell_types`", others=others)
            columns.append(int(matches[0]))
        return list(dict.fromkeys(columns))

    def predict_sequences(
        self,
        sequences: Sequence[str],
        features: npt.ArrayLike | None = None,
        *,
        options: ComputeOptions | None = None,
        **keywords: Any,
    ) -> npt.NDArray[np.float32]:
        """Predicts expression of windows given as bases.

        Args:
            sequences: Windows of the model's length on the gene's strand, upper-case ``ACGTN``.
            features: ``(n, n_features)`` in the units of the model's features; None uses the model's defaults.
            options: How to compute.
            keywords: Fields of the options in their place, such as ``device="cpu"``.

        Returns:
            float32 ``(n, n_cell_types)`` in the model's unit, nothing below its floor; NaN for a window without a
            usable segment or with more N than the model's limit, or with an unknown feature.

        Raises:
            InputError: when a window has another length or other letters, or features are needed or of another shape.
            RunError: when the model gives a number that is not finite for a usable window.
        """
        compute = options_from(ComputeOptions, options, keywords)
        limit = self.n_limit(None)
        parts = [
            above_floor(part.values, self.unit)
            for part in predict_windows(self, sequences, features, options=compute, max_n_fraction=limit)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.cell_type_table)), np.float32)

    def predict(self, fasta: str | PathLike[str], **keywords: Any) -> pd.DataFrame:
        """Predicts expression of genes: :func:`texcnn.predict` with this model, and its keywords.

        ``model.predict("genome.fa", gtf="genes.gtf", cell_types=["K562"])`` returns the table of predictions.
        """
        frame: pd.DataFrame = texcnn.predict(self, fasta, **keywords)
        return frame
