"""Chromosomes dealt out to folds, the same for every line of a table."""

from __future__ import annotations

from collections import Counter

import numpy as np

GROUPS, FOLDS = 10, 5


def chromosome_groups(chroms: list[str]) -> np.ndarray:
    """Deals chromosomes out, the largest first, each to the group with the fewest genes."""
    sizes = [0] * GROUPS
    group = {}
    for chrom, size in sorted(Counter(chroms).items(), key=lambda item: (-item[1], item[0])):
        group[chrom] = min(range(GROUPS), key=lambda place: sizes[place])
        sizes[group[chrom]] += size
    return np.array([group[chrom] for chrom in chroms])


def fold_rows(group: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Returns rows to fit to, to stop by and to test, of each fold: seven groups, one and two."""
    made = []
    for fold in range(FOLDS):
        tested, stopping = [2 * fold, 2 * fold + 1], (2 * fold + 2) % GROUPS
        parts = np.where(np.isin(group, tested), 2, np.where(group == stopping, 1, 0))
        made.append(tuple(np.flatnonzero(parts == part) for part in range(3)))
    return made
