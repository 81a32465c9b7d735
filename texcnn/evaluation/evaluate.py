"""A whole evaluation, from files to a folder of tables, pictures and a summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from texcnn.errors import InputError
from texcnn.evaluation.baselines import GC_CPG, HALF_LIFE, KMER_RIDGE, TF, feature_inputs, predict_baselines
from texcnn.evaluation.baselines import sequence_inputs as inputs_of_windows
from texcnn.evaluation.join import PredictionTable, join
from texcnn.evaluation.metrics import cell_type_metrics, gene_metrics
from texcnn.evaluation.peers import Peer, compare
from texcnn.evaluation.plots import cell_type_plot, scatter_plot
from texcnn.evaluation.summary import summary_text
from texcnn.files import atomic_folder
from texcnn.genome.annotation import without_version
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection
from texcnn.genome.windows import WindowSpec, read_windows
from texcnn.tables.expression import GENE_ID
from texcnn.tables.split import TRAIN

METRICS_FILE = "metrics.tsv"
"""Shows that a folder is an evaluation."""


@dataclass(frozen=True)
class Question:
    """What to evaluate against.

    Attributes:
        expression: Genes x cell types, in the predictions' unit.
        expression_name: Its file, for the summary.
        transform: What was done to its values.
        cell_types: Only these; all common ones when empty.
        split: Gene id (without version) to its part; None where there is no split.
        split_name: Its file.
        bootstrap: Draws of genes for the intervals; 0 for none.
        seed: Source of chance of the draws and the baselines.
    """

    expression: pd.DataFrame
    expression_name: str
    transform: str
    cell_types: Sequence[str] = ()
    split: Mapping[str, str] | None = None
    split_name: str | None = None
    bootstrap: int = 1000
    seed: int = 0

    def genes(self, *parts: str) -> list[str]:
        """Returns the matrix's genes of these parts of the split; all where there is no split."""
        names = [str(gene_id) for gene_id in self.expression.index]
        split = self.split
        return names if split is None else [name for name in names if split.get(without_version(name)) in parts]


def sequence_inputs(
    fasta: Path, gtf: Path, spec: WindowSpec, genes: Sequence[str], *, map_chrom_names: bool = False
) -> dict[str, pd.DataFrame]:
    """Computes the inputs of the baselines that read the sequence, for the genes of these names.

    Raises:
        InputError: when the files cannot be used or do not fit each other.
    """
    with Reference(fasta) as reference:
        selection = GeneSelection(gtf, genes=genes, map_chrom_names=map_chrom_names)
        annotation = load_genes(reference, spec, selection)
        return inputs_of_windows(read_windows(reference, annotation.genes, spec))


