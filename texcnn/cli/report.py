"""``texcnn report``."""

from __future__ import annotations

from pathlib import Path

import click

from texcnn.cli.options import FILE, OUT_OPTION, OVERWRITE_OPTION


@click.command()
@click.option(
    "--predictions", type=FILE, required=True, help="Table of texcnn predict: .tsv, .tsv.gz, .parquet, .h5ad."
)
@click.option("--skipped", type=FILE, help="List of skipped genes. [default: PREDICTIONS.skipped.tsv, if there]")
@click.option("--model", help="The model that made the table. [default: the bundled one of that name]")
@click.option("--truth", type=FILE, help="TSV with gene_id and true_expression, to compare with.")
@click.option("--metrics", type=FILE, help="metrics.tsv of texcnn evaluate, for figures next to baselines.")
@click.option("--variants", type=FILE, help="Table of texcnn variants: .tsv, .tsv.gz or .parquet.")
@click.option("--run", "told", multiple=True, metavar="NAME=TEXT", help="A line on what was run; repeatable.")
@OUT_OPTION
@OVERWRITE_OPTION
def report(
    predictions: Path,
    skipped: Path | None,
    model: str | None,
    truth: Path | None,
    metrics: Path | None,
    variants: Path | None,
    told: tuple[str, ...],
    out: Path,
    overwrite: bool,
) -> None:
    r"""Show a table of predictions as one HTML file that needs nothing else.

    \b
    texcnn report --predictions predictions.parquet --out report.html
    texcnn report --predictions predictions.tsv --variants effects.tsv --run "Command=texcnn predict ..." --out r.html

    Genes, cell types and variants can be searched, sorted and saved. The file is opened in a browser and never uses the
    network.
    """
    from texcnn.files import check_output
    from texcnn.genome.skipped import skipped_path
    from texcnn.report.model import find_model
    from texcnn.report.report import write_report

    run = dict(_pair(entry) for entry in told)
    check_output(out, overwrite=overwrite)
    if skipped is None and skipped_path(predictions).is_file():
        skipped = skipped_path(predictions)
    write_report(
        predictions,
        out,
        skipped=skipped,
        model=find_model(predictions, model),
        truth=truth,
        metrics=metrics,
        variants=variants,
        run=run,
    )
    click.echo(f"report: {out}", err=True)


def _pair(entry: str) -> tuple[str, str]:
    name, separator, text = entry.partition("=")
    if not separator:
        raise click.UsageError(f"--run '{entry}' is not of the form NAME=TEXT")
    return name, text
