"""A random genome with many genes, and what an independent reader makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pysam
from tiny import WINDOW, write_gtf

Row = tuple[str, str, int, int, str]
"""A gene: id, chromosome, start (1-based), end, strand."""

_COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


def random_genome(
    folder: Path, *, chromosomes: int = 2, length: int = 1500, seed: int = 0, n_share: float = 0.02
) -> Path:
    """Writes ``genome.fa``: chromosomes chr1, chr2, ... of random bases, some of them N, 60 to a line."""
    rng = np.random.default_rng(seed)
    share = (1 - n_share) / 4
    path = folder / "genome.fa"
    with path.open("w") as handle:
        for number in range(1, chromosomes + 1):
            bases = "".join(rng.choice(list("ACGTN"), length, p=[share] * 4 + [n_share]))
            handle.write(f">chr{number}\n")
            handle.writelines(f"{bases[start : start + 60]}\n" for start in range(0, length, 60))
    return path


def random_genes(
    folder: Path, n: int, *, chromosomes: int = 2, length: int = 1500, seed: int = 1
) -> tuple[Path, list[Row]]:
    """Writes ``genes.gtf`` with ``n`` genes at random places, and returns them in its order."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for number in range(n):
        start = int(rng.integers(1, length - 40))
        strand = str(rng.choice(["+", "-"]))
        rows.append((f"gene{number:03}", f"chr{rng.integers(1, chromosomes + 1)}", start, start + 39, strand))
    return write_gtf(folder / "genes.gtf", rows), rows


def windows_by_pysam(fasta: Path, rows: Sequence[Row]) -> list[str]:
    """The genes' windows, read base by base with pysam and no code of texcnn."""
    windows = []
    with pysam.FastaFile(str(fasta)) as genome:
        for _, chrom, start, end, strand in rows:
            tss = start - 1 if strand == "+" else end - 1
            bases = genome.fetch(chrom)
            if strand == "+":
                places = range(tss - WINDOW.upstream, tss + WINDOW.downstream)
            else:
                places = range(tss + WINDOW.upstream, tss - WINDOW.downstream, -1)
            read = "".join(bases[place] if 0 <= place < len(bases) else "N" for place in places)
            windows.append(read if strand == "+" else read.translate(_COMPLEMENT))
    return windows
