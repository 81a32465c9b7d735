"""Stage 3: real windows and what Xpresso, the teacher, predicts for them.

Windows are runs of 42 neighbouring tiles of 250 bp, so that windows share the tiles' vectors: a grid over all known
bases, and shifted copies of the window round every annotated TSS. Where bases of such a window are unknown, the
teacher is shown those of a random tile and the student N: the student learns the teacher's expectation.
"""

from __future__ import annotations

import sys

import numpy as np
from data import (
    DOWNSTREAM,
    MIN_KNOWN_BASES,
    N_TILES,
    SEED,
    TILE,
    UPSTREAM,
    WORK,
    annotated_tss,
    known_runs,
    read_chromosomes,
    reverse_complement,
)
from teacher import Teacher

GRID_STEP = 4
"""Tiles between the starts of two windows of the grid."""
N_JITTERS, MAX_JITTER = 3, 250
"""Copies of each TSS's tiles, all but the first moved by up to so many bases."""
MAX_SHIFT = 8
"""Windows round a TSS are moved by up to so many tiles."""


def grid(chromosomes: dict[str, np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Returns tiles ``(n, 250)`` of the known bases, each run on a random strand, and the first tile of each window."""
    tiles, firsts, n = [], [], 0
    for bases in chromosomes.values():
        for start, end in known_runs(bases, (N_TILES + 1) * TILE):
            at = start + rng.integers(TILE)
            run = bases[at : at + (end - at) // TILE * TILE].reshape(-1, TILE)
            tiles.append(run if rng.random() < 0.5 else reverse_complement(run)[::-1])
            firsts.append(n + np.arange(0, len(run) - N_TILES + 1, GRID_STEP))
            n += len(run)
    return np.concatenate(tiles), np.concatenate(firsts)


def round_tss(
    chromosomes: dict[str, np.ndarray], tss: list[tuple[str, int, str]], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Returns tiles ``(n, 250)`` round TSSs, and the first tile of each window."""
    reach, tiles, firsts, n = MAX_SHIFT * TILE, [], [], 0
    for chrom, position, strand in tss:
        bases = chromosomes[chrom]
        for copy in range(N_JITTERS):
            centre = position + (int(rng.integers(-MAX_JITTER, MAX_JITTER + 1)) if copy else 0)
            left, right = (UPSTREAM, DOWNSTREAM) if strand == "+" else (DOWNSTREAM, UPSTREAM)
            start, end = centre - left - reach, centre + right + reach
            if start < 0 or end > len(bases):
                continue
            region = bases[start:end] if strand == "+" else reverse_complement(bases[start:end])
            known = np.concatenate([[0], np.cumsum((region.reshape(-1, TILE) != ord("N")).sum(axis=1))])
            shifts = np.flatnonzero(known[N_TILES:] - known[:-N_TILES] >= MIN_KNOWN_BASES)
            if len(shifts):
                tiles.append(region.reshape(-1, TILE))
                firsts.extend(n + shifts)
                n += len(tiles[-1])
    return np.concatenate(tiles), np.array(firsts)


def main() -> None:
    """Writes ``windows.<split>.npz`` (tiles, firsts, near_tss) and ``labels.<split>.npy`` of training and validation.

    Labels are z-scores, as the teacher predicts them.
    """
    teacher = Teacher()
    for split in ("validation", "train"):
        rng = np.random.default_rng(SEED)
        chromosomes = read_chromosomes(split)
        background, grid_firsts = grid(chromosomes, rng)
        near, near_firsts = round_tss(chromosomes, annotated_tss(split), rng)
        tiles = np.concatenate([background, near])
        firsts = np.concatenate([grid_firsts, near_firsts + len(background)])
        fill = background[rng.integers(len(background), size=len(tiles))]
        complete = np.where(tiles == ord("N"), fill, tiles)
        near_tss = np.arange(len(firsts)) >= len(grid_firsts)
        np.savez(WORK / f"windows.{split}.npz", tiles=tiles, firsts=firsts, near_tss=near_tss)
        print(f"{split}: {len(tiles)} tiles, {len(firsts)} windows, {near_tss.sum()} of them round a TSS", flush=True)
        labels = np.empty(len(firsts), dtype=np.float32)
        for start in range(0, len(firsts), 64):
            chunk = firsts[start : start + 64]
            labels[start : start + 64] = teacher.predict(complete[chunk[0] : chunk[-1] + N_TILES], chunk - chunk[0])
            if start % 6400 == 0:
                print(f"{split}: {start} of {len(firsts)} windows", file=sys.stderr, flush=True)
        np.save(WORK / f"labels.{split}.npy", labels)


if __name__ == "__main__":
    main()
