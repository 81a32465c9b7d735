"""Genes that can be learned from: those with a place, expression, features and a part of the split."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from texcnn.errors import InputError
from texcnn.features.spec import FeatureSpec, scale_features
from texcnn.features.table import FeatureTable, find_rows
from texcnn.genome.gene import Annotation, Gene
from texcnn.genome.skipped import Skipped
from texcnn.tables.split import PARTS, TRAIN
from texcnn.training.inputs import Examples, Inputs
from texcnn.training.splits import Split
from texcnn.training.targets import Targets

_LOG = logging.getLogger("texcnn")


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


def make_examples(
    labelled: LabelledGenes,
    inputs: Inputs,
    usable: Sequence[bool],
    *,
    cell_types: Sequence[str],
    feature_names: Sequence[str] = (),
) -> tuple[Examples, tuple[FeatureSpec, ...], LabelledGenes]:
    """Leaves out genes that a network cannot read, and scales features by the training genes.

    Args:
        labelled: The genes.
        inputs: What the network is fed for those that are usable.
        usable: One per labelled gene.
        cell_types: Names of the labels' columns.
        feature_names: Names of the features' columns.

    Returns:
        The examples, the features' scales, and the genes left; the others are listed.

    Raises:
        InputError: when too few genes are left.
    """
    indices = [index for index, good in enumerate(usable) if good]
    genes = [labelled.genes[index] for index in indices]
    left = LabelledGenes(
        genes,
        labelled.labels[indices],
        None if labelled.features is None else labelled.features[indices],
        labelled.split.only([gene.id for gene in genes]),
        labelled.skipped
        + [
            Skipped(gene.id, "no segment of the window has enough known bases")
            for gene, good in zip(labelled.genes, usable, strict=True)
            if not good
        ],
    )
    specs: tuple[FeatureSpec, ...] = ()
    scaled = None
    if left.features is not None:
        specs = fit_features(left.features[left.rows()[TRAIN]], feature_names)
        scaled = scale_features(left.features, specs)
    return Examples(inputs, scaled, torch.from_numpy(left.labels), tuple(cell_types)), specs, left


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
