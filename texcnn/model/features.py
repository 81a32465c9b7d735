"""A head's extra inputs: read or computed, looked up by gene, and scaled as they were in training."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from texcnn.errors import InputError
from texcnn.features.from_gtf import are_half_life, half_life_table
from texcnn.features.spec import FeatureSpec, scale_features
from texcnn.features.table import DEFAULT, FeatureTable
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection

_LOG = logging.getLogger("texcnn")


@dataclass(frozen=True)
class FeatureRows:
    """The extra inputs of some genes.

    Attributes:
        values: float64 ``(n_genes, n_features)`` in the features' units, NaN where neither table nor model has a value;
            None where every gene has the model's defaults.
        sources: Per gene ``given``, ``computed``, or ``default`` where a value of it is the model's default.
    """

    values: npt.NDArray[np.float64] | None
    sources: list[str]


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

    @property
    def are_half_life(self) -> bool:
        """Whether all of them can be computed from an annotation."""
        return are_half_life([spec.name for spec in self.specs])

    def half_life(
        self, reference: Reference, selection: GeneSelection, *, needed: bool = True, progress: bool = False
    ) -> FeatureTable:
        """Computes this model's half-life features: :func:`texcnn.features.from_gtf.half_life_table`.

        Raises:
            InputError: when they cannot be computed.
        """
        return half_life_table(
            reference,
            selection.gtf,
            [spec.name for spec in self.specs],
            genes=selection.genes,
            map_chrom_names=selection.map_chrom_names,
            needed=needed,
            progress=progress,
        )

    def compute(
        self,
        reference: Reference,
        selection: GeneSelection,
        *,
        half_life: bool | None = None,
        progress: bool = False,
    ) -> FeatureTable | None:
        """Computes half-life features where they are wanted, or where they can be computed.

        Args:
            reference: The genome.
            selection: The genes.
            half_life: None computes them where the model takes nothing else and there is a GTF that can be read twice.
            progress: Whether to show progress.

        Returns:
            The features; None where there are none.

        Raises:
            InputError: when they are wanted and cannot be computed.
        """
        gtf = selection.gtf
        possible = self.are_half_life and gtf is not None and (gtf.is_file() or not gtf.exists())
        if half_life or (half_life is None and possible):
            return self.half_life(reference, selection, needed=bool(half_life), progress=progress)
        return None

    def choose(
        self,
        reference: Reference,
        selection: GeneSelection,
        *,
        half_life: bool | None = None,
        progress: bool = False,
    ) -> FeatureTable | None:
        """Computes half-life features as :meth:`compute` does, and logs where every gene has the model's defaults.

        Raises:
            InputError: when they cannot be computed, or the model needs features and there are none.
        """
        table = self.compute(reference, selection, half_life=half_life, progress=progress)
        if table is None and self.specs:
            self.check_defaults()
            names = ", ".join(spec.name for spec in self.specs)
            _LOG.info("no features were given: every gene has the model's defaults of %s", names)
        return table

    @property
    def defaults(self) -> npt.NDArray[np.float64]:
        """The model's defaults ``(n_features,)`` in the features' units; NaN for a feature without."""
        return np.array(
            [np.nan if spec.default is None else spec.mean + spec.default * spec.scale for spec in self.specs],
            np.float64,
        )

    def look_up(self, table: FeatureTable | None, gene_ids: Sequence[str]) -> FeatureRows | None:
        """Looks up the inputs of genes; the model's defaults replace what is missing, where it has some.

        Args:
            table: The features; None uses the defaults stored in the model.
            gene_ids: One per row.

        Returns:
            The inputs; None for a model without features.

        Raises:
            InputError: when the model has no features and there is a table.
        """
        if not self.specs:
            if table is not None:
                raise self._unwanted()
            return None
        if table is None:
            return FeatureRows(None, [DEFAULT] * len(gene_ids))
        values = table.lookup(gene_ids).astype(np.float64)
        missing = np.isnan(values)
        values = np.where(missing, self.defaults, values)
        incomplete: list[bool] = np.any(missing, axis=1).tolist()
        return FeatureRows(values, [DEFAULT if lacks else table.source for lacks in incomplete])

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
        """Checks that there is a table where the model has no defaults.

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
