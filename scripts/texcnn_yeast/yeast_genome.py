"""The packed yeast genome on the device that trains: windows of bases cut there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor


def load_yeast_pack(path: Path) -> dict[str, np.ndarray]:
    """Reads the packed file; ``genome`` is the genome with gaps between chromosomes, codes 0 to 3 and 4 for N."""
    with np.load(path) as file:
        pack = {name: file[name] for name in file.files}
    packed, lengths = pack.pop("bases"), pack["lengths"]
    bases = (packed[:, None] >> np.array([0, 2, 4, 6], np.uint8) & 3).reshape(-1)[: lengths.sum()]
    genome, taken = np.full(int(pack["end"]), 4, np.uint8), 0
    for start, length in zip(pack["starts"], lengths, strict=True):
        genome[start : start + length] = bases[taken : taken + length]
        taken += length
    pack["genome"] = genome
    return pack


def cut_yeast(genome: Tensor, place: Tensor, strand: Tensor, upstream: int, downstream: int) -> Tensor:
    """Returns windows of codes ``(n, upstream + downstream)`` on each gene's strand."""
    offsets = torch.arange(-upstream, downstream, device=genome.device)[None]
    codes = genome[place[:, None] + strand[:, None] * offsets]
    return torch.where((strand[:, None] > 0) | (codes > 3), codes, 3 - codes)
