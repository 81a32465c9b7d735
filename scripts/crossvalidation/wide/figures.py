"""Figures of a run, and the same on genes drawn with replacement: the draws are equal for every run and line."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

DRAWS = 1_000


class Draws:
    """How often each gene is drawn.

    Args:
        n: Genes.
        device: Where to compute.
        draws: How many.
    """

    def __init__(self, n: int, device: torch.device, draws: int = DRAWS) -> None:
        generator = np.random.default_rng(15)
        counts = np.stack([np.bincount(generator.integers(n, size=n), minlength=n) for _ in range(draws)])
        self.counts = torch.from_numpy(counts.astype(np.float32)).to(device)
        self.all = torch.ones(1, n, device=device)

    def figures(self, found: Tensor, true: Tensor) -> dict[str, np.ndarray]:
        """Returns figures of all genes and of each draw.

        Args:
            found: ``(n, outputs)``; an output that was not learned is NaN for every gene.
            true: ``(n, outputs)``, the median first; an output's unknown genes are left out.

        Returns:
            ``median_r2``, ``median_sse``, ``cells_r2``, ``cells_sse``: float32 ``(1 + draws,)``, the genes themselves
            first. ``cells`` is the mean over the outputs after the median. r2 is squared Pearson, sse 1 - SSE/SST.
        """
        weights = torch.cat([self.all, self.counts])
        r2, sse = weighted_figures(weights, found.double(), true.double())
        made = {
            "median_r2": r2[:, 0],
            "median_sse": sse[:, 0],
            "cells_r2": r2[:, 1:].mean(1),
            "cells_sse": sse[:, 1:].mean(1),
        }
        return {name: values.float().cpu().numpy() for name, values in made.items()}


def weighted_figures(weights: Tensor, found: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """Returns squared Pearson and 1 - SSE/SST of each column ``(draws, outputs)``, genes counted by their weight."""
    known = ~true.isnan()
    blank = torch.where(known, found, torch.nan)
    left = torch.where(known, found - blank.nanmean(0), 0.0)
    right = torch.where(known, true - true.nanmean(0), 0.0)
    errors = torch.where(known, found - true, 0.0)
    weights = weights.double()
    n = weights @ known.double()
    left_mean, right_mean = weights @ left / n, weights @ right / n
    left_scatter = weights @ left**2 - n * left_mean**2
    right_scatter = weights @ right**2 - n * right_mean**2
    shared = weights @ (left * right) - n * left_mean * right_mean
    r2 = torch.where(left_scatter > 1e-9 * n, shared**2 / (left_scatter * right_scatter), 0.0)
    # A constant prediction explains nothing; where nothing was predicted there is no figure.
    missing = found.isnan().any(0)
    r2[:, missing] = torch.nan
    sse = 1 - weights @ errors**2 / right_scatter
    sse[:, missing] = torch.nan
    return r2, sse
