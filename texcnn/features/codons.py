"""Codons of each gene's CDS, from an annotation and a genome.

Highly expressed genes prefer the codons of abundant tRNAs, most of all in yeast and bacteria (Sharp & Li 1987,
doi:10.1093/nar/15.3.1281), so that the shares of the 61 sense codons say something about expression that no promoter
does.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import numpy as np
import pandas as pd

from texcnn.features.coding_genes import CodingGenes
from texcnn.features.gene_features import GeneFeatures
from texcnn.genome.interval import Interval
from texcnn.genome.reference import Reference
from texcnn.genome.skipped import Skipped
from texcnn.segments.bases import UNKNOWN, base_codes
from texcnn.text.lines import PathLike

STOP_CODONS = ("TAA", "TAG", "TGA")
"""Those of the standard genetic code; not counted."""

_CODONS = tuple("".join(bases) for bases in product("ACGT", repeat=3))

CODON_FEATURES = tuple(f"codon_{codon}" for codon in _CODONS if codon not in STOP_CODONS)
"""Columns of the shares, in alphabetical order."""

CODON_NUMBER = "log10_codons"
"""The column of log10 of the number of known sense codons, by which a share of few of them is judged too."""

CODON_COLUMNS = (*CODON_FEATURES, CODON_NUMBER)
"""All columns."""

_SENSE = np.array([codon not in STOP_CODONS for codon in _CODONS])


def codon_features(
    reference: Reference,
    gtf: PathLike,
    *,
    genes: str | Iterable[str] | None = None,
    map_chrom_names: bool = False,
    progress: bool = False,
) -> GeneFeatures:
    """Computes each coding gene's share of every sense codon, in percent of its known ones, and how many these are.

    Codons are read from the first base of the CDS; a CDS whose length is not a multiple of three loses its last bases.
    A codon with an unknown base does not count.

    Args:
        reference: The genome.
        gtf: Its annotation.
        genes: Names of wanted genes, a string is one; None for all.
        map_chrom_names: Whether to map chr1/1 styles to the genome's where they differ.
        progress: Whether to show progress.

    Returns:
        One row per coding gene in the annotation's order. Genes without CDS, those off the FASTA, and those without a
        known codon are skipped.

    Raises:
        InputError: when a file cannot be used, the two do not fit, or no gene has a CDS.
    """
    coding = CodingGenes(reference, gtf, genes, map_chrom_names)
    ids: list[str] = []
    rows: list[np.ndarray] = []
    without: list[Skipped] = []
    for gene, mrna in coding.mrnas(what="codon features", progress=progress):
        bases = "".join(reference.fetch(Interval(gene.chrom, start, end)) for start, end in mrna.cds)
        counts = codon_counts(bases, gene.strand)
        if not counts.sum():
            without.append(Skipped(gene.id, "no codon of the CDS is known"))
            continue
        ids.append(gene.id)
        rows.append(np.append(100 * counts / counts.sum(), np.log10(counts.sum())))
    frame = pd.DataFrame(np.array(rows).reshape(-1, len(CODON_COLUMNS)), columns=list(CODON_COLUMNS))
    frame.insert(0, "gene_id", ids)
    return GeneFeatures(frame, [*coding.skipped, *without])


def codon_counts(bases: str, strand: str) -> np.ndarray:
    """Counts the sense codons of a CDS, int64 ``(61,)`` in the order of :data:`CODON_FEATURES`.

    Args:
        bases: The CDS on the plus strand, upper case.
        strand: The gene's strand, ``+`` or ``-``.
    """
    codes = base_codes(bases)
    if strand == "-":
        codes = np.where(codes == UNKNOWN, UNKNOWN, 3 - codes)[::-1]
    codons = codes[: len(codes) // 3 * 3].reshape(-1, 3).astype(np.int64)
    known = codons[(codons != UNKNOWN).all(axis=1)]
    return np.bincount(known @ np.array([16, 4, 1]), minlength=len(_CODONS))[_SENSE]
