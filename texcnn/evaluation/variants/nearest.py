"""How near a sample's variants come to a gene's TSS: the input of a baseline for effects on whole genes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from texcnn.genome.haplotype import parse_genotype
from texcnn.genome.vcf import VcfReader


def nearest_variants(vcf: Path, sample: str, places: Sequence[tuple[str, int]]) -> npt.NDArray[np.float64]:
    """Returns the distance in bases from each place to the nearest variant that a sample carries.

    Args:
        vcf: The variants, under the chromosome names of the places.
        sample: Carries an allele other than REF on either haplotype.
        places: Chromosome and position, 0-based.

    Returns:
        float64 ``(len(places),)``; NaN where the sample has no variant on the chromosome.

    Raises:
        InputError: when the VCF cannot be read or lacks the sample.
    """
    starts: dict[str, list[int]] = {}
    with VcfReader(vcf, samples=[sample]) as reader:
        for record in reader:
            if max(parse_genotype(record.genotypes[0]).alleles) > 0:
                starts.setdefault(record.chrom, []).append(record.start)
    found = np.full(len(places), np.nan)
    by_chrom = {chrom: np.sort(np.array(ones)) for chrom, ones in starts.items()}
    for row, (chrom, place) in enumerate(places):
        if chrom in by_chrom:
            ones = by_chrom[chrom]
            right = int(np.searchsorted(ones, place))
            found[row] = np.abs(ones[max(right - 1, 0) : right + 1] - place).min()
    return found
