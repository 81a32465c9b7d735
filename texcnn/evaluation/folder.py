"""The folder of an evaluation: tables, pictures, and a summary in words."""

from __future__ import annotations

from pathlib import Path

from texcnn.evaluation.judge import Judgement, Question, residuals
from texcnn.evaluation.metrics import gene_metrics
from texcnn.evaluation.plots import cell_type_plot, scatter_plot
from texcnn.evaluation.summary import card_section, summary_text
from texcnn.files import atomic_folder

METRICS_FILE = "metrics.tsv"
"""Shows that a folder is an evaluation."""
WITHIN_GENES_FILE = "within_genes.tsv"


def write_judgement(out: Path, judgement: Judgement, question: Question, source: str) -> None:
    """Writes an evaluation, whole or not at all.

    The folder has ``metrics.tsv`` (per model and cell type over genes), ``per_gene.tsv`` (across cell types),
    ``within_genes.tsv`` (per model, the mean correlation across cell types), ``residuals.tsv.gz`` (measured -
    predicted), ``missing.tsv``, ``scatter.png``, ``cell_types.png``, ``summary.md``,
    and ``card.md``, the part of a model's card on how good it is.

    Args:
        out: The folder; one already there is replaced.
        judgement: How good the predictions are.
        question: What they were compared with.
        source: Where they came from.
    """
    predicted, true = judgement.predicted, judgement.true
    with atomic_folder(out) as folder:
        judgement.metrics.to_csv(folder / METRICS_FILE, sep="\t", index=False, float_format="%.9g")
        judgement.within_genes.to_csv(folder / WITHIN_GENES_FILE, sep="\t", index=False, float_format="%.9g")
        gene_metrics(predicted, true).to_csv(folder / "per_gene.tsv", sep="\t", index=False, float_format="%.9g")
        residuals(predicted, true).to_csv(
            folder / "residuals.tsv.gz", sep="\t", index=False, float_format="%.9g",
            compression={"method": "gzip", "mtime": 0},
        )  # fmt: skip
        judgement.missing.to_csv(folder / "missing.tsv", sep="\t", index=False)
        scatter_plot(folder / "scatter.png", predicted, true, judgement.predictions.unit)
        cell_type_plot(folder / "cell_types.png", judgement.figures[judgement.model], judgement.others)
        (folder / "summary.md").write_text(summary_text(judgement, question, source), encoding="utf-8")
        (folder / "card.md").write_text(card_section(judgement, question), encoding="utf-8")
