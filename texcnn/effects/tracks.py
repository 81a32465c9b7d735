"""Values along a chromosome as bigWig and bedGraph, for genome browsers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pybigtools

from texcnn.genome.interval import Interval


def write_bedgraph(path: Path, interval: Interval, values: npt.NDArray[np.float32], *, name: str) -> None:
    """Writes one line per base that has a value, with enough digits to restore a float32 exactly.

    Args:
        path: The file.
        interval: Their position.
        values: ``(len(interval),)``; a base with NaN has no line.
        name: What a browser calls the track.
    """
    with path.open("w", encoding="utf-8") as handle:
        handle.write(f'track type=bedGraph name="{name}"\n')
        for chrom, start, end, value in _entries(interval, values):
            handle.write(f"{chrom}\t{start}\t{end}\t{value:.9g}\n")


def write_bigwig(path: Path, interval: Interval, values: npt.NDArray[np.float32], *, length: int) -> None:
    """Writes the same as bigWig, which holds float32; writes no file without values, as a bigWig cannot be empty.

    Args:
        path: The file.
        interval: Their position.
        values: ``(len(interval),)``; a base with NaN has no entry.
        length: Bases of the chromosome.
    """
    if np.isnan(values).all():
        return
    pybigtools.open(str(path), "w").write({interval.chrom: length}, _entries(interval, values))


def _entries(interval: Interval, values: npt.NDArray[np.float32]) -> Iterator[tuple[str, int, int, float]]:
    for place in np.flatnonzero(~np.isnan(values)).tolist():
        start = interval.start + place
        yield interval.chrom, start, start + 1, float(values[place])
