"""The genes of a run with their scaled inputs of the head, and the genes left out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from texcnn.effects.options import EffectOptions
from texcnn.errors import InputError
from texcnn.genome.gene import Gene
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.skipped import Skipped, count_reasons
from texcnn.model.cautions import warn_of_cell_types, warn_of_genome
from texcnn.model.model import Model

_SHOWN_REASONS = 3


_LOG = logging.getLogger("texcnn")


@dataclass(frozen=True)
class GeneInputs:
    """Genes that can be predicted, and their scaled inputs of the head.

    Attributes:
        genes: Placed genes that have all features which the model needs.
        features: float32 ``(n_genes, n_features)``; None for a head without any.
        described: Where genes and features came from, for the table's metadata.
        skipped: Genes that were asked for and are left out.
    """

    genes: list[Gene]
    features: Tensor | None
    described: Mapping[str, Any]
    skipped: list[Skipped]


def load_gene_inputs(model: Model, reference: Reference, options: EffectOptions) -> GeneInputs:
    """Reads genes and features, and leaves out genes without.

    Raises:
        InputError: A file cannot be used, or no gene is left.
    """
    table = model.features.read(options.features)
    source = "none" if not model.config.features else "defaults" if table is None else table.path.name
    warn_of_genome(model, reference)
    warn_of_cell_types(model, tuple(options.cell_types or ()))
    if table is None:
        table = model.features.choose(reference, options.selection, half_life=options.half_life)
        source = source if table is None else f"half-life of {table.path.name}"
    annotation = load_genes(reference, model.window, options.selection)
    genes, skipped = annotation.genes, list(annotation.skipped)
    found = model.features.look_up(table, [gene.id for gene in genes])
    values = None if found is None else found.values
    if values is not None:
        complete = np.flatnonzero(~np.isnan(values).any(axis=1))
        if len(complete) < len(genes):
            _LOG.warning("%d genes without complete features are left out", len(genes) - len(complete))
            missing = sorted(set(range(len(genes))) - set(complete.tolist()))
            skipped += [Skipped(genes[row].id, "it lacks features that the model needs") for row in missing]
        genes, values = [genes[row] for row in complete], values[complete]
    if annotation.skipped:
        _LOG.info("%d genes of the annotation have no place and are left out", len(annotation.skipped))
    if not genes:
        reasons = "; ".join(f"{number:,}: {reason}" for reason, number in count_reasons(skipped)[:_SHOWN_REASONS])
        raise InputError("no gene is left", where=annotation.path, remedy=reasons or "check the list of genes")
    digest = "" if table is None else table.fingerprint()
    return GeneInputs(
        genes,
        model.features.scaled(values, len(genes)),
        {"annotation": annotation.path.name, "features": source, "features_fingerprint": digest},
        skipped,
    )
