"""``texcnn embed``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from texcnn.cli.options import (
    COMPILE_OPTION,
    COMPUTE_OPTIONS,
    DTYPE_OPTION,
    ENCODER_OPTION,
    FASTA_OPTION,
    GRID_OPTION,
    HALF_LIFE_OPTION,
    MODEL_OPTION,
    OUT_OPTION,
    OVERWRITE_OPTION,
    gene_options,
    print_skipped,
)
from texcnn.store import STORE_DTYPES


@click.command(short_help="Embed windows into a store that predict and train read.")
@FASTA_OPTION
@gene_options
@MODEL_OPTION
@ENCODER_OPTION
@click.option("--upstream", type=click.IntRange(min=0), help="Bases before the TSS, with --encoder. [default: 7000]")
@click.option("--downstream", type=click.IntRange(min=0), help="Bases from the TSS on, with --encoder. [default: 3500]")
@click.option("--segment-length", type=click.IntRange(min=1), help="Bases per segment, with --encoder. [default: 500]")
@HALF_LIFE_OPTION
@GRID_OPTION
@click.option(
    "--store-dtype",
    type=click.Choice(list(STORE_DTYPES)),
    default="float32",
    show_default=True,
    help="Type of the stored vectors: 16 bits halve the store and round predictions.",
)
@DTYPE_OPTION
@COMPILE_OPTION
@COMPUTE_OPTIONS
@OUT_OPTION
@OVERWRITE_OPTION
def embed(fasta: Path, out: Path, model: str | None, quiet: bool, **options: Any) -> None:
    r"""Embed the genes' windows into a store that texcnn predict reads.

    \b
    texcnn embed --fasta genome.fa --gtf genes.gtf --model texcnn-mini --out store
    texcnn embed --fasta genome.fa --gtf genes.gtf --encoder dnabert-6 --encoder dnabert2 --out store

    An interrupted run continues where it stopped when the same command is given again.
    """
    import texcnn
    from texcnn.genome.skipped import count_reasons

    store = texcnn.embed(fasta, out, model, progress=not quiet, **options)
    if not quiet:
        size = store.spec.bytes(len(store.genes)) / 1e9
        click.echo(
            f"{len(store.genes)} genes, {size:.3g} GB in {store.spec.store_dtype}, {len(store.skipped)} skipped: {out}",
            err=True,
        )
        print_skipped(count_reasons(store.skipped))
