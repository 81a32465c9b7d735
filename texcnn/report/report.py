"""One self-contained HTML page about a table of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from texcnn.arguments import path_of, to_path
from texcnn.files import atomic_file, check_output, skipped_path
from texcnn.genome.skipped import Skipped, count_reasons, read_skipped
from texcnn.inputs_kept import keep_inputs
from texcnn.keywords import options_from
from texcnn.model.cautions import weak_cell_types
from texcnn.model.described import DescribedModel
from texcnn.report.expected import Expectation, compare_with_expected
from texcnn.report.methods import methods
from texcnn.report.model import find_model
from texcnn.report.options import ReportOptions
from texcnn.report.payload import packed_floats, packed_json
from texcnn.report.source import open_source
from texcnn.report.summary import compare_with_truth, correlations, gene_means, quantiles, stand_out
from texcnn.report.variants import VariantEffects
from texcnn.tables.columns import SUMMARIES, TableDescription
from texcnn.tables.predictions import Predictions

_SCRIPTS = (
    "vendor/d3.min.js",
    "vendor/plot.umd.min.js",
    "page/data.js",
    "page/table.js",
    "page/charts.js",
    "page/page.js",
)
_METRICS = ("model", "cell_type", "n_genes", "squared_pearson", "one_minus_sse_sst", "spearman", "rmse")


def write_report(
    predictions: str | PathLike[str] | None,
    out: str | PathLike[str],
    *,
    model: DescribedModel | str | PathLike[str] | None = None,
    options: ReportOptions | None = None,
    **keywords: Any,
) -> Expectation | None:
    """Writes the report of one run: a page with which its genes, cell types and variants can be searched.

    The page has all its data and scripts inside and never uses the network. Equal inputs give equal pages.

    Args:
        predictions: Table of ``texcnn predict``: .tsv, .tsv.gz, .parquet or .h5ad; it may have no rows. None for a
            report on ``variants`` alone.
        out: The HTML file; one already there is replaced.
        model: The model that made the table, or what :func:`texcnn.load_model` takes, for the cell types' full names,
            their held-out figures and intervals; None for the bundled model of the table's name, where there is one.
        options: What else the page shows.
        keywords: Fields of :class:`~texcnn.report.options.ReportOptions` in place of ``options``.

    Returns:
        What came out as expected and what did not; None without ``expected``.

    Raises:
        InputError: A file is missing or of another form, or there is neither a table nor variants.
        ModelError: A model was named and is not here.
    """
    chosen = options_from(ReportOptions, options, keywords)
    source, place = path_of(predictions, "predictions"), to_path(out, "out")
    keep_inputs({"out": place}, {"predictions": source, "options": chosen})
    check_output(place, overwrite=True)
    table, effects = open_source(source, chosen.variants)
    description = table.description
    left_out = _skipped(source, chosen)
    agreement = None if chosen.truth is None else compare_with_truth(table, chosen.truth)
    expectation = None if chosen.expected is None else compare_with_expected(table, left_out, chosen.expected)
    made_by = find_model(description, model)
    outliers = stand_out(table)
    data: dict[str, Any] = {
        "unit": description.unit,
        "rows": "transcripts" if description.transcripts else "genes",
        "genes": {name: table.frame[name].tolist() for name in description.gene_columns},
        "means": gene_means(table),
        "cellTypes": _cell_types(table, made_by),
        "standOut": None if outliers is None else {"cellType": outliers[0], "excess": outliers[1]},
        "quantiles": quantiles(table.values),
        "correlation": _correlation(table),
        "endings": description.spread_endings,
        "interval": _interval(description, made_by),
        "truth": None if agreement is None else {**vars(agreement)},
        "metrics": None if chosen.metrics is None else _metrics(chosen.metrics),
        "skipped": _pairs(left_out),
        "skippedAlleles": None if effects is None else _pairs(effects.skipped),
        "variants": None if effects is None else _variants(effects),
    }
    blobs = {
        "data": packed_json(data),
        "values": packed_floats(table.frame[list(description.value_columns)].to_numpy()),
    }
    for name, matrix in ({} if effects is None else effects.matrices).items():
        blobs[f"variants-{name}"] = packed_floats(matrix)
    environment = Environment(
        loader=PackageLoader("texcnn", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("page/page.html").render(
        description=description,
        has_genes=source is not None,
        n_rows=len(table.frame),
        n_skipped=None if left_out is None else len(left_out),
        n_cell_types=len([name for name in description.cell_types if name.lower() not in SUMMARIES]),
        reasons=None if left_out is None else count_reasons(left_out),
        agreement=agreement,
        truth_name=None if chosen.truth is None else chosen.truth.name,
        n_variants=None if effects is None else effects.n_all,
        n_variants_shown=None if effects is None else len(effects.records),
        skipped_alleles=None if effects is None or effects.skipped is None else count_reasons(effects.skipped),
        has_metrics=chosen.metrics is not None,
        has_outliers=outliers is not None,
        methods=methods(description, made_by, genes=source is not None, variants=effects is not None),
        run=_run(table, made_by, source, chosen),
        expectation=expectation,
        comment=chosen.paragraphs,
        style=_file("page/page.css"),
        scripts=[_file(name) for name in _SCRIPTS],
        blobs=blobs,
    )
    with atomic_file(place) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="backslashreplace")
    return expectation


def _file(name: str) -> str:
    return (resources.files("texcnn") / "report" / name).read_text(encoding="utf-8")


def _skipped(predictions: Path | None, options: ReportOptions) -> list[Skipped] | None:
    """The list that was given, else the one next to the table, if there."""
    path = options.skipped
    if path is None and predictions is not None and skipped_path(predictions).is_file():
        path = skipped_path(predictions)
    return None if path is None else read_skipped(path)


def _pairs(skipped: Sequence[Skipped] | None) -> list[list[str]] | None:
    return None if skipped is None else [[entry.gene_id, entry.reason] for entry in skipped]


def _run(
    table: Predictions, model: DescribedModel | None, predictions: Path | None, options: ReportOptions
) -> list[tuple[str, str]]:
    """What was run, as rows of a list."""
    description = table.description
    files = [path for path in (predictions, options.variants) if path is not None]
    rows = [
        ("Table" if len(files) == 1 else "Tables", ", ".join(path.name for path in files)),
        ("Written", f"{datetime.fromtimestamp(files[0].stat().st_mtime, UTC):%Y-%m-%d %H:%M} UTC"),
        ("Model", f"{description.model} version {model.config.version}" if model else description.model),
        ("Model digest", description.model_fingerprint),
        ("Unit", description.unit),
        ("Genome", description.fasta),
        ("Genome digest", description.fasta_fingerprint),
        ("Extra inputs", description.features),
        ("Number type", description.dtype),
        ("texcnn", description.texcnn_version),
    ]
    if predictions is not None:
        limit = "none" if description.max_n_fraction is None else f"{description.max_n_fraction:.0%} of the window"
        rows += [("Rows", "one per transcript" if description.transcripts else "one per gene"), ("Limit on N", limit)]
    entries = {str(name).replace("_", " ").capitalize(): str(value) for name, value in table.run.items()}
    return [*rows, *entries.items(), *options.run.items()]


def _cell_types(table: Predictions, model: DescribedModel | None) -> list[dict[str, Any]]:
    """Per cell type its id, full name, group, held-out figure, and whether that is weak."""
    names: dict[str, dict[Any, Any]] = {}
    held_out, weak = {}, {}
    if model is not None:
        names = {str(row["cell_type"]): row for row in model.cell_type_table.to_dict("records")}
        held_out = {} if model.reference is None else dict(model.reference.held_out)
        weak = weak_cell_types(model)
    return [
        {
            "id": cell_type,
            "name": names.get(cell_type, {}).get("name") or cell_type,
            "group": names.get(cell_type, {}).get("group", ""),
            "heldOut": held_out.get(cell_type),
            "weak": cell_type in weak,
            "summary": cell_type.lower() in SUMMARIES,
        }
        for cell_type in table.description.cell_types
    ]


def _correlation(table: Predictions) -> dict[str, Any] | None:
    found = correlations(table.values)
    return None if found is None else {"order": found[0], "values": np.round(found[1], 3)}


def _interval(description: TableDescription, model: DescribedModel | None) -> dict[str, Any] | None:
    """Returns what intervals are interpolated from, where the model has some and the table none."""
    if description.spread or model is None or model.reference is None or not model.reference.has_intervals:
        return None
    if model.unit != description.unit:
        return None
    columns = model.cell_type_columns(description.cell_types)
    reference = model.reference
    return {
        "at": reference.interval_at[:, columns],
        "lower": reference.interval_lower[:, columns],
        "upper": reference.interval_upper[:, columns],
    }


def _metrics(path: Path) -> dict[str, Any]:
    table = pd.read_csv(path, sep="\t")
    columns = [name for name in _METRICS if name in table]
    return {"columns": columns, "rows": table[columns].to_numpy(object).tolist()}


def _variants(effects: VariantEffects) -> dict[str, Any]:
    records = effects.records
    return {
        "records": {name: records[name].tolist() for name in records},
        "cellTypes": effects.cell_types,
        "matrices": list(effects.matrices),
    }
