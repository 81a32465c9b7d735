"""Tiny genome files for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pysam

CHR1 = "ACGTACGTAAccggTTNNRYGATTACA"
"""27 bases: soft-masked ones, N and two IUPAC letters."""
CHR2 = "TTTTGGGGCC"


def write_fasta(path: Path, sequences: dict[str, str], *, width: int = 10) -> Path:
    """Writes a FASTA; BGZF where the name ends in .gz."""
    lines = []
    for name, bases in sequences.items():
        lines += [f">{name} described", *(bases[i : i + width] for i in range(0, len(bases), width))]
    text = "\n".join(lines) + "\n"
    if path.suffix == ".gz":
        with pysam.BGZFile(str(path), "wb") as handle:
            handle.write(text.encode())
    else:
        path.write_text(text)
    return path
