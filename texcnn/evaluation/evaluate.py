"""The verb ``evaluate``: from predictions, or a model, and measured expression to a folder of figures."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from texcnn.arguments import to_path
from texcnn.errors import InputError, unknown_name
from texcnn.evaluation.baselines import sequence_inputs
from texcnn.evaluation.folder import WITHIN_GENES_FILE, write_judgement
from texcnn.evaluation.join import PredictionTable, read_prediction_table, read_split
from texcnn.evaluation.judge import Judgement, Question, judge
from texcnn.evaluation.options import EvaluateOptions
from texcnn.evaluation.peers import peer_tables, read_peers
from texcnn.files import check_output
from texcnn.genome.annotation import without_version
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection
from texcnn.genome.windows import WindowSpec, read_windows
from texcnn.inputs_kept import keep_inputs
from texcnn.keywords import check_flags, options_from
from texcnn.tables.expression import read_expression
from texcnn.tables.split import TEST, TRAIN
from texcnn.tables.transform import transform_expression

if TYPE_CHECKING:  # a table is evaluated without torch, which takes seconds to load
    from texcnn.model.model import Model


@dataclass(frozen=True, eq=False)
class Evaluated:
    """The result of an evaluation.

    Attributes:
        folder: Its tables, pictures and texts.
        judgement: The figures, and what they are about.
    """

    folder: Path
    judgement: Judgement


def evaluate(
    expression: str | PathLike[str],
    out: str | PathLike[str],
    predictions: str | PathLike[str] | None = None,
    *,
    model: Model | str | PathLike[str] | None = None,
    fasta: str | PathLike[str] | None = None,
    overwrite: bool = False,
    options: EvaluateOptions | None = None,
    progress: bool = False,
    **keywords: Any,
) -> Evaluated:
    """Compares predictions with measured expression, next to baselines and published peers.

    ``texcnn.evaluate("tpm.tsv", "evaluation", "predictions.parquet", split="split.tsv")``

    Args:
        expression: Measured values, genes x cell types: .tsv, .tsv.gz, .parquet or .h5ad.
        out: The folder to write: see :func:`texcnn.evaluation.folder.write_judgement`.
        predictions: Table of ``predict``, or any of ``gene_id`` and cell types.
        model: In place of ``predictions``, a model to predict the test genes with: it needs ``fasta`` and ``gtf``.
        fasta: Genome, for ``model`` and for the baselines that read the sequence.
        overwrite: Whether to replace an evaluation that is already there.
        options: What to compare with.
        progress: Whether to show progress.
        keywords: Fields in place of ``options``: those of :class:`~texcnn.evaluation.options.EvaluateOptions` and
            :class:`~texcnn.embedding.options.ComputeOptions`.

    Returns:
        The figures, and where they were written.

    Raises:
        InputError: when the input cannot be used, or something else is at ``out``.
        ModelError: when there is no such model, or it cannot be trusted.
        RunError: when scikit-learn is missing and there are baselines to fit.
    """
    chosen = options_from(EvaluateOptions, options, keywords)
    check_flags(overwrite=overwrite, progress=progress)
    folder = to_path(out, "out")
    read = {"expression": expression, "predictions": predictions, "fasta": fasta, "options": chosen}
    keep_inputs({"out": folder}, {**read, "peers": [*peer_tables(chosen.peers).values()]})
    check_output(folder, overwrite=overwrite, marker=WITHIN_GENES_FILE)
    genome = None if fasta is None else to_path(fasta, "fasta")
    _check_sources(chosen, predictions, model, genome)
    peers = read_peers(chosen.peers, chosen.peer_scales)
    loaded = None if model is None else _load(model, chosen)
    question = _question(to_path(expression, "expression"), chosen)
    if loaded is None:
        assert predictions is not None
        path = to_path(predictions, "predictions")
        table, source = read_prediction_table(path), path.name
    else:
        assert genome is not None
        table = _predict(loaded, genome, question.genes(TEST), chosen, progress)
        source = f"by {loaded.name} from {genome.name}"
    sequences = None
    if genome is not None and question.split is not None:
        window = WindowSpec() if loaded is None else loaded.window
        sequences = _sequences(genome, window, question.genes(TRAIN, TEST), chosen)
    judgement = judge(table, question, sequences=sequences, features=chosen.features, peers=peers)
    write_judgement(folder, judgement, question, source)
    return Evaluated(folder, judgement)


def _check_sources(
    options: EvaluateOptions,
    predictions: str | PathLike[str] | None,
    model: Model | str | PathLike[str] | None,
    fasta: Path | None,
) -> None:
    if (predictions is None) == (model is None):
        raise InputError("give either predictions or a model", where="`predictions` and `model`", allowed="one of them")
    if (fasta is None) != (options.gtf is None) or (model is not None and fasta is None):
        raise InputError("a genome and its genes go together", where="`fasta` and `gtf`", allowed="both")
    if predictions is None:
        return
    if options.split is None and (fasta or options.features):
        raise InputError(
            "`fasta`, `gtf` and `features` are for baselines, which need `split`",
            remedy="give the split, or leave them out",
        )
    if options.compute.compile:
        raise InputError("no model that could be compiled", where="`compile`", remedy="leave it out")


def _load(model: Model | str | PathLike[str], options: EvaluateOptions) -> Model:
    """Returns the model, after a check of the wanted cell types."""
    from texcnn.model.load import load_model
    from texcnn.model.model import Model

    loaded = model if isinstance(model, Model) else load_model(model)
    for name in options.cell_types:
        if name not in loaded.cell_types:
            raise unknown_name("cell type", name, loaded.cell_types, where="`cell_types`")
    return loaded


def _question(path: Path, options: EvaluateOptions) -> Question:
    measured = read_expression(path, gene_column=options.gene_column, only=options.cell_types or None)
    return Question(
        transform_expression(measured, options.transform, where=path),
        expression_name=path.name,
        transform=options.transform,
        cell_types=options.cell_types,
        split=None if options.split is None else read_split(options.split),
        split_name=None if options.split is None else options.split.name,
        bootstrap=options.bootstrap,
        seed=options.seed,
    )


def _selection(options: EvaluateOptions, genes: list[str]) -> GeneSelection:
    return GeneSelection(gtf=options.gtf, genes=genes, map_chrom_names=options.map_chrom_names)


def _predict(model: Model, fasta: Path, genes: list[str], options: EvaluateOptions, progress: bool) -> PredictionTable:
    from texcnn.prediction.options import PredictOptions
    from texcnn.prediction.predict import predict

    wanted = PredictOptions(
        selection=_selection(options, genes),
        compute=options.compute,
        cell_types=options.cell_types,
        # A model that takes none refuses some; they may be meant for the baselines alone.
        features=options.features if model.config.features else None,
    )
    frame: pd.DataFrame = predict(model, fasta, options=wanted, progress=progress)
    names = list(options.cell_types or model.cell_types)
    values = frame.set_index("gene_id")[names].astype("float64")
    skipped = {without_version(entry["gene_id"]): entry["reason"] for entry in frame.attrs["skipped"]}
    return PredictionTable(values, model.name, model.unit, skipped)


def _sequences(fasta: Path, window: WindowSpec, genes: list[str], options: EvaluateOptions) -> dict[str, pd.DataFrame]:
    """Computes the inputs of the baselines that read the sequence."""
    with Reference(fasta) as reference:
        placed = load_genes(reference, window, _selection(options, genes)).genes
        return sequence_inputs(read_windows(reference, placed, window))
