"""The verb ``train``: from expression and a genome, or a store, to a model."""

from __future__ import annotations

import logging
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

from texcnn.arguments import to_path
from texcnn.checkpoints import WorkFolder
from texcnn.errors import InputError
from texcnn.features.table import FeatureTable
from texcnn.genome.gene import Annotation
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.heads.spec import HeadSpec
from texcnn.keywords import check_flags, options_from
from texcnn.model.catalog import check_bundle_output, resolve_model
from texcnn.model.held_encoders import ChosenEncoders, encoders_by_name, encoders_of_model
from texcnn.store.joined import JoinedStores
from texcnn.training.bundle import Trained, save_trained
from texcnn.training.examples import make_examples
from texcnn.training.finetune import Tuning
from texcnn.training.options import TrainOptions
from texcnn.training.prepare import (
    Prepared,
    fitted_encoders,
    prepare_bases,
    prepare_store,
    prepare_tokens,
    prepare_vectors,
)
from texcnn.training.runs import fit_runs
from texcnn.training.targets import LabelledGenes, Targets, label_genes, read_targets

_LOG = logging.getLogger("texcnn")


def train(
    expression: str | PathLike[str],
    out: str | PathLike[str],
    fasta: str | PathLike[str] | None = None,
    *,
    overwrite: bool = False,
    options: TrainOptions | None = None,
    progress: bool = False,
    **keywords: Any,
) -> Trained:
    """Trains a model on measured expression, and writes a folder that ``predict`` reads.

    ``texcnn.train("tpm.tsv", "my-model", "genome.fa", gtf="genes.gtf", unit="TPM")``

    A training that was interrupted continues where it stopped when it is called again in the same way: what is
    unfinished is in ``<out>.work`` until then. On a CPU with as many threads the same call gives the same bits.

    Args:
        expression: Genes x cell types, from 0 up: .tsv, .tsv.gz, .parquet or .h5ad.
        out: The model's folder, and its name.
        fasta: Genome, plain or BGZF; None with ``embeddings``.
        overwrite: Whether to replace a model that is already there, and to start an unfinished one again.
        options: What to learn, from which genes, with which network.
        progress: Whether to show progress.
        keywords: Fields in place of ``options``: those of :class:`~texcnn.training.options.TrainOptions` and of the
            classes nested in it.

    Returns:
        The fitted runs, their figures on the test genes, and the genes that were used and skipped.

    Raises:
        InputError: when the input cannot be used, too few genes are left, or something else is at ``out``.
        ModelError: when a model or an encoder cannot be found, trusted or held by the new model.
        StoreError: when the store was made by other encoders.
        RunError: when the loss is no longer finite, or a file cannot be written.
    """
    chosen = options_from(TrainOptions, options, keywords)
    check_flags(overwrite=overwrite, progress=progress)
    if (fasta is None) != bool(chosen.embeddings):
        raise InputError(
            "give either a genome or a store", where="`fasta` and `embeddings`", allowed="exactly one of them"
        )
    folder = to_path(out, "out")
    held = None if chosen.model is None else resolve_model(chosen.model)
    read = {"expression": expression, "fasta": fasta, "model": held, "options": chosen}
    check_bundle_output(folder, read, overwrite=overwrite)
    work = WorkFolder.of(folder, "train")
    targets = read_targets(
        to_path(expression, "expression"),
        unit=chosen.unit,
        transform=chosen.transform,
        cell_types=chosen.cell_types,
        gene_column=chosen.gene_column,
    )
    table = None if chosen.features is None else FeatureTable.read(chosen.features)
    splitter = chosen.splitting.splitter(chosen.seed)
    encoders = _encoders(chosen)

    def label(annotation: Annotation) -> LabelledGenes:
        labelled = label_genes(annotation, targets, splitter, features=table)
        _LOG.info("%s", labelled.plan(targets.cell_types, chosen.runs, chosen.fit.epochs))
        work.open(fresh=overwrite)  # only now: a mistyped option must not cost a training that took days
        return labelled

    if chosen.embeddings and encoders is not None:
        store = JoinedStores.open(chosen.embeddings)
        if store.spec.transcripts:
            raise InputError("expression is per gene, but the store has one row per transcript", where=store.folder)
        labelled = label(Annotation(store.genes, store.skipped, chosen.embeddings[0]))
        prepared = prepare_store(labelled.genes, store, encoders)
    else:
        assert fasta is not None
        with Reference(to_path(fasta, "fasta")) as reference:
            labelled, prepared = _read(reference, label, chosen, encoders, work.path / "embeddings", progress)
    names = () if table is None else table.names
    trained = _fit(labelled, prepared, targets, names, folder, chosen, work.path / "checkpoints", progress)
    work.remove()
    return trained


def _encoders(options: TrainOptions) -> ChosenEncoders | None:
    """Loads the wanted encoders; None where the network reads bases, or brings its own."""
    if options.network.reads != "encoders":
        return None
    return encoders_by_name(options.encoders) if options.encoders else encoders_of_model(options.model)


def _read(
    reference: Reference,
    label: Callable[[Annotation], LabelledGenes],
    options: TrainOptions,
    encoders: ChosenEncoders | None,
    folder: Path,
    progress: bool,
) -> tuple[LabelledGenes, Prepared]:
    """Reads genes and windows, and turns these into the network's inputs."""
    network, window = options.network, options.window(None if encoders is None else encoders.window)
    tuning = None
    if options.fine_tune is not None and encoders is not None:
        tuning = Tuning.of(encoders, str(options.fine_tune), segments_per_pass=options.compute.batch_size)
    annotation = load_genes(reference, window, options.selection)
    labelled = label(annotation)
    if network.reads == "bases":
        return labelled, prepare_bases(labelled.genes, reference, window)
    if tuning is not None:
        return labelled, prepare_tokens(labelled.genes, reference, tuning, window)
    prepared = prepare_vectors(
        labelled,
        reference,
        annotation,
        encoders or fitted_encoders(network, reference, labelled, window, seed=options.seed),
        folder,
        window=window,
        options=options.compute,
        progress=progress,
    )
    return labelled, prepared


def _fit(
    labelled: LabelledGenes,
    prepared: Prepared,
    targets: Targets,
    feature_names: tuple[str, ...],
    folder: Path,
    options: TrainOptions,
    checkpoints: Path,
    progress: bool,
) -> Trained:
    """Fits the network, and writes the model."""
    network, given = options.network, options.head.given()
    examples, features, genes = make_examples(
        labelled, prepared.inputs, prepared.usable, cell_types=targets.cell_types, feature_names=feature_names
    )
    sizes = {**prepared.sizes, "n_cell_types": len(targets.cell_types), "n_features": len(features)}
    checkpoints.mkdir(exist_ok=True)
    runs = fit_runs(
        lambda: prepared.network(network.make_head(sizes, given)),
        examples,
        genes.rows(),
        options.fit,
        runs=options.runs,
        device=options.compute.device,
        checkpoints=checkpoints,
        progress=progress,
        solve=network.solve,
    )
    trained = Trained(folder, targets.unit, targets.cell_types, features, genes, prepared, runs)
    save_trained(trained, HeadSpec(network.head, {**sizes, **network.options, **given}), options)
    return trained
