"""``texcnn train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from texcnn.cli.options import (
    COMPILE_OPTION,
    COMPUTE_OPTIONS,
    DTYPE_OPTION,
    ENCODER_OPTION,
    FILE,
    MODEL_OPTION,
    OUT_OPTION,
    OVERWRITE_OPTION,
    gene_options,
)
from texcnn.cli.train_options import FIT_OPTIONS, HEAD_OPTIONS, POSITIVE, RATE, SPLIT_OPTIONS
from texcnn.tables.units import UNIT_TRANSFORMS

_COUNT = click.IntRange(min=0)


@click.command(short_help="Train a model on your table of expression.")
@click.option("--fasta", type=FILE, help="Genome: FASTA, plain, bgzip or gzip.")
@gene_options
@click.option(
    "--embeddings",
    type=FILE,
    multiple=True,
    help="Train on a store of texcnn embed instead of --fasta and genes; repeatable, for genes in several stores.",
)
@click.option("--expression", type=FILE, required=True, help="Genes x cell types: .tsv, .tsv.gz, .parquet or .h5ad.")
@click.option("--gene-column", default="gene_id", show_default=True, help="Its column of gene ids.")
@click.option("--cell-type", "cell_types", multiple=True, help="Only this column; repeatable. [default: all]")
@click.option("--unit", required=True, help="Unit of the table, such as RPKM or TPM.")
@click.option(
    "--transform",
    type=click.Choice(UNIT_TRANSFORMS),
    default="log10p0.1",
    show_default=True,
    help="Learn log10(x + 0.1), or the values as they are.",
)
@click.option("--architecture", default="textcnn", show_default=True, help="TExCNN or a peer: docs/usage.md has them.")
@MODEL_OPTION
@ENCODER_OPTION
@click.option(
    "--fine-tune",
    is_flag=False,
    flag_value="all",
    metavar="[all|N]",
    help="Train the encoder too: all of it, or its last N layers. [default: nothing of it]",
)
@click.option("--encoder-learning-rate", type=RATE, help="Of a fine-tuned encoder. [default: 3e-05]")
@click.option("--upstream", type=_COUNT, help="Bases before the TSS. [default: 7000, or the model's]")
@click.option("--downstream", type=_COUNT, help="Bases from the TSS. [default: 3500, or the model's]")
@click.option("--features", type=FILE, help="Extra inputs: TSV with gene_id and one column per feature.")
@SPLIT_OPTIONS
@click.option("--seed", type=_COUNT, default=0, show_default=True, help="Of the split and the first run.")
@click.option("--runs", type=POSITIVE, default=1, show_default=True, help="Independent runs, each with its own seed.")
@click.option(
    "--first-run",
    type=_COUNT,
    default=0,
    show_default=True,
    help="Number of the first run; earlier ones are left to other commands.",
)
@FIT_OPTIONS
@HEAD_OPTIONS
@COMPUTE_OPTIONS
@DTYPE_OPTION
@COMPILE_OPTION
@OUT_OPTION
@OVERWRITE_OPTION
def train(expression: Path, out: Path, fasta: Path | None, overwrite: bool, quiet: bool, **options: Any) -> None:
    r"""Train a model on your expression table: a folder that texcnn predict --model reads.

    \b
    texcnn train --fasta genome.fa --gtf genes.gtf --expression rpkm.tsv.gz --unit RPKM --out my-model
    texcnn train --embeddings store --expression tpm.h5ad --unit TPM --split file --split-file split.tsv --out my-model

    The encoders stay as they are, unless one learns too (--fine-tune); a text CNN is fitted to their vectors, or a
    published peer is trained on the same genes (--architecture). An interrupted training continues where it stopped
    when the same command is given again: what is unfinished is in OUT.work until then.
    """
    import texcnn

    trained = texcnn.train(expression, out, fasta, overwrite=overwrite, progress=not quiet, **options)
    if not quiet:
        click.echo(f"{len(trained.genes.genes)} genes used, {len(trained.genes.skipped)} skipped: {out}", err=True)
        for row in trained.summary.itertuples():
            click.echo(f"test {row.metric}: {row.avg:.4f} ({row.min:.4f} to {row.max:.4f})", err=True)
