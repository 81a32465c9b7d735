"""Personal expression: both haplotypes of each sample's genes, with all their variants together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from texcnn.effects.parts import Parts, PartsInMemory
from texcnn.effects.run import EffectRun
from texcnn.effects.score import ChangedWindow
from texcnn.effects.table import SKIPPED_SCHEMA, skipped_table
from texcnn.effects.write import write_described, write_table
from texcnn.files import atomic_file
from texcnn.genome.gene import Gene
from texcnn.genome.haplotype_windows import GeneHaplotypes, HaplotypeWindows
from texcnn.genome.skipped import skipped_path
from texcnn.genome.variant import VariantStatus
from texcnn.progress import progress_bar
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

HAPLOTYPE_TABLES = ("haplotypes",)
_WINDOWS_AT_ONCE = 512
_GENES_AT_ONCE = 64


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
            f"{self.samples} samples, {self.genes} genes, {self.distinct} distinct haplotypes, {left_out} overlapping "
            f"alleles left out, {sum(self.missing.values())} missing alleles taken as REF, {self.not_applied} alleles "
            f"not applied, {self.rows} rows"
        )


class HaplotypeRun:
    """Predicts the haplotypes of a run that was opened with ``phased``.

    Args:
        run: The run.

    Attributes:
        source: The windows, and what was counted on the way.
        distinct: Distinct windows so far.
        n_genes: Genes so far.
    """

    def __init__(self, run: EffectRun) -> None:
        assert run.reader is not None
        self._run = run
        self._columns = run.model.cell_type_columns(run.options.cell_types)
        self.source = HaplotypeWindows(
            run.reader, run.maker.bases, run.check, run.maker.genes, run.model.window, unphased=run.options.unphased
        )
        self.distinct = 0
        self.n_genes = 0

    def chunks(self, done: int = 0) -> Iterator[dict[str, pa.Table]]:
        """Yields rows, some genes at a time.

        Args:
            done: Chunks that an earlier run has computed: their genes are only counted.
        """
        with progress_bar(self._run.progress, total=len(self._run.maker.genes), what="predicting", unit="genes") as bar:
            for number, groups in enumerate(self._batches()):
                self.distinct += sum(len(group.windows) for group in groups)
                self.n_genes += len(groups)
                if number >= done:
                    yield {"haplotypes": self._rows(groups)}
                bar.update(len(groups))

    def _batches(self) -> Iterator[list[GeneHaplotypes]]:
        batch: list[GeneHaplotypes] = []
        n_windows = 0
        for group in self.source:
            batch.append(group)
            n_windows += len(group.windows)
            if n_windows >= _WINDOWS_AT_ONCE or len(batch) >= _GENES_AT_ONCE:
                yield batch
                batch, n_windows = [], 0
        if batch:
            yield batch

    def _rows(self, groups: Sequence[GeneHaplotypes]) -> pa.Table:
        run = self._run
        features = run.inputs.features
        rows = [group.gene for group in groups]
        changes = [
            ChangedWindow(row, edited.sequence, edited.touched)
            for row, group in enumerate(groups)
            for edited in group.windows
        ]
        scores = run.engine.score(
            [group.window.sequence for group in groups], None if features is None else features[rows], changes
        )
        reference, alternative = scores.reference[:, self._columns], scores.alternative[:, self._columns].copy()
        if not run.options.allow_tss_deletion:
            deleted = [edited.tss_deleted for group in groups for edited in group.windows]
            alternative[np.array(deleted, bool)] = np.nan
        tables, first = [], 0
        for row, group in enumerate(groups):
            of_group = alternative[first : first + len(group.windows)]
            tables.append(self._gene_rows(group, reference[row], of_group))
            first += len(group.windows)
        return pa.concat_tables(tables)

    def _gene_rows(
        self, group: GeneHaplotypes, reference: npt.NDArray[np.float32], values: npt.NDArray[np.float32]
    ) -> pa.Table:
        samples, cell_types = self.source.samples, self._run.cell_types
        one = values[[first for first, _ in group.of_sample]]
        two = values[[first if second is None else second for first, second in group.of_sample]]
        mean = (one + two) / np.float32(2)
        two = two.copy()
        two[[second is None for _, second in group.of_sample]] = np.nan
        gene: Gene = self._run.maker.genes[group.gene]
        size = len(samples) * len(cell_types)
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
        arrays: dict[str, pa.Array] = {
            name: pa.repeat(pa.scalar(value, HAPLOTYPE_SCHEMA.field(name).type), size) for name, value in fixed.items()
        }
        arrays |= {
            "sample": pa.array(list(samples)).take(of_sample),
            "n_variants": pa.array(group.n_variants, _WHOLE).take(of_sample),
            "status": pa.array([self._status(group, values, *which) for which in group.of_sample]).take(of_sample),
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

    @staticmethod
    def _status(group: GeneHaplotypes, values: npt.NDArray[np.float32], first: int, second: int | None) -> str:
        both = [first, first if second is None else second]
        if any(group.windows[number].tss_deleted for number in both):
            return str(VariantStatus.TSS_DELETED)
        return str(VariantStatus.NO_KNOWN_BASES if np.isnan(values[both]).any() else VariantStatus.SCORED)

    def counts(self, rows: int) -> HaplotypeCounts:
        """Returns the counts of the run, after its last chunk."""
        return HaplotypeCounts(
            len(self.source.samples),
            self.n_genes,
            self.distinct,
            rows,
            _nonzero(self.source.overlapping),
            _nonzero(self.source.missing),
            len(self.source.not_applied),
        )


def write_haplotypes(
    out: Path, parts: Parts | PartsInMemory, haplotypes: HaplotypeRun, said: Mapping[str, Any]
) -> HaplotypeCounts:
    """Writes the table of haplotypes, and the alleles that could not be applied as ``<out>.skipped.tsv``."""
    counts = haplotypes.counts(0)
    described = {
        **said, "content": "haplotypes", "samples": list(haplotypes.source.samples), "distinct": counts.distinct,
        "overlapping": counts.overlapping, "missing": counts.missing, "not_applied": counts.not_applied,
    }  # fmt: skip
    with ExitStack() as places:

        def place(path: Path) -> Path:
            return places.enter_context(atomic_file(path))

        if out.name.endswith(".h5ad"):
            rows = _write_h5ad(place(out), parts, described)
        else:
            rows = write_described(out, HAPLOTYPE_SCHEMA, parts.read("haplotypes"), described, place)
        write_table(place(skipped_path(out)), SKIPPED_SCHEMA, [skipped_table(haplotypes.source.not_applied)])
    return haplotypes.counts(rows)


def _write_h5ad(out: Path, parts: Parts | PartsInMemory, said: Mapping[str, Any]) -> int:
    """One observation per gene and sample, one variable per cell type; X is the mean, the layers are the others."""
    table = pa.concat_tables([HAPLOTYPE_SCHEMA.empty_table(), *parts.read("haplotypes")])
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
        uns={"unit": said["unit"], "texcnn": pd.Series(dict(said)).to_json()},
    )
    data.write_h5ad(out)
    return len(frame)


def _nonzero(counts: Counter[str]) -> dict[str, int]:
    return {name: number for name, number in counts.items() if number}
