"""Personal expression: both haplotypes of each sample's genes, with all their variants together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from texcnn.effects.changes import ChangedWindow
from texcnn.effects.haplotype_table import HAPLOTYPE_SCHEMA, HaplotypeCounts
from texcnn.effects.run import EffectRun
from texcnn.genome.chromosome_shards import chromosomes_of_shard, parse_shard
from texcnn.genome.gene import Gene
from texcnn.genome.haplotype_windows import GeneHaplotypes, HaplotypeWindows
from texcnn.genome.variant import VariantStatus
from texcnn.progress import progress_bar

_NUMBER = pa.float32()
_WINDOWS_AT_ONCE = 512
_GENES_AT_ONCE = 64


class HaplotypeRun:
    """Predicts the haplotypes of a run that was opened with ``phased``.

    Args:
        run: The run.

    Attributes:
        source: The windows, and what was counted on the way.
        distinct: Distinct windows so far.
        n_genes: Genes so far.
        chunk_chroms: The chromosome of each chunk so far.
    """

    def __init__(self, run: EffectRun) -> None:
        assert run.reader is not None
        self._run = run
        self._columns = run.model.cell_type_columns(run.options.cell_types)
        shard = run.options.shard
        self.source = HaplotypeWindows(
            run.reader, run.maker.bases, run.check, run.maker.genes, run.model.window, unphased=run.options.unphased,
            only=None if shard is None else chromosomes_of_shard(run.maker.genes, *parse_shard(shard)),
        )  # fmt: skip
        self.distinct = 0
        self.n_genes = 0
        self.chunk_chroms: list[str] = []

    def chunks(self, done: int = 0) -> Iterator[dict[str, pa.Table]]:
        """Yields rows, some genes of one chromosome at a time; they do not depend on the chunks before.

        Args:
            done: Chunks that an earlier run has computed: their genes are only counted.
        """
        with progress_bar(self._run.progress, total=len(self._run.maker.genes), what="predicting", unit="genes") as bar:
            for number, groups in enumerate(self._batches()):
                self.distinct += sum(len(group.windows) for group in groups)
                self.n_genes += len(groups)
                self.chunk_chroms.append(self._run.maker.genes[groups[0].gene].chrom)
                if number >= done:
                    self._run.engine.forget()
                    yield {"haplotypes": self._rows(groups)}
                bar.update(len(groups))

    def _batches(self) -> Iterator[list[GeneHaplotypes]]:
        batch: list[GeneHaplotypes] = []
        n_windows = 0
        genes = self._run.maker.genes
        for group in self.source:
            if batch and genes[group.gene].chrom != genes[batch[-1].gene].chrom:
                yield batch
                batch, n_windows = [], 0
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
            "n_variants": pa.array(group.n_variants, pa.int64()).take(of_sample),
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

    @property
    def counts(self) -> HaplotypeCounts:
        """The counts of the run, after its last chunk; its table has yet to be written."""
        source = self.source
        return HaplotypeCounts(
            samples=len(source.samples),
            genes=self.n_genes,
            distinct=self.distinct,
            rows=0,
            overlapping={name: source.overlapping[name] for name in source.samples if source.overlapping[name]},
            missing={name: source.missing[name] for name in source.samples if source.missing[name]},
            not_applied=len(source.not_applied),
        )
