"""A whole training, from vectors and expression to a model bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors import SafetensorError

from texcnn.errors import InputError, RunError
from texcnn.features.spec import FeatureSpec
from texcnn.genome.skipped import skipped_frame
from texcnn.heads.spec import HeadSpec
from texcnn.model.bundle import BundleConfig, save_bundle
from texcnn.plots.loss_curve import loss_curve
from texcnn.training.architectures import find_architecture
from texcnn.training.card import model_card
from texcnn.training.examples import LabelledGenes, make_examples
from texcnn.training.fit import FitOptions
from texcnn.training.prepare import Prepared
from texcnn.training.runs import Run, best_run, fit_runs, runs_table, summarize_runs


@dataclass(frozen=True)
class TrainOptions:
    """What the user decides.

    Attributes:
        name: Of the new model.
        unit: Of its predictions.
        cell_types: Names of its outputs.
        feature_names: Extra inputs, in the order of the labelled genes' columns.
        architecture: A name of :data:`texcnn.training.architectures.ARCHITECTURES`.
        head: Arguments of its head besides its sizes, in place of its own.
        fit: How to fit.
        runs: Independent runs; the best on the validation genes is kept.

    Raises:
        InputError: when there is no such architecture, or the head's arguments are another's.
        ModelError: when the head's arguments cannot be used.
    """

    name: str
    unit: str
    cell_types: tuple[str, ...]
    feature_names: tuple[str, ...] = ()
    architecture: str = "textcnn"
    head: dict[str, Any] = field(default_factory=dict)
    fit: FitOptions = field(default_factory=FitOptions)
    runs: int = 1

    def __post_init__(self) -> None:
        """Checks the head's arguments on a head of the smallest size, before hours of embedding."""
        architecture = find_architecture(self.architecture)
        if architecture.head == "textcnn":
            architecture.make_head({"dim": 1, "n_cell_types": 1, "n_segments": 1}, self.head)
        elif self.head:
            raise InputError(f"{', '.join(self.head)} is of a text CNN", where=f"--architecture {self.architecture}")


@dataclass(frozen=True)
class Trained:
    """What came of a training.

    Attributes:
        summary: ``metric min avg max`` of the test genes over the runs.
        genes: The genes learned from and judged with.
    """

    summary: pd.DataFrame
    genes: LabelledGenes


def train_model(
    labelled: LabelledGenes,
    prepared: Prepared,
    out: Path,
    options: TrainOptions,
    *,
    device: str | torch.device | None = None,
    checkpoints: Path | None = None,
    progress: bool = False,
) -> Trained:
    """Fits a network to what it is fed and writes the bundle, whole or not at all.

    Beside what every bundle holds lie ``split.tsv`` (``gene_id split``), ``history.tsv`` (``seed epoch train_loss
    valid_loss``), ``metrics.tsv`` (the kept run per cell type), ``runs.tsv``, ``skipped.tsv`` and ``loss.png``.

    Args:
        labelled: The genes, their expression, features and split.
        prepared: What the network is fed for them.
        out: The bundle's folder; one already there is replaced.
        options: What the user decides.
        device: Where to fit; None is the GPU if there is one.
        checkpoints: Folder that keeps the state of unfinished runs.
        progress: Whether to show progress.

    Raises:
        InputError: when too few genes are left, or a cell type cannot be learned from them.
        RunError: when the training fails, or the bundle cannot be written, as on a full disk.
    """
    architecture = find_architecture(options.architecture)
    examples, features, genes = make_examples(labelled, prepared.inputs, prepared.usable, options.feature_names)
    sizes = {**prepared.sizes, "n_cell_types": len(options.cell_types), "n_features": len(features)}
    runs = fit_runs(
        lambda: prepared.network(architecture.make_head(sizes, options.head)),
        examples,
        [gene.id for gene in genes.genes],
        genes.split,
        options.fit,
        runs=options.runs,
        cell_types=options.cell_types,
        device=device,
        checkpoints=checkpoints,
        progress=progress,
        solve=architecture.solve,
    )
    spec = HeadSpec(architecture.head, {**sizes, **architecture.options, **options.head})
    trained = Trained(summarize_runs(runs), genes)
    try:
        _save(out, prepared, spec, features, options, runs, trained)
    except (OSError, SafetensorError) as error:
        raise RunError(
            f"cannot write the model: {error}", where=out, remedy="make room, then give the same command again"
        ) from error
    return trained


def _save(
    out: Path,
    prepared: Prepared,
    head: HeadSpec,
    features: Sequence[FeatureSpec],
    options: TrainOptions,
    runs: Sequence[Run],
    trained: Trained,
) -> None:
    best, chosen = best_run(runs), prepared.chosen
    histories = [
        pd.DataFrame([vars(epoch) for epoch in run.fit.history]).assign(seed=run.seed)[
            ["seed", "epoch", "train_loss", "valid_loss"]
        ]
        for run in runs
    ]
    tables = {
        "history.tsv": pd.concat(histories),
        "metrics.tsv": best.metrics,
        "runs.tsv": runs_table(runs),
        "skipped.tsv": skipped_frame(trained.genes.skipped),
    }
    config = BundleConfig(
        name=options.name,
        version="1",
        kind="one-hot" if chosen is None else "segments",
        unit=options.unit,
        window=prepared.window,
        head=head,
        segments=prepared.segments,
        encoders=() if chosen is None else chosen.specs,
        features=tuple(features),
    )
    save_bundle(
        out,
        config,
        prepared.tensors(best.fit.head),
        pd.DataFrame({"cell_type": options.cell_types}),
        model_card(
            config,
            options.architecture,
            options.fit,
            options.cell_types,
            prepared,
            trained.genes,
            runs,
            trained.summary,
        ),
        files={
            **({} if chosen is None else chosen.files),
            **{name: table.to_csv(sep="\t", index=False).encode() for name, table in tables.items()},
            "split.tsv": trained.genes.split.to_tsv().encode(),
            "loss.png": loss_curve([run.fit.history for run in runs], runs.index(best)),
        },
    )
