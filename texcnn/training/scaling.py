"""Means and scales of labels and features, fitted on training genes only, and how a head takes them in."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from texcnn.errors import InputError
from texcnn.features.spec import FeatureSpec

_LOG = logging.getLogger("texcnn")


@dataclass(frozen=True)
class LabelScale:
    """What turns a label into what a head learns: ``(label - mean) / scale``, each float32 ``(n_cell_types,)``."""

    mean: Tensor
    scale: Tensor

    @classmethod
    def fit(cls, labels: Tensor, cell_types: Sequence[str]) -> LabelScale:
        """Takes mean and standard deviation over genes.

        Args:
            labels: Of training genes, ``(n, n_cell_types)``; NaN where unknown.
            cell_types: For messages.

        Raises:
            InputError: when a cell type has fewer than two distinct values.
        """
        values = labels.numpy().astype(np.float64)
        known = [column[~np.isnan(column)] for column in values.T]
        flat = [name for name, column in zip(cell_types, known, strict=True) if len(np.unique(column)) < 2]
        if flat:
            raise InputError(
                f"no two training genes differ in the cell types {', '.join(flat)}",
                where="expression table",
                remedy="leave these cell types out, or split the genes in another way",
            )
        mean = torch.tensor([column.mean() for column in known], dtype=torch.float32)
        scale = torch.tensor([column.std() for column in known], dtype=torch.float32)
        return cls(mean, scale)

    def apply(self, labels: Tensor) -> Tensor:
        """Scales labels."""
        return (labels - self.mean) / self.scale

    @torch.no_grad()
    def fold_into(self, output: nn.Linear) -> None:
        """Changes a head's last layer so that it gives labels as they were before :meth:`apply`."""
        output.weight.mul_(self.scale[:, None])
        output.bias.mul_(self.scale).add_(self.mean)


def fit_features(values: npt.NDArray[np.float32], names: Sequence[str]) -> tuple[FeatureSpec, ...]:
    """Takes each feature's mean and standard deviation over training genes.

    Args:
        values: ``(n_genes, n_features)``, without NaN.
        names: Of the features.

    Returns:
        What the bundle keeps; a feature that is the same in all genes gets the scale 1, which is logged.
    """
    mean = values.mean(axis=0, dtype=np.float64)
    scale = values.std(axis=0, dtype=np.float64)
    constant = [name for name, value in zip(names, scale, strict=True) if value == 0]
    if constant:
        _LOG.warning("features with the same value in every training gene: %s", ", ".join(constant))
    return tuple(
        FeatureSpec(name, float(centre), float(spread) or 1.0)
        for name, centre, spread in zip(names, mean, scale, strict=True)
    )
