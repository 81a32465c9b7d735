"""The packed file of stage 1 on the device that trains: windows of bases cut, masked, moved and changed there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

UPSTREAM, LENGTH = 7_000, 10_500


def unpack_bases(packed: np.ndarray, n: int) -> np.ndarray:
    """Returns the codes that were packed four to a byte."""
    return (packed[:, None] >> np.array([0, 2, 4, 6], np.uint8) & 3).reshape(-1)[:n]


def load_pack(path: Path) -> dict[str, np.ndarray]:
    """Reads the packed file; ``genome`` is its shortened genome, codes 0 to 3 and 4 for N."""
    with np.load(path) as file:
        pack = {name: file[name] for name in file.files}
    halves = [name for name, array in pack.items() if array.dtype == np.float16]
    pack |= {name: pack[name].astype(np.float32) for name in halves}
    runs = pack["runs"]
    bases = unpack_bases(pack.pop("bases"), int(runs[:, 1].sum()))
    genome = np.full(int(pack["length"]), 4, np.uint8)
    taken = 0
    for start, length in runs:
        genome[start : start + length] = bases[taken : taken + length]
        taken += length
    pack["genome"] = genome
    return pack


def one_hot(codes: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Turns codes ``(n, length)`` into channels ``(n, 4, length)``."""
    return torch.stack([codes == base for base in range(4)], dim=1).to(dtype)


def other_strand(codes: Tensor) -> Tensor:
    """Returns the reverse complement of rows of codes."""
    return torch.where(codes < 4, 3 - codes, codes).flip(-1)


def cut(genome: Tensor, place: Tensor, strand: Tensor, shift: Tensor | None = None) -> Tensor:
    """Returns windows of codes ``(n, 10500)`` on each gene's strand, the TSS's own base as Xpresso has it.

    Args:
        genome: Codes.
        place: Where each TSS lies in it.
        strand: 1 or -1.
        shift: Bases to move each window by, in the direction of transcription.
    """
    offsets = torch.arange(LENGTH, device=genome.device)[None] - UPSTREAM
    if shift is not None:
        offsets = offsets + shift[:, None]
    forward = (strand > 0)[:, None]
    codes = genome[torch.where(forward, place[:, None] + offsets, place[:, None] - offsets - 1)]
    return torch.where(forward | (codes > 3), codes, 3 - codes)


def mask_ends(codes: Tensor, chance: float, shortest: int = 250) -> Tensor:
    """Hides what lies further from the TSS than a random distance, in a part of the windows; half as far on the right.

    Most real windows are known near the TSS only; a model must not be surprised by any extent.
    """
    n, device = len(codes), codes.device
    position = torch.arange(LENGTH, device=device)[None] - UPSTREAM

    def extent(longest: int) -> Tensor:
        return shortest * (longest / shortest) ** torch.rand(n, 1, device=device)

    hidden = (position < -extent(UPSTREAM)) | (position >= extent(LENGTH - UPSTREAM))
    return codes.masked_fill(hidden & (torch.rand(n, 1, device=device) < chance), 4)


def mask_stretches(codes: Tensor, chance: float, longest: int = 1_500) -> Tensor:
    """Hides one random stretch in a part of the windows."""
    n, device = len(codes), codes.device
    position = torch.arange(LENGTH, device=device)[None]
    start = torch.rand(n, 1, device=device) * LENGTH
    end = start + torch.rand(n, 1, device=device) * longest
    hidden = (position >= start) & (position < end) & (torch.rand(n, 1, device=device) < chance)
    return codes.masked_fill(hidden, 4)


def usable_segments(codes: Tensor, length: int, max_n_fraction: float = 0.5) -> tuple[Tensor, Tensor]:
    """Cuts windows into whole segments.

    Returns:
        The usable segments ``(m, length)``, and the mask ``(n, segments)`` that says which they are.
    """
    segments = codes.view(len(codes), -1, length)
    mask = (segments > 3).float().mean(dim=2) <= max_n_fraction
    return segments[mask], mask
