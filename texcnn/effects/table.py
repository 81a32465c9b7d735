"""The rows of variant effects: one per allele, gene and cell type, one per allele, and those without a prediction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from texcnn.effects.pairs import AlleleChunk
from texcnn.genome.gene import Gene
from texcnn.genome.variant import NotScored, Variant, VariantStatus

_TEXT, _WHOLE, _NUMBER = pa.string(), pa.int64(), pa.float32()
_ALLELE = [("chrom", _TEXT), ("pos", _WHOLE), ("id", _TEXT), ("ref", _TEXT), ("alt", _TEXT), ("status", _TEXT)]

DETAIL_SCHEMA = pa.schema(
    [
        *_ALLELE,
        ("gene_id", _TEXT),
        ("gene_name", _TEXT),
        ("transcript_id", _TEXT),
        ("tss", _WHOLE),
        ("distance_to_tss", _WHOLE),
        ("strand", _TEXT),
        ("cell_type", _TEXT),
        ("ref_prediction", _NUMBER),
        ("alt_prediction", _NUMBER),
        ("delta", _NUMBER),
        ("quantile", _NUMBER),
        ("n_fraction", _NUMBER),
    ]
)
"""One row per allele, gene and cell type; ``pos`` and ``tss`` are 1-based."""

SUMMARY_SCHEMA = pa.schema(
    [
        *_ALLELE,
        ("gene_id", _TEXT),
        ("gene_name", _TEXT),
        ("cell_type", _TEXT),
        ("delta", _NUMBER),
        ("quantile", _NUMBER),
        ("n_genes", _WHOLE),
    ]
)
"""One row per allele: the gene and cell type of its largest effect, empty where it has no prediction."""

SKIPPED_SCHEMA = pa.schema([*_ALLELE, ("reason", _TEXT)])
"""Alleles without a prediction."""

ALLELE_SCHEMA = pa.schema([("rows", _WHOLE), ("normalized", pa.bool_())])
"""One row per allele, for joining chunks: its rows of the detail, and whether it was trimmed or moved left."""


@dataclass(frozen=True)
class PairValues:
    """What was predicted for the pairs of a chunk.

    Attributes:
        reference: float32 ``(n_pairs, n_cell_types)``, NaN without a prediction.
        alternative: The same after the change.
        quantile: The same; None without a background.
        status: Of each pair.
        n_fraction: Share of N of each pair's window before the change.
    """

    reference: npt.NDArray[np.float32]
    alternative: npt.NDArray[np.float32]
    quantile: npt.NDArray[np.float32] | None
    status: Sequence[VariantStatus]
    n_fraction: Sequence[float]


TABLES = ("detail", "summary", "skipped", "alleles")
"""Names of the kinds of row; the last is in no table that users read."""


def make_rows(
    chunk: AlleleChunk, values: PairValues, genes: Sequence[Gene], cell_types: Sequence[str]
) -> dict[str, pa.Table]:
    """Makes the rows of a chunk.

    An allele with a prediction for at least one gene has rows for all its genes, empty where a gene has none; an allele
    without any is among the skipped. Rows plus skipped are all alleles.

    Args:
        chunk: Alleles and pairs.
        values: What was predicted for the pairs.
        genes: The genes that the pairs name.
        cell_types: Names of the columns of ``values``.

    Returns:
        Tables by the names of :data:`TABLES`.
    """
    delta = values.alternative - values.reference
    scored = ~np.isnan(delta).any(axis=1)
    first = np.searchsorted([pair.allele for pair in chunk.pairs], np.arange(len(chunk.variants) + 1))
    summary: list[dict[str, Any]] = []
    skipped: list[tuple[Variant, NotScored]] = []
    kept = np.zeros(len(chunk.pairs), bool)
    rows = np.zeros(len(chunk.variants), np.int64)
    for number, variant in enumerate(chunk.variants):
        pairs = np.arange(first[number], first[number + 1])
        good = pairs[scored[pairs]]
        if len(good):
            kept[pairs] = True
            rows[number] = len(pairs) * len(cell_types)
            place = int(np.abs(delta[good]).argmax())
            pair, column = good[place // len(cell_types)], place % len(cell_types)
            gene = genes[chunk.pairs[pair].gene]
            summary.append(
                {
                    **_stated(variant),
                    "status": str(_allele_status([values.status[row] for row in good])),
                    "gene_id": gene.id,
                    "gene_name": gene.name,
                    "cell_type": cell_types[column],
                    "delta": delta[pair, column],
                    "quantile": None if values.quantile is None else values.quantile[pair, column],
                    "n_genes": len(good),
                }
            )
        else:
            problem = chunk.problems[number] or _reason(chunk, values, genes, pairs)
            skipped.append((variant, problem))
            summary.append({**_stated(variant), "status": str(problem.status), "n_genes": 0})
    return {
        "detail": _detail(chunk, values, delta, np.flatnonzero(kept), genes, cell_types),
        "summary": pa.Table.from_pylist(summary, schema=SUMMARY_SCHEMA),
        "skipped": skipped_table(skipped),
        "alleles": pa.table(
            [pa.array(rows), pa.array([number in chunk.normalized for number in range(len(rows))], pa.bool_())],
            schema=ALLELE_SCHEMA,
        ),
    }


def skipped_table(alleles: Iterable[tuple[Variant, NotScored]]) -> pa.Table:
    """Makes the rows of alleles without a prediction, by :data:`SKIPPED_SCHEMA`."""
    rows = [
        {**_stated(variant), "status": str(problem.status), "reason": problem.reason} for variant, problem in alleles
    ]
    return pa.Table.from_pylist(rows, schema=SKIPPED_SCHEMA)


def _stated(variant: Variant) -> dict[str, Any]:
    return {"chrom": variant.chrom, "pos": variant.pos, "id": variant.id, "ref": variant.ref, "alt": variant.alt}


def _detail(
    chunk: AlleleChunk,
    values: PairValues,
    delta: npt.NDArray[np.float32],
    kept: npt.NDArray[np.int64],
    genes: Sequence[Gene],
    cell_types: Sequence[str],
) -> pa.Table:
    pairs = [chunk.pairs[row] for row in kept]
    variants = [chunk.variants[pair.allele] for pair in pairs]
    of_pairs = [genes[pair.gene] for pair in pairs]
    columns: dict[str, list[Any]] = {
        "chrom": [variant.chrom for variant in variants],
        "pos": [variant.pos for variant in variants],
        "id": [variant.id for variant in variants],
        "ref": [variant.ref for variant in variants],
        "alt": [variant.alt for variant in variants],
        "status": [str(values.status[row]) for row in kept],
        "gene_id": [gene.id for gene in of_pairs],
        "gene_name": [gene.name for gene in of_pairs],
        "transcript_id": [gene.transcript_id for gene in of_pairs],
        "tss": [gene.tss + 1 for gene in of_pairs],
        "distance_to_tss": [pair.distance for pair in pairs],
        "strand": [gene.strand for gene in of_pairs],
        "n_fraction": [values.n_fraction[row] for row in kept],
    }
    # Each pair's text is made once and then repeated for all cell types.
    repeated = pa.array(np.repeat(np.arange(len(pairs)), len(cell_types)))
    arrays: dict[str, pa.Array] = {
        name: pa.array(column, DETAIL_SCHEMA.field(name).type).take(repeated) for name, column in columns.items()
    }
    arrays["cell_type"] = pa.array(list(cell_types)).take(pa.array(np.tile(np.arange(len(cell_types)), len(pairs))))
    numbers = {"ref_prediction": values.reference, "alt_prediction": values.alternative, "delta": delta}
    for name, array in numbers.items():
        arrays[name] = pa.array(array[kept].ravel(), _NUMBER, from_pandas=True)
    if values.quantile is None:
        arrays["quantile"] = pa.nulls(len(repeated), _NUMBER)
    else:
        arrays["quantile"] = pa.array(values.quantile[kept].ravel(), _NUMBER, from_pandas=True)
    return pa.table([arrays[name] for name in DETAIL_SCHEMA.names], schema=DETAIL_SCHEMA)


def _allele_status(statuses: Sequence[VariantStatus]) -> VariantStatus:
    """SCORED, unless it deletes the TSS of each of its genes and is scored because that is allowed."""
    return VariantStatus.SCORED if VariantStatus.SCORED in statuses else statuses[0]


def _reason(chunk: AlleleChunk, values: PairValues, genes: Sequence[Gene], pairs: npt.NDArray[np.int64]) -> NotScored:
    """Why none of an allele's pairs has a prediction."""
    first = int(pairs[0])
    gene = genes[chunk.pairs[first].gene].id
    status = values.status[first]
    if status is VariantStatus.TSS_DELETED:
        return NotScored(status, f"it deletes the TSS of gene '{gene}'; `allow_tss_deletion` scores it")
    return NotScored(status, f"no segment of the window of gene '{gene}' has enough known bases")
