"""``texcnn evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from texcnn.cli.evaluate_variants import variants
from texcnn.cli.options import (
    COMPILE_OPTION,
    COMPUTE_OPTIONS,
    DTYPE_OPTION,
    FILE,
    MAP_CHROM_NAMES_OPTION,
    OVERWRITE_OPTION,
)
from texcnn.tables.units import UNIT_TRANSFORMS


@click.group(invoke_without_command=True, short_help="Compare predictions with measured expression and baselines.")
@click.option("--predictions", type=FILE, help="Table of texcnn predict, or any of gene_id and cell types.")
@click.option("--model", help="Predict with this model instead, from --fasta and --gtf: a name, folder or hf:...")
@click.option("--fasta", type=FILE, help="Genome, for --model and for the baselines that read the sequence.")
@click.option("--gtf", type=FILE, help="Genes of the genome.")
@MAP_CHROM_NAMES_OPTION
@click.option("--expression", type=FILE, help="Measured: .tsv, .tsv.gz, .parquet or .h5ad.")
@click.option("--gene-column", default="gene_id", show_default=True, help="Its column of gene ids.")
@click.option(
    "--unit-transform",
    "--transform",
    "transform",
    type=click.Choice(UNIT_TRANSFORMS),
    default="log10p0.1",
    show_default=True,
    help="Brings measured values to the predictions' unit: log10(x + 0.1), or as they are.",
)
@click.option("--split", type=FILE, help="TSV with gene_id and split: test genes are evaluated, train fits baselines.")
@click.option("--features", type=FILE, help="TSV with gene_id and features, for baselines and models that take some.")
@click.option(
    "--peer",
    "peers",
    multiple=True,
    metavar="NAME=TABLE[:COLUMN]",
    help="A published model's predictions, one per gene_id, to show on the genes of both; repeatable.",
)
@click.option(
    "--peer-scale",
    "peer_scales",
    multiple=True,
    metavar="NAME=SLOPE,OFFSET",
    help="The peer's values in the measured unit are SLOPE x value + OFFSET (1,0: as they are); repeatable. "
    "Without it no 1 - SSE/SST and RMSE of the peer.",
)
@click.option("--cell-type", "cell_types", multiple=True, help="Only this one; repeatable. [default: all in both]")
@click.option(
    "--bootstrap",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    help="Draws of genes for the 95 % intervals; 0 for none.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of draws and baselines.")
@COMPUTE_OPTIONS
@DTYPE_OPTION
@COMPILE_OPTION
@click.option("--out", type=FILE, help="What to write.")
@OVERWRITE_OPTION
@click.pass_context
def evaluate(context: click.Context, /, expression: Path | None, out: Path | None, quiet: bool, **options: Any) -> None:
    r"""Compare predictions with measured expression, next to baselines; or variants with measured effects.

    \b
    texcnn evaluate --predictions predictions.parquet --expression rpkm.tsv.gz --split split.tsv --out evaluation
    texcnn evaluate --model my-model --fasta genome.fa --gtf genes.gtf --expression tpm.tsv --split split.tsv --out ev
    texcnn evaluate variants --truth mpra.tsv --model my-model --fasta genome.fa --gtf genes.gtf --out ev

    --out is a folder: metrics.tsv per cell type over genes, per_gene.tsv and within_genes.tsv across cell types,
    residuals.tsv.gz, missing.tsv, scatter.png, cell_types.png, summary.md, and card.md for the model's card. Baselines
    need --split: they are fitted on its training genes. With --fasta and --gtf they are GC/CpG boosting and k-mer
    ridge, with --features half-life and TF only; the mean of the training genes is always there. A --peer is fitted to
    nothing, and needs no split.
    """
    import texcnn

    if context.invoked_subcommand is not None:
        return
    for name, value in (("--expression", expression), ("--out", out)):
        if value is None:
            raise click.UsageError(f"Missing option '{name}'.")
    assert expression is not None
    assert out is not None
    judgement = texcnn.evaluate(expression, out, progress=not quiet, **options).judgement
    if not quiet:
        last = judgement.overall.iloc[0]
        note = "" if options["split"] else "; no split: nothing is known of which genes the model has seen"
        figure = f"squared Pearson {last['squared_pearson']:.3f} ({last['cell_type']})"
        click.echo(f"{last['n_genes']} genes, {figure}{note}: {out}", err=True)


evaluate.add_command(variants)
