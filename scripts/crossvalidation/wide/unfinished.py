"""Runs of which some folds are done: compared with others on the genes that these folds test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from figures import Draws
from genes import Genes
from intervals import FIGURES, Runs


def folds_of(folder: Path, key: str, run: int) -> dict[int, np.ndarray]:
    """Predictions of the folds that a run has, by fold."""
    paths = {int(path.stem.rpartition("-")[2]): path for path in folder.glob(f"{key}-{run}-?.npy")}
    return {fold: np.load(paths[fold]) for fold in sorted(paths)}


def tested_by(genes: Genes, folds: list[int]) -> np.ndarray:
    """Rows of the genes that these folds test, fold by fold."""
    parts = genes.folds()
    return np.concatenate([parts[fold][2] for fold in folds])


def on_folds(found: dict[int, np.ndarray], folds: list[int], number: int, genes: Genes, draws: Draws) -> Runs:
    """A run's figures on the genes that these folds test.

    Args:
        found: Predictions by fold, of all these folds at least.
        folds: Which.
        number: Of the run.
        genes: The genes.
        draws: Of as many genes as the folds test.
    """
    pooled = torch.from_numpy(np.concatenate([found[fold] for fold in folds])).float()
    true = genes.labels[torch.from_numpy(tested_by(genes, folds))]
    whole = torch.full_like(true, torch.nan)
    whole[:, : pooled.shape[1]] = pooled
    figures = draws.figures(whole, true)
    drawn = {name: figures[name][None].astype(np.float64) for name in FIGURES}
    return Runs([number], drawn, [np.nan], whole[None, :, 0].numpy())
