"""The table of windows, a BED that any genome browser reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from texcnn.files import atomic_files, skipped_path
from texcnn.genome.bed import WINDOWS_BED_COLUMNS
from texcnn.genome.gene import Annotation
from texcnn.genome.skipped import write_skipped
from texcnn.genome.windows import WindowSpec


def write_windows_bed(path: Path, annotation: Annotation, spec: WindowSpec, lengths: Mapping[str, int]) -> None:
    """Writes the genes' windows, and what was skipped to ``<path>.skipped.tsv``; both appear together.

    Args:
        path: The file to write.
        annotation: Placed genes, in the order of the rows, and what was skipped.
        spec: The window around the TSS.
        lengths: Chromosome to length; windows are clipped to it, since BED knows no bases beyond the ends. The
            column ``tss`` (1-based) brings the whole window back.
    """
    with (
        atomic_files([skipped_path(path), path]) as (listed, temporary),
        temporary.open("w", encoding="utf-8") as handle,
    ):
        write_skipped(listed, annotation.skipped)
        handle.write("#" + "\t".join(WINDOWS_BED_COLUMNS) + "\n")
        for gene in annotation.genes:
            interval = spec.interval(gene)
            start, end = max(interval.start, 0), min(interval.end, lengths[gene.chrom])
            row = (gene.chrom, start, end, gene.id, 0, gene.strand, gene.name, gene.tss + 1, gene.transcript_id)
            handle.write("\t".join(map(str, row)) + "\n")
