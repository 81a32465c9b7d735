"""Independent runs: how much of a figure depends on the seed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from texcnn.device import CPU
from texcnn.evaluation.metrics import METRICS
from texcnn.tables.split import TEST, TRAIN, VALID
from texcnn.training.examples import Examples
from texcnn.training.finetune import FineTunedNetwork
from texcnn.training.fit import Fit, FitOptions, Solver, fit_head, predict_rows

_LOG = logging.getLogger("texcnn")


@dataclass(frozen=True, eq=False)  # tables have no equality of one value
class Run:
    """One fitted head and how good it is.

    Attributes:
        seed: Source of its random numbers.
        fit: The head and its history.
        metrics: ``cell_type split n_genes``, then each of :data:`texcnn.evaluation.metrics.METRICS`; of validation
            and test genes.
        predicted: Predictions of the validation and of the test genes, each float32 ``(n_genes, n_cell_types)``.
        true: Measured values of the test genes, of that shape; NaN where nothing was measured.
    """

    seed: int
    fit: Fit
    metrics: pd.DataFrame
    predicted: Mapping[str, Tensor]
    true: Tensor

    def mean(self, metric: str) -> float:
        """Returns a test metric, averaged over cell types."""
        return float(self.metrics.loc[self.metrics["split"] == TEST, metric].mean())


def fit_runs(
    make_head: Callable[[], nn.Module],
    examples: Examples,
    rows: Mapping[str, Sequence[int]],
    options: FitOptions,
    *,
    runs: int,
    device: torch.device = CPU,
    checkpoints: Path | None = None,
    progress: bool = False,
    solve: Solver | None = None,
) -> list[Run]:
    """Fits a head several times on one split, each time with the next seed.

    Args:
        make_head: Makes a head with random weights.
        examples: All genes.
        rows: Rows of each part of the split; a run sees the test genes only when it is finished.
        options: How to fit; its seed is that of the first run.
        runs: How many.
        device: Where to compute.
        checkpoints: Folder for the state of each run.
        progress: Whether to show progress.
        solve: What solves one head in closed form; None for :func:`texcnn.training.fit.fit_head`.

    Returns:
        The runs, in the order of their seeds; those with the same seeds are equal bit for bit on a CPU.
    """
    done: list[Run] = []
    for seed in range(options.seed, options.seed + runs):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            head = make_head()
        if solve is not None:
            fit = solve(head, examples, rows[TRAIN], rows[VALID])
        else:
            fit = fit_head(
                head,
                examples,
                rows[TRAIN],
                rows[VALID],
                replace(options, seed=seed),
                device=device,
                checkpoint=None if checkpoints is None else checkpoints / f"run-{seed}.safetensors",
                progress=progress,
            )
        # A head alone is judged on the CPU, as that is where it predicts; with an encoder before it that takes hours.
        where = device if isinstance(fit.head, FineTunedNetwork) else CPU
        predicted = {part: predict_rows(fit.head, examples, rows[part], device=where) for part in (VALID, TEST)}
        if is_constant(predicted[VALID]):
            _LOG.warning(
                "the run with seed %d learned nothing: it predicts one value for every validation gene; a network can "
                "start with dead units (try more `runs`) or stop too early (try fewer `genes_per_step` or more "
                "`patience`)",
                seed,
            )
        judged = [
            _judge(found, examples.labels[rows[part]], part, examples.cell_types) for part, found in predicted.items()
        ]
        metrics = pd.concat(judged, ignore_index=True)
        done.append(Run(seed, fit, metrics, predicted, examples.labels[rows[TEST]]))
    return done


def best_run(runs: Sequence[Run]) -> Run:
    """Chooses the run with the smallest validation loss; test genes are not looked at."""
    return min(runs, key=lambda run: run.fit.best.valid_loss)


def runs_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Returns a row per run: seed, epochs, best epoch and loss, and the test metrics averaged over cell types."""
    return pd.DataFrame(
        {
            "seed": run.seed,
            "epochs": len(run.fit.history),
            "best_epoch": run.fit.best.epoch,
            "valid_loss": run.fit.best.valid_loss,
            **{f"test_{name}": run.mean(name) for name in METRICS},
        }
        for run in runs
    )


def summarize_runs(runs: Sequence[Run]) -> pd.DataFrame:
    """Returns minimum, average and maximum over the runs of each test metric: ``metric min avg max``."""
    table = runs_table(runs)
    values = {name: table[f"test_{name}"] for name in METRICS}
    return pd.DataFrame(
        {"metric": name, "min": column.min(), "avg": column.mean(), "max": column.max()}
        for name, column in values.items()
    )


def is_constant(predicted: Tensor) -> bool:
    """Whether several genes differ only by rounding, in every cell type."""
    spread = predicted.amax(dim=0) - predicted.amin(dim=0)
    return len(predicted) > 1 and bool((spread <= 1e-5 * predicted.abs().amax(dim=0).clamp(min=1.0)).all())


def _judge(found: Tensor, labels: Tensor, part: str, cell_types: Sequence[str]) -> pd.DataFrame:
    predicted, true = found.numpy().astype(np.float64), labels.numpy().astype(np.float64)
    return pd.DataFrame(
        {
            "cell_type": name,
            "split": part,
            "n_genes": int((~np.isnan(true[:, column])).sum()),
            **{metric: compute(predicted[:, column], true[:, column]) for metric, compute in METRICS.items()},
        }
        for column, name in enumerate(cell_types)
    )
