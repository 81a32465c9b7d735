"""The table of haplotypes: one row per gene, sample and cell type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from texcnn.effects.table import SKIPPED_SCHEMA
from texcnn.effects.write import write_described, write_table
from texcnn.files import atomic_file, skipped_path
from texcnn.tables.plain_strings import plain_strings

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

HAPLOTYPE_TABLES, NOT_APPLIED = ("haplotypes",), ("not_applied",)
"""Kinds of row of a run's chunks: of the table, and by :data:`texcnn.effects.table.SKIPPED_SCHEMA`."""


@dataclass(frozen=True)
class HaplotypeCounts:
    """Counts of a run of haplotypes.

    Attributes:
        samples: Samples.
        genes: Genes.
        distinct: Distinct windows, over all genes; equal haplotypes are predicted once.
        rows: Rows of the table.
        overlapping: For each sample, alleles left out since an earlier one overlaps them.
        missing: For each sample, alleles of missing or half-missing calls; they count as REF.
        not_applied: Alleles of the VCF that a sample carries and that cannot be applied.
    """

    samples: int
    genes: int
    distinct: int
    rows: int
    overlapping: dict[str, int]
    missing: dict[str, int]
    not_applied: int

    def __str__(self) -> str:
        """Describes the counts in a sentence."""
        left_out = sum(self.overlapping.values())
        return (
            f"{self.samples} samples, {self.genes} genes, {self.distinct} distinct haplotypes, {left_out} "
            f"overlapping alleles left out, {sum(self.missing.values())} missing alleles taken as REF, "
            f"{self.not_applied} alleles not applied, {self.rows} rows"
        )


def write_haplotypes(
    out: Path,
    tables: Iterable[pa.Table],
    not_applied: pa.Table,
    counts: HaplotypeCounts,
    run: Mapping[str, Any],
    *,
    samples: Sequence[str],
) -> HaplotypeCounts:
    """Writes the table of haplotypes, and the alleles that could not be applied as ``<out>.skipped.tsv``.

    Args:
        out: The table.
        tables: Its rows, a part at a time.
        not_applied: Alleles that a sample carries and that cannot be applied.
        counts: Counts of the run; rows are counted here.
        run: Metadata of the run.
        samples: Names of the samples.
    """
    described = {
        **run, "content": "haplotypes", "samples": list(samples), "distinct": counts.distinct,
        "overlapping": counts.overlapping, "missing": counts.missing, "not_applied": counts.not_applied,
    }  # fmt: skip
    with ExitStack() as places:

        def place(path: Path) -> Path:
            return places.enter_context(atomic_file(path))

        if out.name.endswith(".h5ad"):
            rows = _write_h5ad(place(out), tables, described)
        else:
            rows = write_described(out, HAPLOTYPE_SCHEMA, tables, described, place)
        write_table(place(skipped_path(out)), SKIPPED_SCHEMA, [not_applied])
    return replace(counts, rows=rows)


def _write_h5ad(out: Path, tables: Iterable[pa.Table], description: Mapping[str, Any]) -> int:
    """One observation per gene and sample, one variable per cell type; X is the mean, the layers are the others."""
    table = pa.concat_tables([HAPLOTYPE_SCHEMA.empty_table(), *tables])
    frame: pd.DataFrame = table.to_pandas()
    cell_types = list(dict.fromkeys(frame["cell_type"]))
    import anndata  # takes a second to load, which no other format waits for

    n_rows = len(frame) // max(len(cell_types), 1)
    observed = HAPLOTYPE_SCHEMA.names[: HAPLOTYPE_SCHEMA.names.index("cell_type")]
    names = (
        frame["sample"] + ":" + frame["gene_id"] + frame["transcript_id"].map(lambda name: f":{name}" if name else "")
    )
    layers = {
        name: frame[name].to_numpy(np.float32).reshape(n_rows, len(cell_types))
        for name in ("mean", "haplotype1", "haplotype2", "reference")
    }
    first = slice(None, None, max(len(cell_types), 1))
    data = anndata.AnnData(
        X=layers.pop("mean"),
        obs=plain_strings(frame[observed].iloc[first].set_axis(names.iloc[first].to_list(), axis=0)),
        var=plain_strings(pd.DataFrame(index=pd.Index(cell_types, dtype=str))),
        layers=layers,
        uns={"unit": description["unit"], "texcnn": pd.Series(dict(description)).to_json()},
    )
    data.write_h5ad(out)
    return len(frame)
