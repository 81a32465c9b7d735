"""Motifs where an attribution is high: its peaks, and hits of known motifs in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from texcnn.effects.attribution import Attribution
from texcnn.errors import InputError, RunError
from texcnn.genome.interval import reverse_complement
from texcnn.segments.bases import one_hot, stack_codes

PEAK_WIDTH = 20
"""Bases of a peak, a little more than most motifs have."""

PEAK_HEIGHT = 2.0
"""How many times the region's mean size a peak's bases have on average."""

MOST_PEAKS = 50

HIT_COLUMNS = (
    "gene_id", "cell_type", "peak", "chrom", "start", "end", "strand", "motif_id", "motif_name", "score", "p_value",
    "attribution", "sequence",
)  # fmt: skip

Motifs = Mapping[str, npt.NDArray[np.float64]]
"""The text of each MOTIF line to its probabilities ``(4, length)``."""


def read_motifs(path: Path) -> Motifs:
    """Reads motifs in MEME's format.

    Raises:
        InputError: The file cannot be read, or has no motif.
        RunError: The package memelite is missing.
    """
    try:
        from memelite.io import read_meme
    except ImportError as error:
        raise RunError(f"motifs need the package memelite: {error}", remedy="pip install 'texcnn[motifs]'") from error
    try:
        motifs: Motifs = read_meme(str(path))
    except (OSError, ValueError, AttributeError, IndexError) as error:
        raise InputError(f"the motifs cannot be read: {error}", where=path, allowed="MEME's format") from error
    if not motifs:
        raise InputError("no motif found", where=path, allowed="MEME's format with at least one MOTIF")
    return motifs


def find_peaks(values: npt.NDArray[np.float32]) -> list[tuple[int, int]]:
    """Finds stretches of :data:`PEAK_WIDTH` bases with a high attribution, of either sign.

    The strongest comes first, then the strongest that does not overlap those before, down to :data:`PEAK_HEIGHT` times
    the mean size and :data:`MOST_PEAKS` at most.

    Args:
        values: Attribution of each base, NaN where unknown.

    Returns:
        Half-open ranges, the strongest first.
    """
    sizes = np.abs(np.nan_to_num(values.astype(np.float64)))
    if len(sizes) < PEAK_WIDTH:
        return [(0, len(sizes))] if sizes.any() else []
    sums = np.convolve(sizes, np.ones(PEAK_WIDTH), "valid")
    least = PEAK_HEIGHT * sizes.mean() * PEAK_WIDTH
    peaks: list[tuple[int, int]] = []
    while len(peaks) < MOST_PEAKS:
        start = int(sums.argmax())
        if sums[start] <= 0 or sums[start] < least:
            break
        peaks.append((start, start + PEAK_WIDTH))
        sums[max(start - PEAK_WIDTH + 1, 0) : start + PEAK_WIDTH] = -1
    return peaks


def scan_peaks(attribution: Attribution, row: int, cell_type: str, motifs: Motifs, p_value: float) -> pd.DataFrame:
    """Looks for motifs in the peaks of one cell type's attribution, on both strands, as FIMO does.

    Args:
        attribution: The values.
        row: Which of its cell types.
        cell_type: Its name.
        motifs: What to look for.
        p_value: Largest p-value of a hit.

    Returns:
        A row per hit that shares at least half of its bases with a peak, with :data:`HIT_COLUMNS`, the smallest p-value
        first: ``peak`` is 1 for the strongest, ``start`` and ``end`` are 0-based half-open as in a BED, ``attribution``
        is the sum over the hit's bases, ``sequence`` is on the hit's strand.
    """
    from memelite import fimo

    values, bases = attribution.values[row], attribution.bases
    peaks = find_peaks(values)
    rows: list[dict[str, object]] = []
    found = fimo(dict(motifs), one_hot(stack_codes([bases])).numpy(), threshold=p_value) if peaks else []
    for hit in (hit for frame in found for hit in frame.to_dict("records")):
        start, end = int(hit["start"]), int(hit["end"])
        shared = [min(end, last) - max(start, first) for first, last in peaks]
        if "N" in bases[start:end] or 2 * max(shared) < end - start:
            continue
        motif, _, name = hit["motif_name"].partition(" ")
        rows.append({
            "gene_id": attribution.gene.id, "cell_type": cell_type, "peak": shared.index(max(shared)) + 1,
            "chrom": attribution.interval.chrom, "start": attribution.interval.start + start,
            "end": attribution.interval.start + end, "strand": hit["strand"], "motif_id": motif,
            "motif_name": name or motif, "score": hit["score"], "p_value": hit["p-value"],
            "attribution": float(np.nansum(values[start:end])),
            "sequence": bases[start:end] if hit["strand"] == "+" else reverse_complement(bases[start:end]),
        })  # fmt: skip
    table = pd.DataFrame(rows, columns=list(HIT_COLUMNS))
    return table.sort_values(["p_value", "start"], kind="stable").reset_index(drop=True)
