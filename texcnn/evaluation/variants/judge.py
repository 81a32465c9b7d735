"""Every figure of predicted effects, next to those of baselines and peers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from texcnn.evaluation.variants import figures
from texcnn.evaluation.variants.figures import Figure, WeightedFigure, figure, mean_figure
from texcnn.evaluation.variants.scores import Scored
from texcnn.evaluation.variants.truth import TruthKind

DISTANCE, NUMBER, COMMON_SIGN = "|distance to TSS|", "number of variants", "most frequent sign"
MEAN_OF_CELL_TYPES = "mean over cell types"
ALL, MEAN_OF_ELEMENTS = "all", "mean over elements"

METRIC_COLUMNS = ("scorer", "cell_type", "group", "metric", "value", "low", "high", "n")


@dataclass(frozen=True, eq=False)
class Scorer:
    """Something that gives each row a score.

    Attributes:
        name: What tables call it.
        cell_type: The cell type it predicts; empty for a baseline or a peer.
        values: ``(n,)``.
        signed: Whether the sign is the direction; a baseline's larger score is a larger effect.
    """

    name: str
    cell_type: str
    values: npt.NDArray[np.float64]
    signed: bool = True


def scorers_of(scored: Scored, model: str, peers: Mapping[str, npt.NDArray[np.float64]]) -> list[Scorer]:
    """Returns the model, one per cell type and their mean, the baselines and the peers."""
    deltas = scored.deltas
    found = [Scorer(model, str(name), deltas[name].to_numpy()) for name in deltas.columns]
    if len(found) > 1:
        found.append(Scorer(model, MEAN_OF_CELL_TYPES, deltas.mean(axis=1).to_numpy()))
    truth = scored.truth
    found.append(Scorer(DISTANCE, "", -np.abs(truth["distance"].to_numpy(float)), signed=False))
    found.append(Scorer(NUMBER, "", truth["n_variants"].to_numpy(float), signed=False))
    signs = np.sign(truth["effect"].to_numpy(float))
    if not np.isnan(signs).all():
        found.append(Scorer(COMMON_SIGN, "", np.full(len(signs), 1.0 if np.nansum(signs) >= 0 else -1.0)))
    return found + [Scorer(name, "", values) for name, values in peers.items()]


def judge_effects(
    scored: Scored, kind: TruthKind, scorers: Iterable[Scorer], *, bootstrap: int, seed: int
) -> pd.DataFrame:
    """Computes all figures.

    Args:
        scored: Measured effects that have a prediction.
        kind: What they are.
        scorers: What gives scores.
        bootstrap: Draws for the 95 % intervals: of genes, of positions within an element, of elements for their mean.
        seed: Source of the draws.

    Returns:
        A row per scorer, cell type, group and figure that is defined, with :data:`METRIC_COLUMNS`.
    """
    rows: list[dict[str, object]] = []
    for scorer in scorers:
        if kind is TruthKind.SATURATION:
            rows += _of_elements(scored.truth, scorer, bootstrap, seed)
        else:
            clusters = pd.factorize(scored.truth["group"])[0]
            wanted = _labels(scored.truth) if kind is TruthKind.LABELS else _effects(scored.truth, scorer)
            for name, compute, truth, down in wanted:
                # A baseline has a size only, in either direction.
                values = -scorer.values if down and scorer.signed else scorer.values
                found = figure(compute, values, truth, clusters, draws=bootstrap, seed=seed)
                rows += _row(scorer, ALL, name, found)
    return pd.DataFrame(rows, columns=list(METRIC_COLUMNS))


Wanted = tuple[str, WeightedFigure, npt.NDArray[np.float64], bool]
"""The figure's name, how it is computed, the truth (NaN for rows that do not count), and whether lower scores win."""


def _labels(truth: pd.DataFrame) -> Sequence[Wanted]:
    label = truth["label"].to_numpy()

    def against(positive: str, negative: str) -> npt.NDArray[np.float64]:
        return np.where(label == positive, 1.0, np.where(label == negative, 0.0, np.nan))

    return [
        ("auroc_over_under", figures.auroc, against("over", "under"), False),
        ("auroc_over_none", figures.auroc, against("over", "none"), False),
        ("auroc_under_none", figures.auroc, against("under", "none"), True),
    ]


def _effects(truth: pd.DataFrame, scorer: Scorer) -> Sequence[Wanted]:
    significant = truth["significant"].to_numpy(bool)
    effect = np.where(significant, truth["effect"].to_numpy(float), np.nan)
    wanted: list[Wanted] = []
    if scorer.signed:
        wanted = [
            ("sign_accuracy", figures.sign_accuracy, effect, False),
            ("sign_accuracy_top_tenth", figures.sign_accuracy_top_tenth, effect, False),
            ("spearman", figures.spearman, effect, False),
        ]
    size = figures.spearman_size if scorer.signed else figures.spearman
    wanted.append(("spearman_size", size, np.abs(effect), False))
    if not significant.all():
        wanted.append(("auroc_significant", _auroc_of_size(scorer), significant.astype(float), False))
    return wanted


def _auroc_of_size(scorer: Scorer) -> WeightedFigure:
    if not scorer.signed:
        return figures.auroc
    return lambda weights, scores, truth: figures.auroc(weights, np.abs(scores), truth)


def _of_elements(truth: pd.DataFrame, scorer: Scorer, bootstrap: int, seed: int) -> list[dict[str, object]]:
    """Figures of each element, then their means."""
    rows: list[dict[str, object]] = []
    position = pd.factorize(pd.Series([(one.chrom, one.start) for one in truth["variant"]]))[0]
    of_metric: dict[str, list[float]] = {}
    for element, members in truth.reset_index(drop=True).groupby("group", sort=False):
        places = members.index.to_numpy()
        of_element = Scorer(scorer.name, scorer.cell_type, scorer.values[places], scorer.signed)
        for name, compute, effect, _ in _effects(members.assign(significant=True), of_element):
            if name != "sign_accuracy_top_tenth":
                found = figure(compute, of_element.values, effect, position[places], draws=bootstrap, seed=seed)
                rows += _row(scorer, str(element), name, found)
                of_metric.setdefault(name, []).append(found.value)
    for name, values in of_metric.items():
        rows += _row(scorer, MEAN_OF_ELEMENTS, name, mean_figure(values, draws=bootstrap, seed=seed))
    return rows


def _row(scorer: Scorer, group: str, name: str, found: Figure) -> list[dict[str, object]]:
    if np.isnan(found.value):
        return []
    return [
        {
            "scorer": scorer.name, "cell_type": scorer.cell_type, "group": group, "metric": name,
            "value": found.value, "low": found.low, "high": found.high, "n": found.n,
        }
    ]  # fmt: skip
