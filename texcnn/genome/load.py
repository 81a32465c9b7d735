"""From the files a user has to genes that have a place on the genome."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from texcnn.errors import InputError
from texcnn.genome.annotation import read_gtf, select_genes
from texcnn.genome.bed import read_bed
from texcnn.genome.gene import Annotation, Gene, Skipped
from texcnn.genome.naming import in_any_style
from texcnn.genome.reference import Reference
from texcnn.genome.windows import WindowSpec, place_genes


class GeneOptions(TypedDict, total=False):
    """Which genes, as :func:`load_genes` takes it: what every command and call that reads genes has in common."""

    gtf: Path | None
    bed: Path | None
    bed_anchor: str
    transcripts: str
    genes: Sequence[str] | None
    map_chrom_names: bool


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
        Placed genes in input order, and what was skipped: their sum is what the files and ``genes`` asked for. There
        may be no gene left.

    Raises:
        InputError: when a file cannot be used, the files do not fit each other, or an option needs another file.
    """
    if (gtf is None) == (bed is None):
        raise InputError("give either a GTF or a BED", where="--gtf, --bed", allowed="exactly one of them")
    if gtf is not None and bed_anchor != "five-prime":
        raise InputError("a GTF says itself where the TSS is", where="--bed-anchor", allowed="five-prime, with --gtf")
    if gtf is not None:
        annotation = read_gtf(Path(gtf), transcripts=transcripts, on_genome=in_any_style(list(reference.lengths)))
    elif transcripts != "gene":
        raise InputError("transcripts are chosen from a GTF", where="--transcripts", allowed="gene, with --bed")
    else:
        assert bed is not None
        annotation = read_bed(Path(bed), anchor=bed_anchor, spec=spec)
    if genes is not None:
        annotation = select_genes(annotation, genes)
    return _with_a_base(place_genes(reference, annotation, map_chrom_names=map_chrom_names), reference, spec)


def _with_a_base(annotation: Annotation, reference: Reference, spec: WindowSpec) -> Annotation:
    """Skips genes whose window misses their chromosome: without downstream bases it can end before the first base."""
    genes: list[Gene] = []
    skipped = list(annotation.skipped)
    for gene in annotation.genes:
        window = spec.interval(gene)
        if window.end > 0 and window.start < reference.lengths[gene.chrom]:
            genes.append(gene)
        else:
            skipped.append(Skipped(gene.id, f"the window {window} lies wholly outside its chromosome"))
    return Annotation(genes, skipped, annotation.path)
