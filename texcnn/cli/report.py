"""``texcnn report``."""

from __future__ import annotations

from pathlib import Path

import click

from texcnn.cli.options import FILE, OUT_OPTION, OVERWRITE_OPTION


@click.command()
@click.option("--predictions", type=FILE, required=True, help="Parquet table written by texcnn predict.")
@click.option("--skipped", type=FILE, help="List of skipped genes. [default: PREDICTIONS.skipped.tsv, if there]")
@click.option("--truth", type=FILE, help="TSV with gene_id and true_expression, to compare with.")
@OUT_OPTION
@OVERWRITE_OPTION
def report(predictions: Path, skipped: Path | None, truth: Path | None, out: Path, overwrite: bool) -> None:
    r"""Show a table of predictions as one HTML file that needs nothing else.

    \b
    texcnn report --predictions predictions.parquet --out report.html
    """
    from texcnn.files import check_output
    from texcnn.genome.skipped import skipped_path
    from texcnn.report.report import write_report

    check_output(out, overwrite=overwrite)
    if skipped is None and skipped_path(predictions).is_file():
        skipped = skipped_path(predictions)
    write_report(predictions, skipped, out, truth=truth)
    click.echo(f"report: {out}", err=True)
