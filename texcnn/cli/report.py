"""``texcnn report``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from texcnn.cli.options import FILE, OUT_OPTION, OVERWRITE_OPTION


@click.command(short_help="Show predictions and variants as one HTML page.")
@click.option("--predictions", type=FILE, help="Table of texcnn predict: .tsv, .tsv.gz, .parquet, .h5ad.")
@click.option("--skipped", type=FILE, help="List of skipped genes. [default: PREDICTIONS.skipped.tsv, if there]")
@click.option("--model", help="The model that made the table. [default: the bundled one of that name]")
@click.option("--truth", type=FILE, help="TSV with gene_id and true_expression, to compare with.")
@click.option("--metrics", type=FILE, help="metrics.tsv of texcnn evaluate, for figures next to baselines.")
@click.option("--variants", type=FILE, help="Table of texcnn variants: .tsv, .tsv.gz or .parquet.")
@click.option("--expected", type=FILE, help="An earlier table: the page begins with whether this one equals it.")
@click.option("--comment", default="", help="Text at the top of the page; blank lines separate paragraphs.")
@click.option("--run", multiple=True, metavar="NAME=TEXT", help="A line on what was run; repeatable.")
@OUT_OPTION
@OVERWRITE_OPTION
def report(
    predictions: Path | None,
    run: tuple[str, ...],
    out: Path,
    overwrite: bool,
    **options: Any,
) -> None:
    r"""Show tables of predictions and variants as one HTML file that needs nothing else.

    \b
    texcnn report --predictions predictions.parquet --out report.html
    texcnn report --predictions predictions.tsv --variants effects.tsv --run "Command=texcnn predict ..." --out r.html

    texcnn report --variants effects.parquet --out variants.html

    Genes, cell types and variants can be searched, sorted and saved. The file is opened in a browser and never uses the
    network.
    """
    from texcnn.files import check_output
    from texcnn.report.report import write_report

    check_output(out, overwrite=overwrite)
    expectation = write_report(predictions, out, run=dict(_pair(entry) for entry in run), **options)
    click.echo(f"report: {out}", err=True)
    if expectation is not None:
        notes = [*expectation.differences, *expectation.agreed]
        click.echo("\n".join(["as expected:" if expectation.met else "not as expected:", *notes]), err=True)


def _pair(entry: str) -> tuple[str, str]:
    name, separator, text = entry.partition("=")
    if not separator:
        raise click.UsageError(f"--run '{entry}' is not of the form NAME=TEXT")
    return name, text
