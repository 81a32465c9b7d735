"""A head's extra inputs: read or computed, looked up by gene, and scaled as they were in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from texcnn.errors import InputError
from texcnn.features.from_gtf import half_life_table
from texcnn.features.table import FeatureTable
from texcnn.genome.reference import Reference
from texcnn.model.bundle import FeatureSpec


@dataclass(frozen=True)
class HeadFeatures:
    """The extra inputs of one model's head.

    Attributes:
        model: The model's name, for messages.
        specs: One per input; none for a model of sequence alone.
    """

    model: str
    specs: tuple[FeatureSpec, ...]

    def read(self, path: Path | None) -> FeatureTable | None:
        """Reads the feature table this model takes; None for no path.

        Raises:
            InputError: when the table cannot be used, or the model takes none.
        """
        if path is None:
            return None
        if not self.specs:
            raise self._unwanted()
        return FeatureTable.read(Path(path), [spec.name for spec in self.specs])

    def half_life(
        self,
        given: FeatureTable | None,
        reference: Reference,
        gtf: Path | None,
        *,
        genes: Sequence[str] | None = None,
        map_chrom_names: bool = False,
    ) -> FeatureTable:
        """Computes this model's half-life features: :func:`texcnn.features.from_gtf.half_life_table`.

        Raises:
            InputError: when a table is ``given`` as well, or they cannot be computed.
        """
        if given is not None:
            raise InputError("features given twice", where="--features, --half-life", allowed="one of the two")
        names = [spec.name for spec in self.specs]
        return half_life_table(reference, gtf, names, genes=genes, map_chrom_names=map_chrom_names)

    def scaled(self, table: FeatureTable | None, gene_ids: Sequence[str]) -> Tensor | None:
        """Looks up and scales the inputs of genes.

        Args:
            table: The user's features; None uses the defaults stored in the model.
            gene_ids: One per row.

        Returns:
            float32 ``(len(gene_ids), n_features)``, NaN where a gene has none; None for a model without features.

        Raises:
            InputError: when the model needs features and there is no table, or has none and there is one.
        """
        if not self.specs:
            if table is not None:
                raise self._unwanted()
            return None
        if table is not None:
            return scale_features(table.lookup(gene_ids), self.specs)
        needed = [spec.name for spec in self.specs if spec.default is None]
        if needed:
            raise InputError(
                f"the model '{self.model}' needs the features {', '.join(needed)}",
                where="--features",
                remedy="give a TSV with gene_id and these columns",
            )
        return torch.tensor([[spec.default for spec in self.specs]] * len(gene_ids), dtype=torch.float32)

    def _unwanted(self) -> InputError:
        return InputError(f"the model '{self.model}' takes no features", where="--features")


def scale_features(values: npt.NDArray[np.floating], specs: Sequence[FeatureSpec]) -> Tensor:
    """Scales features ``(n, n_features)`` by the mean and spread of the training genes, float32."""
    mean = np.array([spec.mean for spec in specs])
    scale = np.array([spec.scale for spec in specs])
    return torch.from_numpy(((values - mean) / scale).astype(np.float32))
