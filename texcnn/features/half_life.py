"""Eight features of a gene's mRNA that correlate with its half-life, from an annotation and a genome.

They are those of Xpresso (Agarwal & Shendure, Cell Reports 31:107663, 2020) with its choices where they are sound: the
stop codon and each row's last base, which its scripts leave out, count here.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from texcnn.features.coding_genes import CodingGenes
from texcnn.features.gene_features import GeneFeatures
from texcnn.genome.interval import Interval
from texcnn.genome.mrna import Blocks, Mrna, n_bases
from texcnn.genome.reference import Reference
from texcnn.text.lines import PathLike

HALF_LIFE_FEATURES = (
    "utr5_length_bp",
    "cds_length_bp",
    "intron_length_bp",
    "utr3_length_bp",
    "utr5_gc",
    "cds_gc",
    "utr3_gc",
    "orf_exons_per_kb",
)
"""The columns, in Xpresso's order."""

LOG10_NAMES = {name: f"log10_{name}" for name in HALF_LIFE_FEATURES if not name.endswith("_gc")}
"""The columns that ``log10`` changes, each with the name it then has."""

LOG10_OFFSET = 0.1
"""Added before the logarithm, as to expression: a gene without introns has one too."""


def half_life_features(
    reference: Reference,
    gtf: PathLike,
    *,
    genes: str | Iterable[str] | None = None,
    log10: bool = False,
    gc: bool = True,
    map_chrom_names: bool = False,
    needed: bool = True,
    progress: bool = False,
) -> GeneFeatures:
    """Computes the features of each coding gene.

    A gene counts with its transcript of the longest CDS, the one whose TSS the GTF reader takes (ties: most exon
    bases, then lowest id). Lengths are in bp: exonic bases before, in and after the CDS, and all introns together. The
    CDS has the stop codon, whether or not the annotation counts it. GC is the fraction of G and C among the known
    bases: 0 for a part of length 0, as in Xpresso; NaN for a part whose bases are all N. ``orf_exons_per_kb`` is the
    number of exons with coding bases per 1,000 bp of CDS: Xpresso computes this under the name of ORF exon junction
    density, and its single-exon genes are not 0.

    Args:
        reference: The genome.
        gtf: Its annotation.
        genes: Names of wanted genes, a string is one; None for all.
        log10: Whether lengths and exons per kb become log10(x + 0.1), as Xpresso's networks take them; their columns
            are then named ``log10_...``, so that a model cannot be given the wrong ones.
        gc: Whether to read the bases for the three columns ``..._gc``; without, they are not there.
        map_chrom_names: Whether to map chr1/1 styles to the genome's where they differ.
        needed: Whether annotations without a coding gene are refused.
        progress: Whether to show progress.

    Returns:
        One row per coding gene in the annotation's order. Genes without CDS, and those that reach beyond their
        chromosome or are on one that the FASTA lacks, are skipped.

    Raises:
        InputError: when a file cannot be used, the two do not fit, or no gene has a CDS and ``needed``.
    """
    coding = CodingGenes(reference, gtf, genes, map_chrom_names)
    ids: list[str] = []
    rows: list[tuple[float, ...]] = []
    for gene, mrna in coding.mrnas(what="half-life features", needed=needed, progress=progress):
        ids.append(gene.id)
        rows.append(_features(reference if gc else None, gene.chrom, mrna))
    frame = pd.DataFrame(rows, columns=list(HALF_LIFE_FEATURES), dtype=np.float64)
    if not gc:
        frame = frame.drop(columns=[name for name in HALF_LIFE_FEATURES if name.endswith("_gc")])
    if log10:
        frame = _take_log10(frame)
    frame.insert(0, "gene_id", ids)
    return GeneFeatures(frame, coding.skipped)


def _features(reference: Reference | None, chrom: str, mrna: Mrna) -> tuple[float, ...]:
    cds_length = n_bases(mrna.cds)
    return (
        n_bases(mrna.utr5),
        cds_length,
        mrna.intron_length,
        n_bases(mrna.utr3),
        *(_gc_fraction(reference, chrom, part) for part in (mrna.utr5, mrna.cds, mrna.utr3)),
        mrna.n_coding_exons * 1000 / cds_length,
    )


def _gc_fraction(reference: Reference | None, chrom: str, part: Blocks) -> float:
    if not part or reference is None:
        return 0.0
    # Either strand has the same G + C.
    bases = "".join(reference.fetch(Interval(chrom, start, end)) for start, end in part)
    known = len(bases) - bases.count("N")
    return (bases.count("G") + bases.count("C")) / known if known else float("nan")


def _take_log10(frame: pd.DataFrame) -> pd.DataFrame:
    logged = list(LOG10_NAMES)
    frame[logged] = np.log10(frame[logged] + LOG10_OFFSET)
    return frame.rename(columns=LOG10_NAMES)
