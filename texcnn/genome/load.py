"""From the files a user has to genes that have a place on the genome."""

from __future__ import annotations

from texcnn.errors import InputError
from texcnn.genome.annotation import read_gtf, select_genes
from texcnn.genome.bed import read_bed
from texcnn.genome.gene import Annotation, Gene
from texcnn.genome.naming import in_any_style
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection
from texcnn.genome.skipped import Skipped
from texcnn.genome.windows import WindowSpec, place_genes


def load_genes(reference: Reference, spec: WindowSpec, selection: GeneSelection) -> Annotation:
    """Reads genes from a GTF or a BED, keeps the wanted ones and checks that each has a place on the genome.

    Args:
        reference: The genome.
        spec: The window around the TSS.
        selection: Which genes.

    Returns:
        Placed genes in input order, and what was skipped: together they are all genes of the files and of the list.
        There may be no gene left.

    Raises:
        InputError: when there is no file, it cannot be used, or the files do not fit each other.
    """
    if selection.gtf is not None:
        on_genome = in_any_style(list(reference.lengths))
        annotation = read_gtf(selection.gtf, transcripts=selection.transcripts, on_genome=on_genome)
    elif selection.bed is not None:
        annotation = read_bed(selection.bed, anchor=selection.bed_anchor, spec=spec)
    else:
        raise InputError("no genes", where="`gtf` and `bed`", allowed="exactly one of them")
    if selection.genes is not None:
        annotation = select_genes(annotation, selection.genes)
    placed = place_genes(reference, annotation, map_chrom_names=selection.map_chrom_names)
    return _with_a_base(placed, reference, spec)


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
