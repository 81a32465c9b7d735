"""The genes to work on: read from a GTF or BED, and chosen by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from texcnn.errors import InputError
from texcnn.genome.bed import BED_ANCHORS, read_bed
from texcnn.genome.gene import Annotation, Gene, Skipped
from texcnn.genome.gtf import TRANSCRIPT_CHOICES, read_gtf

__all__ = ["BED_ANCHORS", "TRANSCRIPT_CHOICES", "Annotation", "Gene", "Skipped", "read_bed", "read_gtf", "select_genes"]


def select_genes(annotation: Annotation, wanted: Sequence[str]) -> Annotation:
    """Keeps the genes that a list names.

    A name is looked for among the gene ids, then among the ids without their version (``ENSG00000000003`` and
    ``ENSG00000000003.15`` are the same on either side), then among the gene names.

    Args:
        annotation: The genes to choose from.
        wanted: Ids or names; a repeated one counts once.

    Returns:
        The chosen genes in the annotation's order. A name that is unknown, or that several genes share, is a
        ``Skipped``, and so is a gene of the annotation's skipped that the list names.

    Raises:
        InputError: The list is empty.
    """
    names = list(dict.fromkeys(name.strip() for name in wanted if name.strip()))
    if not names:
        raise InputError("the list of genes is empty", allowed="at least one gene id or name")
    by_id = _group((gene.id, gene.id) for gene in annotation.genes)
    by_bare_id = _group((_without_version(gene.id), gene.id) for gene in annotation.genes)
    by_name = _group((gene.name, gene.id) for gene in annotation.genes)
    reasons: dict[str, list[Skipped]] = {}
    for row in annotation.skipped:
        reasons.setdefault(row.gene_id, []).append(row)
    chosen: set[str] = set()
    skipped: list[Skipped] = []
    for name in names:
        ids = by_id.get(name) or by_bare_id.get(_without_version(name)) or by_name.get(name) or []
        skipped += reasons.get(name, [])
        if len(ids) == 1:
            chosen.add(ids[0])
        elif ids:
            skipped.append(Skipped(name, f"the name is shared by {len(ids)} genes: {', '.join(ids)}"))
        elif name not in reasons:
            skipped.append(Skipped(name, f"no gene of this id or name is in {annotation.path.name}"))
    genes = [gene for gene in annotation.genes if gene.id in chosen]
    return Annotation(genes, skipped, annotation.path)


def _group(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The distinct gene ids of each key; all transcripts of a gene share its id."""
    groups: dict[str, dict[str, None]] = {}
    for key, gene_id in pairs:
        groups.setdefault(key, {})[gene_id] = None
    return {key: list(ids) for key, ids in groups.items()}


def _without_version(gene_id: str) -> str:
    bare, dot, version = gene_id.rpartition(".")
    return bare if dot and version.isdigit() else gene_id
