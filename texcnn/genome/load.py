"""From the files a user has to genes that have a place on the genome."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from texcnn.errors import InputError
from texcnn.genome.annotation import read_gtf, select_genes
from texcnn.genome.bed import read_bed
from texcnn.genome.gene import Annotation
from texcnn.genome.reference import Reference
from texcnn.genome.windows import WindowSpec, place_genes


def load_genes(
    reference: Reference,
    spec: WindowSpec,
    *,
    gtf: Path | None = None,
    bed: Path | None = None,
    bed_anchor: str = "five-prime",
    transcripts: str = "gene",
    genes: Sequence[str] | None = None,
    map_chrom_names: bool = False,
) -> Annotation:
    """Reads genes from a GTF or a BED, keeps the wanted ones and checks that each has a place on the genome.

    Args:
        reference: The genome.
        spec: The window round the TSS.
        gtf: Annotation; exactly one of ``gtf`` and ``bed`` is given.
        bed: Intervals.
        bed_anchor: What a BED interval means: ``five-prime``, ``center`` or ``window``.
        transcripts: ``gene`` for one row per gene, ``all`` for one per transcript (GTF only).
        genes: Names of wanted genes; None for all.
        map_chrom_names: Whether to map chr1/1 styles to the genome's where they differ.

    Returns:
        Placed genes in input order, and what was skipped: their sum is what the files and ``genes`` asked for.

    Raises:
        InputError: when the files do not fit each other, or no gene is left.
    """
    if (gtf is None) == (bed is None):
        raise InputError("give either a GTF or a BED", where="--gtf, --bed", allowed="exactly one of them")
    if gtf is not None:
        annotation = read_gtf(Path(gtf), transcripts=transcripts)
    elif transcripts != "gene":
        raise InputError("transcripts are chosen from a GTF", where="--transcripts", allowed="gene, with --bed")
    else:
        assert bed is not None
        annotation = read_bed(Path(bed), anchor=bed_anchor, spec=spec)
    if genes is not None:
        annotation = select_genes(annotation, genes)
    return place_genes(reference, annotation, map_chrom_names=map_chrom_names)
