"""Makes what predictions are compared with: reference genes and the errors on held-out genes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import save

from texcnn.errors import InputError
from texcnn.genome.annotation import without_version
from texcnn.model.bundle import BundleFiles, extend_bundle
from texcnn.model.reference_genes import COVERAGE, REFERENCE, Array, read_reference
from texcnn.tables.split import TEST

MAX_GENES = 2000
"""Reference genes that are kept: percentiles are then good to 0.05."""

GENES_PER_PLACE = 100
"""Held-out genes behind each place of the intervals, at least; fewer genes give one interval for all values."""

_MAX_PLACES = 10
FEWEST_GENES = 20
"""Held-out genes that intervals need."""


def make_reference(predictions: Array, measured: Array | None = None) -> bytes:
    """Makes the content of ``reference.safetensors``.

    Args:
        predictions: The model's predictions of its reference genes, ``(n_genes, n_cell_types)`` in its unit: every gene
            of the genome whose sequence is known well, with the features that users will have.
        measured: Measured values of **held-out** genes and the model's predictions of them, ``(2, n_held_out,
            n_cell_types)`` with the predictions first; NaN where nothing was measured. None for no intervals.

    Raises:
        InputError: when there is no gene, or a prediction is not finite.
    """
    predictions = np.asarray(predictions, np.float64)
    if predictions.ndim != 2 or not len(predictions) or not np.isfinite(predictions).all():
        raise InputError("no usable predictions of reference genes", allowed="finite numbers, genes x cell types")
    by_rank = np.argsort(predictions.mean(axis=1), kind="stable")
    kept = by_rank[np.linspace(0, len(by_rank) - 1, min(len(by_rank), MAX_GENES)).round().astype(int)]
    arrays = {"predictions": predictions[kept].astype(np.float16)}
    if measured is not None:
        at, lower, upper = _intervals(*np.asarray(measured, np.float64))
        arrays |= {"interval_at": at, "interval_lower": lower, "interval_upper": upper}
    return save(arrays)


def add_reference(folder: Path, predictions: pd.DataFrame, measured: pd.DataFrame | None = None) -> None:
    """Adds ``reference.safetensors`` to a bundle, made from tables; intervals are those of its split's test genes.

    Args:
        folder: The bundle; it is replaced as a whole.
        predictions: Its predictions of reference genes, a table of ``texcnn.predict``: index or column ``gene_id``, one
            column per cell type.
        measured: Measured values in the model's unit, genes (index ``gene_id``) x cell types, for the intervals; those
            of genes that are ``test`` in the bundle's split are used. None for no intervals.

    Raises:
        InputError: when a cell type is missing, or fewer than 20 test genes are measured.
        ModelError: when the bundle cannot be used.
    """
    files = BundleFiles(folder)
    names = list(files.cell_types["cell_type"])
    table = predictions.set_index("gene_id") if "gene_id" in predictions else predictions
    table.index = pd.Index([without_version(str(gene_id)) for gene_id in table.index])
    for where, frame in (("predictions", table), ("measured", measured)):
        missing = [] if frame is None else [name for name in names if name not in frame]
        if missing:
            raise InputError(f"no values of {', '.join(missing)}", where=f"`{where}`", allowed="every cell type")
    pairs = None
    if measured is not None:
        known = read_reference(files)
        parts = {} if known is None else known.parts
        bare = measured[names].set_axis([without_version(str(gene_id)) for gene_id in measured.index])
        held_out = [gene for gene in table.index if parts.get(gene) == TEST and gene in bare.index]
        pairs = np.stack([table.loc[held_out, names].to_numpy(np.float64), bare.loc[held_out].to_numpy(np.float64)])
    extend_bundle(folder, {REFERENCE: make_reference(table[names].to_numpy(), pairs)})


def _intervals(predicted: Array, measured: Array) -> tuple[Array, Array, Array]:
    """Quantiles of the errors around as many predicted values as the genes allow, per cell type."""
    n_genes = int((~np.isnan(measured)).sum(axis=0).min(initial=len(measured)))
    if n_genes < FEWEST_GENES:
        raise InputError(
            f"{n_genes} held-out genes with a measured value", allowed=f"{FEWEST_GENES} or more per cell type"
        )
    places = min(max(n_genes // GENES_PER_PLACE, 1), _MAX_PLACES)
    arrays = np.empty((3, places, predicted.shape[1]), np.float32)
    for column in range(predicted.shape[1]):
        rows = np.flatnonzero(~np.isnan(measured[:, column]))
        rows = rows[np.argsort(predicted[rows, column], kind="stable")]
        for place, part in enumerate(np.array_split(rows, places)):
            errors = measured[part, column] - predicted[part, column]
            arrays[0, place, column] = np.median(predicted[part, column])
            arrays[1:, place, column] = np.quantile(errors, _levels(len(part)))
    return arrays[0], arrays[1], arrays[2]


def _levels(n: int) -> tuple[float, float]:
    """Levels of the two quantiles, a little wider for few genes, so that new genes are covered as often as promised."""
    tail = max((1 - COVERAGE) / 2 * (1 + 1 / n) - 1 / n, 0.0)
    return tail, 1 - tail
