"""Labels scaled for a head to learn, and the head's last layer scaled back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from texcnn.errors import InputError


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
