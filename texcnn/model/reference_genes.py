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
from safetensors.numpy import load_file

from texcnn.errors import ModelError
from texcnn.genome.annotation import without_version
from texcnn.genome.gene import Gene
from texcnn.model.bundle import BundleFiles
from texcnn.tables.columns import IN_TRAINING_UNKNOWN
from texcnn.tables.split import TEST, read_parts
from texcnn.text.table import TextTable

REFERENCE = "reference.safetensors"
SPLITS = ("split.tsv", "split.tsv.gz")
METRICS = "metrics.tsv"

COVERAGE = 0.9
"""Share of held-out genes whose measured value is inside the interval."""


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
