"""Made-up variants where bases of a genome are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from texcnn.genome.interval import Interval
from texcnn.genome.reference import Reference

BASES = "ACGT"


def write_variants(fasta: Path, known: Path, out: Path, *, count: int, seed: int) -> None:
    """Draws variants, each base as likely: nine of ten substitutions, else a deletion or insertion of 1 to 8 bases.

    Args:
        fasta: The genome.
        known: BED of the intervals with bases.
        out: The VCF.
        count: How many.
        seed: Source of the draws.
    """
    rng = np.random.default_rng(seed)
    regions = pd.read_csv(known, sep="\t", header=None, usecols=[0, 1, 2], names=["chrom", "start", "end"])
    ends = (regions["end"] - regions["start"]).cumsum().to_numpy()
    rows: dict[tuple[str, int], tuple[str, str]] = {}
    with Reference(fasta) as reference:
        lengths = reference.lengths
        while len(rows) < count:
            place = int(rng.integers(ends[-1]))
            region = regions.iloc[int(np.searchsorted(ends, place, side="right"))]
            start = int(region["start"]) + place - int(ends[region.name] - (region["end"] - region["start"]))
            around = reference.fetch(Interval(region["chrom"], start, start + 9, "+"))
            if set(around) - set(BASES) or start + 9 > lengths[region["chrom"]]:
                continue
            kind, size = rng.random(), int(rng.integers(1, 9))
            ref, alt = around[0], str(rng.choice([base for base in BASES if base != around[0]]))
            if kind > 0.95:
                ref, alt = around[: size + 1], around[0]
            elif kind > 0.9:
                alt = around[0] + "".join(rng.choice(list(BASES), size))
            rows[region["chrom"], start + 1] = (ref, alt)
    order = {chrom: place for place, chrom in enumerate(lengths)}
    lines = ["##fileformat=VCFv4.2", *(f"##contig=<ID={name},length={size}>" for name, size in lengths.items())]
    lines.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]))
    for chrom, pos in sorted(rows, key=lambda row: (order[row[0]], row[1])):
        lines.append("\t".join([chrom, str(pos), ".", *rows[chrom, pos], ".", ".", "."]))
    out.write_text("\n".join(lines) + "\n")
