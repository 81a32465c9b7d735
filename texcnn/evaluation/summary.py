"""An evaluation in words: figures next to baselines, and how far they can be trusted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from texcnn.evaluation.judge import Judgement, Question
from texcnn.evaluation.metrics import ALL_CELL_TYPES, METRICS
from texcnn.evaluation.peers import Peer

TITLES = {
    "squared_pearson": "squared Pearson",
    "one_minus_sse_sst": "1 - SSE/SST",
    "spearman": "Spearman",
    "rmse": "RMSE",
}
"""Names of the metrics in texts."""

NO_SPLIT = (
    "**No split was given: nothing is known of which of these genes the model has seen in training.** Figures on genes "
    "that a model was trained on are too high. No baselines were fitted, since nothing may be fitted on the genes that "
    "are evaluated: they need a split."
)


def summary_text(judgement: Judgement, question: Question, source: str) -> str:
    """Returns the summary of an evaluation as Markdown.

    Args:
        judgement: How good the predictions are.
        question: What they were compared with.
        source: Where they came from.
    """
    overall, split = judgement.overall, question.split_name
    first = overall.iloc[0]
    cell_types = [str(name) for name in judgement.true.columns]
    over = f"mean over {len(cell_types)} cell types" if len(cell_types) > 1 else f"cell type {cell_types[0]}"
    lines = [
        f"# Evaluation of {judgement.model}",
        "",
        f"- predictions: {source}, {judgement.predictions.unit}",
        f"- measured: {question.expression_name}, transform {question.transform}",
        f"- genes evaluated: {first['n_genes']}",
        f"- split: {f'{split}; the genes evaluated are its test genes' if split else 'none'}",
        f"- seed {question.seed}",
        "",
        *([NO_SPLIT, ""] if split is None else []),
        f"## Figures ({over})",
        "",
        figures_table(judgement.metrics),
    ]
    lines += ["", "Squared Pearson forgives a wrong scale and offset, 1 - SSE/SST does not."]
    if question.bootstrap:
        lines.append(f"In brackets: 95 % intervals from {question.bootstrap} draws of genes with replacement.")
    if split is not None:
        lines += [
            "",
            "## Baselines",
            "",
            f"Each was fitted on the {judgement.n_train} training genes of the split that have expression, and "
            "evaluated on the same genes as the model. A gene without a baseline's inputs has the mean of the training "
            "genes there. The model's card says whether it was trained on this split itself.",
            "",
            *(f"- not fitted: {entry}" for entry in judgement.lacking),
        ]
    if judgement.peers:
        lines += [
            "",
            "## Peers",
            "",
            "Each is shown with the model's figures on the genes that both have. A peer has one value per gene, which "
            "is compared with every cell type. Which of these genes it has seen in training is not known here.",
            "",
            *(f"- {_unit(peer)}" for peer in judgement.peers),
        ]
    if judgement.left_out:
        parts = ", ".join(f"{count:,} {part}" for part, count in judgement.left_out.items())
        lines += ["", "## Left out on purpose", "", f"- genes of the split's other parts: {parts}"]
    lines += ["", "## Missing", ""]
    counts = Counter(zip(judgement.missing["kind"], judgement.missing["missing_in"], strict=True))
    lines += [f"- {count} x {kind} missing in {side}" for (kind, side), count in counts.items()] or ["- nothing"]
    lines.append("\nEach is listed in missing.tsv.")
    return "\n".join(lines) + "\n"


def card_section(judgement: Judgement, question: Question) -> str:
    """Returns the part of a model's card on how good the model is, as Markdown.

    Args:
        judgement: How good its predictions are.
        question: What they were compared with.

    Returns:
        A heading; genes, split and measured values; a row for each model, baseline and peer with the mean over the cell
        types; and, for several cell types, the model's lowest and highest figures.
    """
    first = judgement.overall.iloc[0]
    cell_types = [str(name) for name in judgement.true.columns]
    genes = f"{first['n_genes']:,} genes"
    genes += f", the test genes of {question.split_name}" if question.split is not None else " without a split"
    over = f"the mean over {len(cell_types)} cell types" if len(cell_types) > 1 else f"the cell type {cell_types[0]}"
    shown = ("squared_pearson", "one_minus_sse_sst")
    lines = [
        "## How good it is",
        "",
        f"{genes}; measured: {question.expression_name}; figures are {over}"
        + (f", with 95 % intervals from {question.bootstrap:,} draws of genes." if question.bootstrap else "."),
        "The squared Pearson correlation forgives a wrong scale and offset, 1 - SSE/SST does not.",
        *(["", NO_SPLIT] if question.split is None else []),
        "",
        figures_table(judgement.metrics, shown),
    ]
    if len(cell_types) > 1:
        table = judgement.figures[judgement.model]
        table = table[table["cell_type"] != ALL_CELL_TYPES].set_index("cell_type")
        lines.append("")
        for name in shown:
            known = table[name].dropna()
            if len(known):
                low, high = f"{known.min():.3f} ({known.idxmin()})", f"{known.max():.3f} ({known.idxmax()})"
                lines.append(f"{TITLES[name]} of single cell types: from {low} to {high}.")
    return "\n".join(lines) + "\n"


def figures_table(metrics: pd.DataFrame, shown: Sequence[str] = tuple(METRICS)) -> str:
    """Lays the mean over the cell types out as a Markdown table: a row for each model, with intervals.

    Args:
        metrics: As in ``metrics.tsv``: ``model cell_type n_genes``, the metrics and their bounds.
        shown: Which metrics.
    """
    lines = [f"| model | genes | {' | '.join(TITLES[name] for name in shown)} |", "|" + "---|" * (2 + len(shown))]
    for _, row in metrics.groupby("model", sort=False).tail(1).iterrows():
        cells = " | ".join(_with_interval(row, name) for name in shown)
        lines.append(f"| {row['model']} | {row['n_genes']} | {cells} |")
    return "\n".join(lines)


def _unit(peer: Peer) -> str:
    if peer.scale is None:
        return f"{peer.name}: in an unknown unit, so 1 - SSE/SST and RMSE are undefined (a scale would give the map)"
    slope, offset = peer.scale
    return f"{peer.name}: {slope:g} x its value + {offset:g} is taken as its value in the measured unit"


def _with_interval(row: pd.Series, name: str) -> str:
    if pd.isna(row[name]):
        return "undefined"
    bounds = "" if pd.isna(row[f"{name}_low"]) else f" ({row[f'{name}_low']:.3f} to {row[f'{name}_high']:.3f})"
    return f"{row[name]:.3f}{bounds}"
