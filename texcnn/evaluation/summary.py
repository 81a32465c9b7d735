"""What an evaluation says in words: figures beside baselines, and how far they can be trusted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from texcnn.evaluation.metrics import ALL_CELL_TYPES, METRICS
from texcnn.evaluation.peers import Peer

NO_SPLIT = (
    "**No split was given: nothing is known of which of these genes the model has seen in training.** Figures on genes "
    "that a model was trained on are too high. No baselines were fitted, since nothing may be fitted on the genes that "
    "are evaluated; give --split to have them."
)


def summary_text(
    *,
    model: str,
    predictions: str,
    unit: str,
    expression: str,
    transform: str,
    split: str | None,
    n_train: int,
    metrics: pd.DataFrame,
    missing: pd.DataFrame,
    lacking: Sequence[str],
    bootstrap: int,
    seed: int,
    peers: Sequence[Peer] = (),
) -> str:
    """Returns the summary as Markdown.

    Args:
        model: Name of the evaluated model.
        predictions: Name of the table of predictions.
        unit: Their unit.
        expression: Name of the expression matrix.
        transform: What was done to its values.
        split: Name of the split's file; None where there is none.
        n_train: Training genes that the baselines were fitted on.
        metrics: ``model cell_type n_genes``, the metrics and their bounds; the evaluated model first.
        missing: ``kind name missing_in reason``.
        lacking: What was not given, so that which baselines could not be fitted.
        bootstrap: Draws of the intervals; 0 for none.
        seed: Their seed.
        peers: Published predictions that stand beside.
    """
    overall = metrics.groupby("model", sort=False).tail(1)
    first = overall.iloc[0]
    cell_types = metrics.loc[(metrics["model"] == model) & (metrics["cell_type"] != ALL_CELL_TYPES), "cell_type"]
    over = f"mean over {len(cell_types)} cell types" if len(cell_types) > 1 else f"cell type {cell_types.iloc[0]}"
    lines = [
        f"# Evaluation of {model}",
        "",
        f"- predictions: {predictions}, {unit}",
        f"- measured: {expression}, transform {transform}",
        f"- genes evaluated: {first['n_genes']}",
        f"- split: {f'{split}; the genes evaluated are its test genes' if split else 'none'}",
        f"- seed {seed}",
        "",
        *([NO_SPLIT, ""] if split is None else []),
        f"## Figures ({over})",
        "",
        "| model | genes | squared Pearson | 1 - SSE/SST | Spearman | RMSE |",
        "|---|---|---|---|---|---|",
    ]
    for _, row in overall.iterrows():
        cells = [_with_interval(row, name) for name in METRICS]
        lines.append(f"| {row['model']} | {row['n_genes']} | {' | '.join(cells)} |")
    lines += ["", "Squared Pearson forgives a wrong scale and offset, 1 - SSE/SST does not."]
    if bootstrap:
        lines.append(f"In brackets: 95 % intervals from {bootstrap} draws of genes with replacement.")
    if split is not None:
        lines += [
            "",
            "## Baselines",
            "",
            f"Each was fitted on the {n_train} training genes of the split that have expression, and evaluated on the "
            "same genes as the model. A gene without a baseline's inputs has the mean of the training genes there. "
            "Whether the model itself was trained on this split is for its card to say.",
            "",
            *(f"- not fitted: {entry}" for entry in lacking),
        ]
    if peers:
        lines += [
            "",
            "## Peers",
            "",
            "Each stands beside the model's figures on the genes that both have. A peer has one value per gene, which "
            "is compared with every cell type. Which of these genes it has seen in training is not known here.",
            "",
            *(f"- {_unit(peer)}" for peer in peers),
        ]
    lines += ["", "## Missing", ""]
    counts = Counter(zip(missing["kind"], missing["missing_in"], strict=True))
    lines += [f"- {count} x {kind} missing in {side}" for (kind, side), count in counts.items()] or ["- nothing"]
    lines.append("\nEach is listed in missing.tsv.")
    return "\n".join(lines) + "\n"


def _unit(peer: Peer) -> str:
    if peer.scale is None:
        return f"{peer.name}: in a unit of its own, so 1 - SSE/SST and RMSE are undefined (--peer-scale gives the map)"
    slope, offset = peer.scale
    return f"{peer.name}: {slope:g} x its value + {offset:g} was taken for the measured unit, as --peer-scale says"


def _with_interval(row: pd.Series, name: str) -> str:
    if pd.isna(row[name]):
        return "undefined"
    bounds = "" if pd.isna(row[f"{name}_low"]) else f" ({row[f'{name}_low']:.3f} to {row[f'{name}_high']:.3f})"
    return f"{row[name]:.3f}{bounds}"
