"""A model's description: all that is known before the network is built, without torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from texcnn.arguments import names_of
from texcnn.encoders.protocol import BUNDLE_SOURCE
from texcnn.errors import InputError, ModelError, unknown_name
from texcnn.genome.windows import WindowSpec
from texcnn.model.bundle import CARD, VARIANT_BACKGROUND, BundleConfig, BundleFiles
from texcnn.model.reference_genes import ReferenceGenes, read_reference
from texcnn.model.summary import as_html, as_text, summary_rows


class DescribedModel:
    """A model's description.

    Args:
        config: The bundle's configuration.
        cell_types: One row per output, with the column ``cell_type``.
        fingerprint: Digest of everything but the input that the predictions depend on.
        reference: The bundle's training and test genes.
        folder: The bundle it was read from; None where it was not, or was changed since.
    """

    def __init__(
        self,
        config: BundleConfig,
        cell_types: pd.DataFrame,
        fingerprint: str,
        reference: ReferenceGenes | None = None,
        folder: Path | None = None,
    ) -> None:
        self.config = config
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
    def member_weights(self) -> tuple[float, ...]:
        """Each member's share of the mean, where the model is an ensemble of two or more; else empty.

        Common members, which are a part of what each other one predicts, are left out.
        """
        head = self.config.head
        members = head.options["members"] if head.type == "ensemble" else ()
        weights = [float(member["weight"]) for member in members if not member.get("common")]
        return tuple(weight / sum(weights) for weight in weights) if len(weights) > 1 else ()

    @property
    def cell_types(self) -> tuple[str, ...]:
        """Names of the outputs, the columns of every table."""
        return tuple(self.cell_type_table["cell_type"])

    def n_limit(self, wanted: float | None) -> float:
        """Returns the largest share of N in a window: ``wanted``, else the model's own limit."""
        own = self.config.max_n_fraction
        return wanted if wanted is not None else 1.0 if own is None else own

    def with_segment_grid(self) -> Self:
        """Returns the model with windows shifted onto the grid of its segments, so that neighbouring genes share them.

        A model trained on windows that the TSS places sees segments it was not trained on: docs/usage.md describes
        what that changes. One trained on the grid is returned as it is.

        Raises:
            ModelError: when the model reads bases itself and so has no segments.
        """
        if self.config.segments is None:
            raise without_encoder(self.name)
        grid = self.config.segments.length
        if self.window.grid == grid:
            return self
        moved = copy(self)
        moved.config = replace(self.config, window=replace(self.window, grid=grid))
        moved.fingerprint = hashlib.sha256(f"{self.fingerprint} grid {grid}".encode()).hexdigest()
        moved.folder = None
        return moved

    def cell_type_columns(self, names: str | Iterable[str] | None) -> list[int]:
        """Finds outputs by name.

        Args:
            names: Values of any column of the cell-type table (``cell_type``, and what else the model's table has,
                such as ``eid`` or ``name``); one name, or any iterable of names; None or empty for all.

        Returns:
            Their columns, in the order of ``names``, each once.

        Raises:
            InputError: on a name that no cell type, or more than one, has.
        """
        wanted = names_of(names)
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


def without_encoder(name: str) -> ModelError:
    """The error of what needs vectors and finds a model that reads bases."""
    return ModelError(
        f"the model '{name}' reads bases, it has no encoder", where="`model`", remedy="use texcnn predict"
    )


def model_fingerprint(files: BundleFiles, encoders: Sequence[str] = ()) -> str:
    """Returns the digest of all that predictions depend on, except the input.

    Args:
        files: The bundle; the sums of its files say which weights it holds.
        encoders: Fingerprints of the encoders whose weights are elsewhere.
    """
    config = files.config
    # Neither the card nor the background of effects changes a prediction.
    sums = {file: known for file, known in config.sha256.items() if file not in (CARD, VARIANT_BACKGROUND)}
    digest = hashlib.sha256(json.dumps({**config.to_json(), "sha256": sums}, sort_keys=True).encode())
    for fingerprint in encoders:
        digest.update(fingerprint.encode())
    return digest.hexdigest()


def read_described(files: BundleFiles) -> DescribedModel | None:
    """Reads a bundle's description; None where the fingerprint needs encoders that are elsewhere."""
    if any(spec.source != BUNDLE_SOURCE for spec in files.config.encoders):
        return None
    return DescribedModel(files.config, files.cell_types, model_fingerprint(files), read_reference(files), files.folder)
