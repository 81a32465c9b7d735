"""What a model learns: measured expression, and the genes that have it, features and a part of the split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from texcnn.errors import InputError
from texcnn.features.table import FeatureTable, find_rows
from texcnn.genome.annotation import without_version
from texcnn.genome.gene import Annotation, Gene
from texcnn.genome.skipped import Skipped
from texcnn.tables.columns import EXTRA_COLUMNS, gene_columns, spread_columns
from texcnn.tables.expression import GENE_ID, read_expression
from texcnn.tables.split import PARTS
from texcnn.tables.transform import transform_expression
from texcnn.tables.units import LOG10_OFFSET
from texcnn.training.splits import Split

_SHOWN_CHROMS = 30


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
    taken = gene_columns(transcripts=True, extra=EXTRA_COLUMNS)
    ours = {*taken, *spread_columns([str(name) for name in frame.columns])}
    owned = [name for name in frame.columns if name in ours]
    if owned:
        raise InputError(
            f"the cell types {', '.join(owned)} are named like columns that a table of predictions has already",
            where=path,
            allowed=f"other names than {', '.join(taken)}, and than another's with .lower, .upper or .spread",
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
class LabelledGenes:
    """Genes with everything but their vectors.

    Attributes:
        genes: The genes, in the annotation's order.
        labels: float32 ``(n, n_cell_types)``; NaN where unknown.
        features: float32 ``(n, n_features)`` as in their table, without NaN; None for none.
        split: Their parts.
        skipped: Genes of either table that cannot be learned from, and why.
    """

    genes: list[Gene]
    labels: npt.NDArray[np.float32]
    features: npt.NDArray[np.float32] | None
    split: Split
    skipped: list[Skipped]

    def rows(self) -> dict[str, list[int]]:
        """Returns the rows of each part of the split."""
        gene_ids = [gene.id for gene in self.genes]
        return {part: self.split.rows(gene_ids, part) for part in PARTS}

    def plan(self, cell_types: Sequence[str], runs: int, epochs: int) -> str:
        """Describes the training in a line: genes, the chromosomes of each part, the most epochs."""
        parts = []
        for part, rows in self.rows().items():
            chroms = sorted({self.genes[row].chrom for row in rows}, key=lambda name: (len(name), name))
            shown = ", ".join(chroms[:_SHOWN_CHROMS]) + (" ..." if len(chroms) > _SHOWN_CHROMS else "")
            parts.append(f"{part} {len(rows):,} ({shown})")
        total = f"{len(self.genes):,} genes, {len(cell_types)} cell types, {len(self.skipped):,} skipped"
        return f"plan: {total}; {'; '.join(parts)}; {runs} run{'s' * (runs > 1)} of {epochs} epochs at most"


def label_genes(
    annotation: Annotation,
    targets: Targets,
    split: Callable[[Sequence[Gene]], Split],
    *,
    features: FeatureTable | None = None,
) -> LabelledGenes:
    """Joins genes with their expression and features, by id; Ensembl versions may differ.

    Args:
        annotation: Placed genes, one row each, and what was skipped on the way.
        targets: What to learn.
        split: Makes the split of the genes that are left.
        features: Extra inputs.

    Returns:
        The genes left; those missing in either table are listed.

    Raises:
        InputError: when no gene is in both, or has all features, or the split cannot be used.
    """
    genes = annotation.genes
    skipped = list(annotation.skipped)
    kept: list[tuple[Gene, int]] = []
    used: dict[int, str] = {}
    for gene, row in zip(genes, find_rows(targets.rows, [gene.id for gene in genes]), strict=True):
        if row is None:
            skipped.append(Skipped(gene.id, f"not in {targets.path.name}"))
        elif np.isnan(targets.values[row]).all():
            skipped.append(Skipped(gene.id, f"no value in {targets.path.name}"))
        elif row in used:
            skipped.append(Skipped(gene.id, f"its expression is that of '{used[row]}' already"))
        else:
            kept.append((gene, row))
        if row is not None:
            used.setdefault(row, gene.id)
    listed = set(find_rows(targets.rows, [entry.gene_id for entry in annotation.skipped]))
    skipped += [
        Skipped(gene_id, "in the expression table, but not among the genes")
        for gene_id, row in targets.rows.items()
        if row not in used and row not in listed
    ]
    if not kept:
        raise InputError(
            f"no gene has expression: the genes are named like '{genes[0].id if genes else ''}', the table's like "
            f"'{next(iter(targets.rows))}'",
            where=targets.path,
            remedy="use the same ids in both",
        )
    values = None if features is None else features.lookup([gene.id for gene, _ in kept])
    if features is not None and values is not None:
        complete = ~np.isnan(values).any(axis=1)
        if not complete.any():
            raise InputError(
                f"no gene has all features: the genes are named like '{kept[0][0].id}', the feature table's like "
                f"'{next(iter(features.rows), '')}'",
                where=features.path,
                remedy="use the same ids in both, and leave no cell empty",
            )
        reason = f"no complete features in {features.path.name}"
        skipped += [Skipped(kept[index][0].id, reason) for index in np.flatnonzero(~complete).tolist()]
        kept = [kept[index] for index in np.flatnonzero(complete).tolist()]
        values = values[complete]
    made = split([gene for gene, _ in kept])
    reason = f"in no part of the split {made.how}"
    skipped += [Skipped(gene.id, reason) for gene, _ in kept if gene.id not in made.parts]
    indices = [index for index, (gene, _) in enumerate(kept) if gene.id in made.parts]
    return LabelledGenes(
        [kept[index][0] for index in indices],
        targets.values[[kept[index][1] for index in indices]],
        None if values is None else values[indices],
        made,
        skipped,
    )
