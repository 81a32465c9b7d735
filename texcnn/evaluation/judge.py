"""Predictions against measured expression, next to baselines and published peers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from texcnn.errors import InputError
from texcnn.evaluation.baselines import GC_CPG, HALF_LIFE, KMER_RIDGE, TF, feature_inputs, predict_baselines
from texcnn.evaluation.join import PredictionTable, join
from texcnn.evaluation.metrics import cell_type_metrics
from texcnn.evaluation.peers import Peer, compare
from texcnn.evaluation.within_genes import within_gene_metrics
from texcnn.genome.annotation import without_version
from texcnn.tables.expression import GENE_ID
from texcnn.tables.split import TRAIN


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
        seed: Seed of the draws and the baselines.
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


@dataclass(frozen=True, eq=False)
class Judgement:
    """How good predictions are.

    Attributes:
        predictions: What was judged.
        predicted: Its values of the genes that were evaluated, genes x cell types.
        true: The same genes and cell types, measured.
        figures: By name, tables of :func:`texcnn.evaluation.metrics.cell_type_metrics`: the model's first, then those
            of the baselines, then two for each peer, its own and the model's on the genes of both.
        within_genes: ``model``, then a row of :func:`texcnn.evaluation.within_genes.within_gene_metrics` for the model
            and each baseline; a peer has the same value in all cell types.
        missing: ``kind name missing_in reason`` of what could not be compared.
        n_train: Training genes that the baselines were fitted on.
        lacking: Baselines that could not be fitted, and what they need.
        peers: The peers.
        left_out: Measured genes of the other parts of the split: part to number.
    """

    predictions: PredictionTable
    predicted: pd.DataFrame
    true: pd.DataFrame
    figures: Mapping[str, pd.DataFrame]
    within_genes: pd.DataFrame
    missing: pd.DataFrame
    n_train: int
    lacking: Sequence[str]
    peers: Sequence[Peer]
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """The evaluated model."""
        return self.predictions.model

    @property
    def metrics(self) -> pd.DataFrame:
        """All figures in one table: ``model cell_type n_genes``, the metrics and their bounds."""
        return _model_first([table.assign(model=name) for name, table in self.figures.items()])

    @property
    def overall(self) -> pd.DataFrame:
        """The last row of each model: the mean over cell types, or the only cell type."""
        return self.metrics.groupby("model", sort=False).tail(1)

    @property
    def others(self) -> dict[str, pd.DataFrame]:
        """The figures of baselines and peers, for the picture of cell types."""
        shown = {peer.name for peer in self.peers}
        again = {f"{self.model} on the genes of {name}" for name in shown}
        return {name: table for name, table in self.figures.items() if name != self.model and name not in again}


def judge(
    predictions: PredictionTable,
    question: Question,
    *,
    sequences: Mapping[str, pd.DataFrame] | None = None,
    features: Path | None = None,
    peers: Sequence[Peer] = (),
) -> Judgement:
    """Compares predictions with measured expression, next to baselines and peers.

    Args:
        predictions: What was predicted.
        question: What to compare with.
        sequences: Inputs of the baselines that read the sequence; not used without a split.
        features: Table of features for the baselines that see only these; not used without a split.
        peers: Published predictions.

    Raises:
        InputError: when the tables do not fit each other.
        RunError: when scikit-learn is missing and there are baselines to fit.
    """
    joined = join(predictions, question.expression, cell_types=question.cell_types, split=question.split)
    predicted, true = joined.predicted, joined.true
    judged = {predictions.model: predicted}
    train = question.expression.loc[[], true.columns]
    missing = joined.missing
    if question.split is not None:
        train = question.expression.loc[question.genes(TRAIN), true.columns]
        train = train[train.notna().any(axis=1)]
        inputs = {**(sequences or {}), **(feature_inputs(features, [*train.index, *true.index]) if features else {})}
        fitted = predict_baselines(train, list(true.index), inputs, seed=question.seed)
        # Baselines are compared on the pairs that the model has a prediction for.
        judged |= {baseline: values.where(predicted.notna()) for baseline, values in fitted.items()}
        missing = pd.concat([missing, *_without_inputs(inputs, [*train.index, *true.index])], ignore_index=True)
    draws = {"bootstrap": question.bootstrap, "seed": question.seed}
    figures = {name: cell_type_metrics(values, true, **draws) for name, values in judged.items()}
    within = [within_gene_metrics(values, true, **draws).assign(model=name) for name, values in judged.items()]
    lacking = _lacking(figures, sequences is not None)
    for peer in peers:
        if peer.name in figures:
            raise InputError(f"'{peer.name}' is shown already", where="`peers`", remedy="give the peer another name")
        comparison = compare(peer, predicted, true, **draws)
        figures[peer.name] = comparison.peer
        figures[f"{predictions.model} on the genes of {peer.name}"] = comparison.model
        missing = pd.concat([missing, comparison.missing], ignore_index=True)
    return Judgement(
        predictions, predicted, true, figures, _model_first(within), missing, len(train), lacking, tuple(peers),
        joined.left_out,
    )  # fmt: skip


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


def _model_first(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    table = pd.concat(tables, ignore_index=True)
    return table[["model", *(column for column in table.columns if column != "model")]]


def _without_inputs(inputs: Mapping[str, pd.DataFrame], gene_ids: Sequence[str]) -> Iterator[pd.DataFrame]:
    for baseline, table in inputs.items():
        known = {without_version(str(gene_id)) for gene_id in table.index}
        names = [gene_id for gene_id in gene_ids if without_version(gene_id) not in known]
        yield pd.DataFrame(
            {"kind": "gene", "name": names, "missing_in": f"inputs of the baseline {baseline}", "reason": "no value"}
        )


def _lacking(fitted: Mapping[str, pd.DataFrame], sequences: bool) -> list[str]:
    genome = "a genome and its genes"
    wanted = {GC_CPG: genome, KMER_RIDGE: genome} if not sequences else {}
    wanted |= {HALF_LIFE: "features with half-life columns", TF: "features with TF columns"}
    return [f"{name} (needs {what})" for name, what in wanted.items() if name not in fitted]
