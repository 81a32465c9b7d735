"""The rows of personal expression: one per gene, sample and cell type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from texcnn.genome.gene import Gene
from texcnn.genome.haplotype_windows import GeneHaplotypes
from texcnn.genome.variant import VariantStatus

_TEXT, _WHOLE, _NUMBER = pa.string(), pa.int64(), pa.float32()
HAPLOTYPE_SCHEMA = pa.schema(
    [
        ("sample", _TEXT),
        ("gene_id", _TEXT),
        ("gene_name", _TEXT),
        ("transcript_id", _TEXT),
        ("chrom", _TEXT),
        ("tss", _WHOLE),
        ("strand", _TEXT),
        ("n_fraction", _NUMBER),
        ("n_variants", _WHOLE),
        ("status", _TEXT),
        ("cell_type", _TEXT),
        ("haplotype1", _NUMBER),
        ("haplotype2", _NUMBER),
        ("mean", _NUMBER),
        ("reference", _NUMBER),
    ]
)
"""One row per gene, sample and cell type; ``haplotype2`` is empty where a sample has one chromosome only."""


def haplotype_rows(
    gene: Gene,
    group: GeneHaplotypes,
    reference: npt.NDArray[np.float32],
    values: npt.NDArray[np.float32],
    samples: Sequence[str],
    cell_types: Sequence[str],
) -> pa.Table:
    """Makes the rows of one gene.

    Args:
        gene: The gene.
        group: Its distinct windows, and which of them each sample has.
        reference: Prediction of the window of the genome, float32 ``(n_cell_types,)``.
        values: Predictions of the distinct windows, float32 ``(n_windows, n_cell_types)``; NaN where there is none.
        samples: Names of the samples.
        cell_types: Names of the columns of ``values``.

    Returns:
        ``len(samples) * len(cell_types)`` rows of :data:`HAPLOTYPE_SCHEMA`, the cell types of one sample together.
    """
    one = values[[first for first, _ in group.of_sample]]
    two = values[[first if second is None else second for first, second in group.of_sample]]
    mean = (one + two) / np.float32(2)
    two = two.copy()
    two[[second is None for _, second in group.of_sample]] = np.nan
    of_sample = pa.array(np.repeat(np.arange(len(samples)), len(cell_types)))
    of_cell_type = pa.array(np.tile(np.arange(len(cell_types)), len(samples)))
    fixed: dict[str, Any] = {
        "gene_id": gene.id,
        "gene_name": gene.name,
        "transcript_id": gene.transcript_id,
        "chrom": gene.chrom,
        "tss": gene.tss + 1,
        "strand": gene.strand,
        "n_fraction": group.window.n_fraction,
    }
    size = len(samples) * len(cell_types)
    arrays: dict[str, pa.Array] = {
        name: pa.repeat(pa.scalar(value, HAPLOTYPE_SCHEMA.field(name).type), size) for name, value in fixed.items()
    }
    arrays |= {
        "sample": pa.array(list(samples)).take(of_sample),
        "n_variants": pa.array(group.n_variants, _WHOLE).take(of_sample),
        "status": pa.array([_status(group, values, *which) for which in group.of_sample]).take(of_sample),
        "cell_type": pa.array(list(cell_types)).take(of_cell_type),
    }
    numbers: dict[str, npt.NDArray[np.float32]] = {
        "haplotype1": one,
        "haplotype2": two,
        "mean": mean,
        "reference": np.tile(reference, len(samples)),
    }
    arrays |= {name: pa.array(number.ravel(), _NUMBER, from_pandas=True) for name, number in numbers.items()}
    return pa.table([arrays[name] for name in HAPLOTYPE_SCHEMA.names], schema=HAPLOTYPE_SCHEMA)


def _status(group: GeneHaplotypes, values: npt.NDArray[np.float32], first: int, second: int | None) -> str:
    both = [first, first if second is None else second]
    if any(group.windows[number].tss_deleted for number in both):
        return str(VariantStatus.TSS_DELETED)
    return str(VariantStatus.NO_KNOWN_BASES if np.isnan(values[both]).any() else VariantStatus.SCORED)
