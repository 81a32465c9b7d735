"""``texcnn predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from texcnn.cli.options import (
    CELL_TYPES_OPTION,
    COMPILE_OPTION,
    COMPUTE_OPTIONS,
    DTYPE_OPTION,
    FILE,
    GRID_OPTION,
    HALF_LIFE_OPTION,
    MODEL_OPTION,
    OUT_OPTION,
    OVERWRITE_OPTION,
    gene_options,
    print_skipped,
)


@click.command(short_help="Predict expression: genes in, a table out.")
@click.option("--fasta", type=FILE, help="Genome: FASTA, plain, bgzip or gzip.")
@gene_options
@click.option("--embeddings", type=FILE, help="Predict from a store of texcnn embed instead of --fasta and genes.")
@MODEL_OPTION
@CELL_TYPES_OPTION
@click.option("--features", type=FILE, help="Extra inputs: TSV with gene_id and the model's features.")
@HALF_LIFE_OPTION
@GRID_OPTION
@click.option(
    "--max-n-fraction",
    type=click.FloatRange(0, 1),
    help="Skip genes with a larger share of N in their window. [default: the model's limit, else none]",
)
@click.option("--linear", is_flag=True, help="RPKM or TPM instead of log10(x + 0.1).")
@click.option("--allow-empty", is_flag=True, help="No prediction at all is fine: this is a part of a larger run.")
@click.option(
    "--spread", is_flag=True, help="More columns per cell type: ends of the 90 % interval, spread of an ensemble."
)
@COMPUTE_OPTIONS
@DTYPE_OPTION
@COMPILE_OPTION
@OUT_OPTION
@OVERWRITE_OPTION
def predict(model: str | None, fasta: Path | None, out: Path, overwrite: bool, quiet: bool, **options: Any) -> None:
    r"""Predict expression: one row per gene, one column per cell type.

    \b
    texcnn predict --fasta genome.fa --gtf genes.gtf --out predictions.tsv
    texcnn predict --fasta genome.fa.gz --bed tss.bed --cell-type LIV.ADLT --out liver.parquet

    The format follows the ending of --out: .tsv, .tsv.gz, .parquet or .h5ad. Genes without a prediction are listed
    with the reason in OUT.skipped.tsv, so that rows in = rows out + skipped. Text tables have their unit and origin
    in OUT.meta.json, the other formats carry them inside.
    """
    import texcnn

    counts = texcnn.predict(model, fasta, out=out, overwrite=overwrite, progress=not quiet, **options)
    if not quiet:
        rows = "transcripts" if options["transcripts"] == "all" else "genes"
        click.echo(f"{counts.rows} {rows} predicted, {counts.skipped} skipped: {out}", err=True)
        print_skipped(counts.reasons)
        if counts.default_features:
            click.echo(f"{counts.default_features:,} {rows} have the model's default features", err=True)