def evaluate(
    predictions: PredictionTable,
    name: str,
    question: Question,
    out: Path,
    *,
    sequences: Mapping[str, pd.DataFrame] | None = None,
    features: Path | None = None,
    peers: Sequence[Peer] = (),
) -> pd.DataFrame:
    """Compares predictions with measured expression, beside baselines, and writes a folder.

    The folder has ``metrics.tsv`` (per model and cell type over genes), ``per_gene.tsv`` (across cell types),
    ``residuals.tsv.gz`` (measured - predicted), ``missing.tsv``, ``scatter.png``, ``cell_types.png``, ``summary.md``.

    Args:
        predictions: What was predicted.
        name: Name of their table.
        question: What to compare with.
        out: The folder to write; it appears when all is done.
        sequences: Inputs of the baselines that read the sequence; of no use without a split.
        features: Table of features for the baselines that see only these; likewise.
        peers: Published predictions to show beside; each adds two rows, its own and the model's on the genes of both.

    Returns:
        The table of ``metrics.tsv``: ``model cell_type n_genes``, the metrics and their bounds.

    Raises:
        InputError: when the tables do not fit each other.
        RunError: when scikit-learn is missing and there are baselines to fit.
    """
    joined = join(predictions, question.expression, cell_types=question.cell_types, split=question.split)
    predicted, true = joined.predicted, joined.true
    model = _metrics(predicted, true, question)
    baselines: dict[str, pd.DataFrame] = {}
    train = question.expression.loc[[], true.columns]
    missing = joined.missing
    if question.split is not None:
        train = question.expression.loc[question.genes(TRAIN), true.columns]
        train = train[train.notna().any(axis=1)]
        inputs = {**(sequences or {}), **(feature_inputs(features, [*train.index, *true.index]) if features else {})}
        fitted = predict_baselines(train, list(true.index), inputs, seed=question.seed)
        # What a baseline shall be compared on are the pairs that the model has a prediction for.
        baselines = {
            baseline: _metrics(values.where(predicted.notna()), true, question) for baseline, values in fitted.items()
        }
        missing = pd.concat([missing, *_without_inputs(inputs, [*train.index, *true.index])], ignore_index=True)
    lacking = _lacking(baselines, sequences is not None)
    tables = {predictions.model: model, **baselines}
    for peer in peers:
        if peer.name in tables:
            raise InputError(f"'{peer.name}' is shown already", where="--peer", remedy="give the peer another name")
        comparison = compare(peer, predicted, true, bootstrap=question.bootstrap, seed=question.seed)
        tables[peer.name] = baselines[peer.name] = comparison.peer
        tables[f"{predictions.model} on the genes of {peer.name}"] = comparison.model
        missing = pd.concat([missing, comparison.missing], ignore_index=True)
    metrics = pd.concat([table.assign(model=name) for name, table in tables.items()], ignore_index=True)
    metrics = metrics[["model", *(column for column in metrics.columns if column != "model")]]
    with atomic_folder(out) as folder:
        metrics.to_csv(folder / METRICS_FILE, sep="\t", index=False, float_format="%.9g")
        gene_metrics(predicted, true).to_csv(folder / "per_gene.tsv", sep="\t", index=False, float_format="%.9g")
        residuals(predicted, true).to_csv(
            folder / "residuals.tsv.gz", sep="\t", index=False, float_format="%.9g",
            compression={"method": "gzip", "mtime": 0},
        )  # fmt: skip
        missing.to_csv(folder / "missing.tsv", sep="\t", index=False)
        scatter_plot(folder / "scatter.png", predicted, true, predictions.unit)
        cell_type_plot(folder / "cell_types.png", model, baselines)
        summary = summary_text(
            model=predictions.model,
            predictions=name,
            unit=predictions.unit,
            expression=question.expression_name,
            transform=question.transform,
            split=question.split_name if question.split is not None else None,
            n_train=len(train),
            metrics=metrics,
            missing=missing,
            lacking=lacking,
            peers=peers,
            bootstrap=question.bootstrap,
            seed=question.seed,
        )
        (folder / "summary.md").write_text(summary, encoding="utf-8")
    return metrics


def residuals(predicted: pd.DataFrame, true: pd.DataFrame) -> pd.DataFrame:
    """Returns ``gene_id cell_type predicted true residual`` of each known pair; residual = true - predicted."""
    # Genes one by one, each with its cell types in order.
    table = pd.DataFrame(
        {
            GENE_ID: true.index.repeat(true.shape[1]),
            "cell_type": list(true.columns) * len(true),
            "predicted": predicted.to_numpy().reshape(-1),
            "true": true.to_numpy().reshape(-1),
        }
    )
    table["residual"] = table["true"] - table["predicted"]
    return table.dropna(subset=["residual"])


def _metrics(predicted: pd.DataFrame, true: pd.DataFrame, question: Question) -> pd.DataFrame:
    return cell_type_metrics(predicted, true, bootstrap=question.bootstrap, seed=question.seed)


def _without_inputs(inputs: Mapping[str, pd.DataFrame], gene_ids: Sequence[str]) -> Iterator[pd.DataFrame]:
    for baseline, table in inputs.items():
        known = {without_version(str(gene_id)) for gene_id in table.index}
        names = [gene_id for gene_id in gene_ids if without_version(gene_id) not in known]
        yield pd.DataFrame(
            {"kind": "gene", "name": names, "missing_in": f"inputs of the baseline {baseline}", "reason": "no value"}
        )


def _lacking(fitted: Mapping[str, pd.DataFrame], sequences: bool) -> list[str]:
    wanted = {GC_CPG: "--fasta and --gtf", KMER_RIDGE: "--fasta and --gtf"} if not sequences else {}
    wanted |= {HALF_LIFE: "--features with half-life columns", TF: "--features with TF columns"}
    return [f"{name} (needs {what})" for name, what in wanted.items() if name not in fitted]
