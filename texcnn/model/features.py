"""A head's extra inputs: read or computed, looked up by gene, and scaled as they were in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from texcnn.errors import InputError
from texcnn.features.from_gtf import half_life_table
from texcnn.features.spec import FeatureSpec, scale_features
from texcnn.features.table import FeatureTable
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection


@dataclass(frozen=True)
class HeadFeatures:
    """The extra inputs of one model's head.

    Attributes:
        model: The model's name, for messages.
        specs: One per input; none for a model of sequence alone.
    """

    model: str
    specs: tuple[FeatureSpec, ...]

    def read(self, path: str | PathLike[str] | None) -> FeatureTable | None:
        """Reads the feature table this model takes; None for no path.

        Raises:
            InputError: when the table cannot be used, or the model takes none.
        """
        if path is None:
            return None
        if not self.specs:
            raise self._unwanted()
        return FeatureTable.read(Path(path), [spec.name for spec in self.specs])

    def half_life(self, reference: Reference, selection: GeneSelection) -> FeatureTable:
        """Computes this model's half-life features: :func:`texcnn.features.from_gtf.half_life_table`.

        Raises:
            InputError: when they cannot be computed.
        """
        names = [spec.name for spec in self.specs]
        return half_life_table(
            reference, selection.gtf, names, genes=selection.genes, map_chrom_names=selection.map_chrom_names
        )

    def look_up(self, table: FeatureTable | None, gene_ids: Sequence[str]) -> npt.NDArray[np.float32] | None:
        """Looks up the inputs of genes.

        Args:
            table: The user's features; None uses the defaults stored in the model.
            gene_ids: One per row.

        Returns:
            float32 ``(len(gene_ids), n_features)`` in the table's units, NaN where a gene has none; None for the
            defaults, and for a model without features.

        Raises:
            InputError: when the model has no features and there is a table.
        """
        if table is None:
            return None
        if not self.specs:
            raise self._unwanted()
        return table.lookup(gene_ids)

    def scaled(self, values: npt.ArrayLike | None, n: int) -> Tensor | None:
        """Scales the inputs of ``n`` windows as in training.

        Args:
            values: ``(n, n_features)`` in the units of the features' table, NaN where a value is unknown; None uses
                the defaults stored in the model.
            n: Number of windows.

        Returns:
            float32 ``(n, n_features)``; None for a model without features.

        Raises:
            InputError: when the shape is another, or the model needs features, or has none and there are some.
        """
        if values is not None:
            array = np.asarray(values, np.float64)
            if not self.specs:
                raise self._unwanted()
            if array.shape != (n, len(self.specs)):
                raise InputError(
                    f"features of the shape {array.shape}",
                    where="`features`",
                    allowed=f"({n}, {len(self.specs)}): a row per window, the columns "
                    f"{', '.join(spec.name for spec in self.specs)}",
                )
            return scale_features(array, self.specs)
        if not self.specs:
            return None
        self.check_defaults()
        return torch.tensor([[spec.default for spec in self.specs]] * n, dtype=torch.float32)

    def check_defaults(self) -> None:
        """Refuses to do without a table where the model has no defaults.

        Raises:
            InputError: when the model needs features.
        """
        needed = [spec.name for spec in self.specs if spec.default is None]
        if needed:
            raise InputError(
                f"the model '{self.model}' needs the features {', '.join(needed)}",
                where="`features`",
                remedy="give a TSV with gene_id and these columns",
            )

    def _unwanted(self) -> InputError:
        return InputError(f"the model '{self.model}' takes no features", where="`features`")
