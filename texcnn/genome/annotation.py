"""The genes to work on: read from a GTF or BED, and chosen by name."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from texcnn.errors import InputError
from texcnn.genome.bed import read_bed
from texcnn.genome.gene import Annotation, Gene
from texcnn.genome.gtf import read_gtf
from texcnn.genome.ids import without_version
from texcnn.genome.skipped import Skipped

_LOG = logging.getLogger("texcnn")

__all__ = [
    "Annotation",
    "Gene",
    "Skipped",
    "read_bed",
    "read_gtf",
    "select_genes",
    "without_version",
]


def select_genes(annotation: Annotation, wanted: str | Iterable[str]) -> Annotation:
    """Keeps the genes that a list names.

    A name is looked for among the gene ids, then among ids without versions and prefixes, as of
    :func:`texcnn.genome.ids.without_version`, on either side, then among the gene names.

    Args:
        annotation: The genes to choose from.
        wanted: Ids or names; a string is one. A name that is repeated counts once, which is logged.

    Returns:
        The chosen genes in the annotation's order. A name that is unknown, that several genes share or that means a
        gene the list names already is a ``Skipped``; so is what the annotation skipped, where the list names it.

    Raises:
        InputError: The list is empty.
    """
    given = [name for entry in ([wanted] if isinstance(wanted, str) else wanted) if (name := str(entry).strip())]
    names = list(dict.fromkeys(given))
    if not names:
        raise InputError("the list of genes is empty", allowed="at least one gene id or name")
    if len(names) < len(given):
        _LOG.warning("%d repeated names in the list of genes count once", len(given) - len(names))
    by_id = _group((gene.id, gene.id) for gene in annotation.genes)
    by_bare_id = _group((without_version(gene.id), gene.id) for gene in annotation.genes)
    by_name = _group((gene.name, gene.id) for gene in annotation.genes)
    by_folded = {
        known.casefold(): known for gene in annotation.genes for known in (without_version(gene.id), gene.id, gene.name)
    }
    skipped_rows: dict[str, list[Skipped]] = {}
    for row in annotation.skipped:
        skipped_rows.setdefault(without_version(row.gene_id), []).append(row)
    chosen: dict[str, str] = {}
    skipped: list[Skipped] = []
    for name in names:
        bare = without_version(name)
        already = skipped_rows.get(bare, [])
        skipped += already
        ids = by_id.get(name) or by_bare_id.get(bare) or by_name.get(name) or []
        if len(ids) > 1:
            skipped.append(Skipped(name, f"the name is shared by {len(ids)} genes: {', '.join(ids)}"))
        elif ids and ids[0] in chosen:
            skipped.append(Skipped(name, f"the list names this gene already, as '{chosen[ids[0]]}'"))
        elif ids:
            chosen[ids[0]] = name
        elif not already:
            hint = by_folded.get(name.casefold())
            meant = f", did you mean '{hint}'?" if hint else ""
            skipped.append(Skipped(name, f"no gene of this id or name is in {annotation.path.name}{meant}"))
    genes = [gene for gene in annotation.genes if gene.id in chosen]
    return Annotation(genes, skipped, annotation.path)


def _group(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The distinct gene ids of each key; all transcripts of a gene share its id."""
    groups: dict[str, dict[str, None]] = {}
    for key, gene_id in pairs:
        groups.setdefault(key, {})[gene_id] = None
    return {key: list(ids) for key, ids in groups.items()}
