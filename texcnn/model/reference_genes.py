"""What a prediction is compared with: the model's own genes, its errors, and which genes trained it.

The file ``reference.safetensors`` of a bundle holds, for ``n`` genes, ``b`` places and ``c`` cell types:

- ``predictions`` float16 ``(n, c)``: the model's predictions of genes of its species, 2,000 of them at even ranks;
- ``interval_at``, ``interval_lower``, ``interval_upper`` float32 ``(b, c)``: at a predicted value, the 5 % and 95 %
  quantiles of measured - predicted of genes that neither trained the model nor chose anything. Not there where nothing
  was measured. Between two places they are interpolated, beyond them constant.

Which part of the split a gene is in comes from ``split.tsv`` or ``split.tsv.gz`` of the bundle: ``gene_id split``, and
perhaps ``gene_name``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from texcnn.errors import InputError, ModelError
from texcnn.genome.annotation import without_version
from texcnn.genome.gene import Gene
from texcnn.model.bundle import BundleFiles, extend_bundle
from texcnn.tables.columns import IN_TRAINING_UNKNOWN
from texcnn.tables.split import TEST, read_parts
from texcnn.text.table import TextTable

REFERENCE = "reference.safetensors"
SPLITS = ("split.tsv", "split.tsv.gz")
METRICS = "metrics.tsv"

COVERAGE = 0.9
"""Share of held-out genes whose measured value is inside the interval."""

MAX_GENES = 2000
"""Reference genes that are kept: percentiles are then good to 0.05."""

GENES_PER_PLACE = 100
"""Held-out genes behind each place of the intervals, at least; fewer genes give one interval for all values."""

_MAX_PLACES = 10
FEWEST_GENES = 20
"""Held-out genes that intervals need."""

Array = npt.NDArray[np.floating]


@dataclass(frozen=True)
class ReferenceGenes:
    """A model's own genes.

    Attributes:
        predictions: ``(n_genes, n_cell_types)`` in the model's unit; no rows where they are not known.
        interval_at: Predicted values ``(n_places, n_cell_types)``, ascending; no rows without intervals.
        interval_lower: Lower end of measured - predicted there.
        interval_upper: Upper end.
        parts: Gene id (without version), and name where the split has it, to ``train``, ``valid`` or ``test``.
        held_out: Cell type to squared Pearson correlation over test genes.
    """

    predictions: Array
    interval_at: Array
    interval_lower: Array
    interval_upper: Array
    parts: Mapping[str, str] = field(default_factory=dict)
    held_out: Mapping[str, float] = field(default_factory=dict)

    @property
    def has_percentiles(self) -> bool:
        """Whether predictions of reference genes are known."""
        return len(self.predictions) > 0

    @property
    def has_intervals(self) -> bool:
        """Whether errors on held-out genes are known."""
        return len(self.interval_at) > 0

    def percentiles(self, values: Array, columns: Sequence[int]) -> npt.NDArray[np.float64]:
        """Ranks genes among the reference genes by their mean over some cell types.

        Args:
            values: ``(n, len(columns))`` in the model's unit.
            columns: The outputs that ``values`` are of.

        Returns:
            ``(n,)``: percent of reference genes below, half of those equal, to one decimal.
        """
        if not len(columns):
            return np.full(len(values), np.nan)
        known = np.sort(self.predictions[:, list(columns)].astype(np.float64).mean(axis=1))
        means = np.asarray(values, np.float64).mean(axis=1)
        below, through = np.searchsorted(known, means, "left"), np.searchsorted(known, means, "right")
        return np.round(50 * (below + through) / len(known), 1)

    def interval(
        self, values: Array, columns: Sequence[int]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Returns the lower and upper end of each prediction's 90 % interval.

        Args:
            values: ``(n, len(columns))`` in the model's unit.
            columns: The outputs that ``values`` are of.
        """
        ends = np.empty((2, *values.shape), np.float32)
        for place, column in enumerate(columns):
            for end, errors in zip(ends, (self.interval_lower, self.interval_upper), strict=True):
                end[:, place] = values[:, place] + np.interp(
                    values[:, place], self.interval_at[:, column], errors[:, column]
                )
        return ends[0], ends[1]

    def part(self, gene: Gene) -> str:
        """Returns ``train``, ``valid``, ``test`` or ``unknown``, by the gene's id, else by its name."""
        return self.parts.get(without_version(gene.id), self.parts.get(gene.name, IN_TRAINING_UNKNOWN))


def read_reference(files: BundleFiles) -> ReferenceGenes | None:
    """Reads a bundle's training and test genes; None where it lists none.

    Raises:
        ModelError: when a file of it cannot be used.
    """
    there = set(files.config.sha256)
    split = next((files.path(name) for name in SPLITS if name in there), None)
    if REFERENCE not in there and split is None and METRICS not in there:
        return None
    n_cell_types = len(files.cell_types)
    empty = np.zeros((0, n_cell_types), np.float32)
    arrays: dict[str, Array] = {}
    if REFERENCE in there:
        try:
            arrays = load_file(files.path(REFERENCE))
        except SafetensorError as error:
            raise ModelError(f"unreadable reference genes: {error}", where=files.path(REFERENCE)) from error
        if any(array.ndim != 2 or array.shape[1] != n_cell_types for array in arrays.values()):
            raise ModelError(
                "reference genes of other cell types", where=files.path(REFERENCE),
                allowed=f"arrays with {n_cell_types} columns",
            )  # fmt: skip
    return ReferenceGenes(
        arrays.get("predictions", empty),
        arrays.get("interval_at", empty),
        arrays.get("interval_lower", empty),
        arrays.get("interval_upper", empty),
        {} if split is None else _read_parts(split),
        _read_held_out(files.path(METRICS)) if METRICS in there else {},
    )


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


def _read_parts(path: Path) -> dict[str, str]:
    parts = read_parts(path)
    table = TextTable(path)
    if "gene_name" in table.names:
        gene, name = table.column("gene_id"), table.column("gene_name")
        for _, fields in table.rows():
            parts.setdefault(fields[name], parts[without_version(fields[gene])])
    return parts


def _read_held_out(path: Path) -> dict[str, float]:
    """Reads the test genes' squared Pearson correlation, per cell type, as training writes it."""
    table = pd.read_csv(path, sep="\t", dtype={"cell_type": str})
    rows = table[table["split"] == TEST]
    return dict(zip(rows["cell_type"], rows["squared_pearson"].astype(float), strict=True))
