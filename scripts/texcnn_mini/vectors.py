"""Stage 4: which 4-mers every segment of every gene has: ``vectors.npz``, one row per usable segment."""

from __future__ import annotations

import numpy as np
import torch
from data import WORK
from genome import cut, load_pack, usable_segments
from network import kmer_shares

SEGMENT, KMERS = 300, 4
FEWEST_NEAR = 600
"""Genes with fewer known bases near the TSS are left out, but for those of EPDnew."""


def main() -> None:
    """Writes ``vectors.npz``."""
    pack = load_pack(WORK / "pack.npz")
    rows = np.flatnonzero((pack["near"] >= FEWEST_NEAR) | pack["epd"])
    genome, place, strand = (torch.from_numpy(pack[name]) for name in ("genome", "place", "strand"))
    masks, counts = [], []
    for part in torch.from_numpy(rows).split(256):
        segments, mask = usable_segments(cut(genome, place[part].long(), strand[part].long()), SEGMENT)
        masks.append(mask)
        counts.append(kmer_shares(segments, KMERS).half())
    np.savez(WORK / "vectors.npz", rows=rows, mask=torch.cat(masks).numpy(), kmers=torch.cat(counts).numpy())


if __name__ == "__main__":
    main()
