"""A whole training, from vectors and expression to a model bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors import SafetensorError

from texcnn.embedding.store import EmbeddingStore
from texcnn.errors import RunError, StoreError
from texcnn.heads.textcnn import TextCNN
from texcnn.model.bundle import BundleConfig, FeatureSpec, HeadSpec, save_bundle
from texcnn.tables.columns import skipped_frame
from texcnn.training.card import model_card
from texcnn.training.encoders import ChosenEncoders
from texcnn.training.examples import LabelledGenes, load_examples
from texcnn.training.fit import FitOptions
from texcnn.training.loss_curve import loss_curve
from texcnn.training.runs import Run, best_run, fit_runs, runs_table, summarize_runs


@dataclass(frozen=True)
class TrainOptions:
    """What the user decides.

    Attributes:
        name: Of the new model.
        unit: Of its predictions.
        cell_types: Names of its outputs.
        feature_names: Extra inputs, in the order of the labelled genes' columns.
        head: Arguments of :class:`texcnn.heads.textcnn.TextCNN` besides its sizes.
        fit: How to fit.
        runs: Independent runs; the best on the validation genes is kept.

    Raises:
        ModelError: when the head's arguments cannot be used.
    """

    name: str
    unit: str
    cell_types: tuple[str, ...]
    feature_names: tuple[str, ...] = ()
    head: dict[str, Any] = field(default_factory=dict)
    fit: FitOptions = field(default_factory=FitOptions)
    runs: int = 1

    def __post_init__(self) -> None:
        """Checks the head's arguments on a head of the smallest size, before hours of embedding."""
        TextCNN(1, 1, n_segments=1, **self.head)


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
    store: EmbeddingStore,
    chosen: ChosenEncoders,
    out: Path,
    options: TrainOptions,
    *,
    device: str | torch.device | None = None,
    checkpoints: Path | None = None,
    progress: bool = False,
) -> Trained:
    """Fits a text CNN to frozen vectors and writes the bundle, whole or not at all.

    Beside what every bundle holds lie ``split.tsv`` (``gene_id split``), ``history.tsv`` (``seed epoch train_loss
    valid_loss``), ``metrics.tsv`` (the kept run per cell type), ``runs.tsv``, ``skipped.tsv`` and ``loss.png``.

    Args:
        labelled: The genes, their expression, features and split.
        store: Their vectors.
        chosen: The encoders that made these.
        out: The bundle's folder; one already there is replaced.
        options: What the user decides.
        device: Where to fit; None is the GPU if there is one.
        checkpoints: Folder that keeps the state of unfinished runs.
        progress: Whether to show progress.

    Raises:
        InputError: when too few genes are left, or a cell type cannot be learned from them.
        StoreError: when the store is of other encoders.
        RunError: when the training fails, or the bundle cannot be written, as on a full disk.
    """
    if store.spec.encoders != tuple(encoder.fingerprint() for encoder in chosen.encoders):
        raise StoreError(
            "the store was made by other encoders",
            where=store.folder,
            remedy="name the model or the encoders that texcnn embed was given",
        )
    examples, features, genes = load_examples(labelled, store, options.feature_names)
    spec = HeadSpec(
        "textcnn",
        {
            "dim": store.spec.dim,
            "n_cell_types": len(options.cell_types),
            "n_segments": store.spec.segments.n_segments(store.spec.window.length),
            "n_features": len(features),
            **options.head,
        },
    )
    runs = fit_runs(
        lambda: TextCNN(**spec.options),
        examples,
        [gene.id for gene in genes.genes],
        genes.split,
        options.fit,
        runs=options.runs,
        cell_types=options.cell_types,
        device=device,
        checkpoints=checkpoints,
        progress=progress,
    )
    trained = Trained(summarize_runs(runs), genes)
    try:
        _save(out, store, chosen, spec, features, options, runs, trained)
    except (OSError, SafetensorError) as error:
        raise RunError(
            f"cannot write the model: {error}", where=out, remedy="make room, then give the same command again"
        ) from error
    return trained


def _save(
    out: Path,
    store: EmbeddingStore,
    chosen: ChosenEncoders,
    head: HeadSpec,
    features: Sequence[FeatureSpec],
    options: TrainOptions,
    runs: Sequence[Run],
    trained: Trained,
) -> None:
    best = best_run(runs)
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
        kind="segments",
        unit=options.unit,
        window=store.spec.window,
        head=head,
        segments=store.spec.segments,
        encoders=chosen.specs,
        features=tuple(features),
    )
    save_bundle(
        out,
        config,
        chosen.tensors | {f"head.{name}": value for name, value in best.fit.head.state_dict().items()},
        pd.DataFrame({"cell_type": options.cell_types}),
        model_card(config, options.fit, options.cell_types, store.spec.fasta, trained.genes, runs, trained.summary),
        files={
            **chosen.files,
            **{name: table.to_csv(sep="\t", index=False).encode() for name, table in tables.items()},
            "split.tsv": trained.genes.split.to_tsv().encode(),
            "loss.png": loss_curve([run.fit.history for run in runs], runs.index(best)),
        },
    )
