"""One self-contained HTML page about a table of predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from texcnn.files import atomic_file
from texcnn.genome.skipped import read_skipped
from texcnn.plots.style import MAX_CELL_TYPES
from texcnn.report.figures import (
    correlation_figure,
    distribution_figure,
    n_fraction_figure,
    truth_figure,
)
from texcnn.report.summary import (
    Predictions,
    compare_with_truth,
    count_reasons,
    highest_genes,
    most_specific_genes,
    read_predictions,
)

LISTED_GENES = 20
LISTED_SKIPPED = 50
MIN_GENES_FOR_CORRELATION = 3


def write_report(predictions: Path, skipped: Path | None, out: Path, *, truth: Path | None = None) -> None:
    """Writes the report of one run: what was run, the spread of the predictions, what stands out, what is missing.

    The page needs no other file and no network. Equal inputs give equal pages.

    Args:
        predictions: Parquet table of ``texcnn predict``; it may have no rows.
        skipped: The rows that could not be predicted, TSV with ``gene_id reason``; None where it is not known.
        out: The HTML file; one already there is replaced.
        truth: Known values to compare with, TSV with ``gene_id true_expression`` in the table's unit.

    Raises:
        InputError: A file is missing or of another form.
    """
    table = read_predictions(Path(predictions))
    left_out = None if skipped is None else read_skipped(Path(skipped))
    agreement = None if truth is None else compare_with_truth(table, Path(truth))
    environment = Environment(
        loader=PackageLoader("texcnn", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html").render(
        description=table.description,
        n_genes=len(table.frame),
        id_columns=["gene_id", "gene_name", *(["transcript_id"] if table.description.transcripts else [])],
        highest=highest_genes(table, LISTED_GENES).to_dict("records"),
        specific=most_specific_genes(table, LISTED_GENES).to_dict("records"),
        skipped=left_out,
        listed_skipped=LISTED_SKIPPED,
        reasons=None if left_out is None else count_reasons(left_out),
        max_cell_types=MAX_CELL_TYPES,
        agreement=agreement,
        truth_name=None if truth is None else Path(truth).name,
        figures=_figures(table)
        | ({"truth": truth_figure(agreement, table.description.unit)} if agreement and agreement.gene_ids else {}),
        incomplete=int((table.frame["n_fraction"] > 0).sum()),
    )
    with atomic_file(out) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _figures(table: Predictions) -> dict[str, str]:
    """The figures that the table has enough rows and columns for."""
    if not len(table.frame):
        return {}
    shown = table.values[:, :MAX_CELL_TYPES]
    names = table.description.cell_types[:MAX_CELL_TYPES]
    figures = {
        "distribution": distribution_figure(shown, names, table.description.unit),
        "n_fraction": n_fraction_figure(table.frame["n_fraction"].to_numpy(np.float64)),
    }
    if len(shown) >= MIN_GENES_FOR_CORRELATION and len(names) > 1:
        figures["correlation"] = correlation_figure(shown, names)
    return figures
