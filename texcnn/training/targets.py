"""What a model learns: an expression table that holds something to learn, and its scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from texcnn.errors import InputError
from texcnn.genome.annotation import without_version
from texcnn.tables.columns import gene_columns
from texcnn.tables.expression import GENE_ID, read_expression, transform_expression
from texcnn.tables.units import LOG10_OFFSET


@dataclass(frozen=True)
class Targets:
    """Expression to learn.

    Attributes:
        values: float32 ``(n_genes, n_cell_types)`` in ``unit``; NaN where unknown.
        rows: Gene id to row of ``values``.
        cell_types: Names of the columns.
        unit: Unit of the values, such as ``"log10(RPKM + 0.1)"``.
        path: Where they were read.
    """

    values: npt.NDArray[np.float32]
    rows: dict[str, int]
    cell_types: tuple[str, ...]
    unit: str
    path: Path


def read_targets(
    path: Path, *, unit: str, transform: str, cell_types: Sequence[str] = (), gene_column: str = GENE_ID
) -> Targets:
    """Reads a table of genes x cell types; see :func:`texcnn.tables.expression.read_expression`.

    Args:
        path: The table.
        unit: Unit of its numbers.
        transform: One of :data:`texcnn.tables.units.UNIT_TRANSFORMS`.
        cell_types: Columns to learn; all when empty.
        gene_column: Name of the column of gene ids.

    Returns:
        The checked targets. A table that looks as if it were logarithms already is warned about in the log.

    Raises:
        InputError: when the table cannot be used, has two versions of an Ensembl id, or a cell type is unknown, has no
            value, has the same value for every gene, or is named like a column of the table of predictions.
    """
    frame = read_expression(path, gene_column=gene_column, only=cell_types or None)
    if cell_types:
        frame = frame[list(dict.fromkeys(cell_types))]
    owned = [name for name in frame.columns if name in gene_columns(transcripts=True)]
    if owned:
        raise InputError(
            f"the cell types {', '.join(owned)} are named like columns that a table of predictions has already",
            where=path,
            allowed=f"other names than {', '.join(gene_columns(transcripts=True))}",
            remedy="name the columns to learn in `cell_types`, or rename these",
        )
    bare = frame.index.map(without_version)
    if bare.has_duplicates:
        raise InputError(
            f"several versions of a gene, such as '{bare[bare.duplicated()][0]}'", where=path, remedy="keep one of each"
        )
    empty = frame.columns[frame.isna().all()]
    if len(empty):
        raise InputError(f"no value at all for the cell types {', '.join(empty)}", where=path, remedy="leave them out")
    constant = frame.columns[frame.nunique() == 1]
    if len(constant):
        raise InputError(
            f"the same value for every gene in the cell types {', '.join(constant)}",
            where=path,
            remedy="leave them out: there is nothing to learn",
        )
    learned = transform_expression(frame, transform, where=path)
    return Targets(
        learned.to_numpy(np.float32),
        {gene_id: row for row, gene_id in enumerate(learned.index)},
        tuple(learned.columns),
        unit if transform == "none" else f"log10({unit} + {LOG10_OFFSET:g})",
        path,
    )


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
