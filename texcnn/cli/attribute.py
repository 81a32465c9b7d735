"""``texcnn attribute``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from texcnn.cli.options import (
    CELL_TYPES_OPTION,
    COMPILE_OPTION,
    COMPUTE_OPTIONS,
    DTYPE_OPTION,
    FASTA_OPTION,
    FILE,
    HALF_LIFE_OPTION,
    MODEL_OPTION,
    OVERWRITE_OPTION,
    gene_options,
)
from texcnn.effects import METHODS


@click.command(short_help="Explain predictions base by base.")
@FASTA_OPTION
@gene_options
@MODEL_OPTION
@CELL_TYPES_OPTION
@click.option("--region", metavar="CHROM:FIRST-LAST", help="Only these bases, 1-based. [default: the gene's window]")
@click.option(
    "--method", type=click.Choice(METHODS), default="ism", show_default=True,
    help="Every base replaced by each other one; gradient x input; DeepLIFT; or segments left out one by one.",
)  # fmt: skip
@click.option("--features", type=FILE, help="Extra inputs: TSV with gene_id and the model's features.")
@HALF_LIFE_OPTION
@click.option("--motifs", type=FILE, help="Look for these motifs, in MEME's format, where the attribution is high.")
@click.option("--motif-p", type=float, default=1e-4, show_default=True, help="Largest p-value of a motif's hit.")
@COMPUTE_OPTIONS
@DTYPE_OPTION
@COMPILE_OPTION
@click.option("--out", type=FILE, required=True, help="The folder to write.")
@OVERWRITE_OPTION
def attribute(
    model: str | None,
    fasta: Path,
    genes: tuple[str, ...] | None,
    genes_file: Path | None,
    cell_types: tuple[str, ...],
    out: Path,
    quiet: bool,
    **options: Any,
) -> None:
    r"""Explain the predictions of genes base by base.

    \b
    texcnn attribute --fasta genome.fa --gtf genes.gtf --gene F9 --cell-type LIV.HEPG2.CNCR --out explained
    texcnn attribute --gene F9 --cell-type median --region chrX:139530000-139531000 --motifs jaspar.meme ... --out f9

    --out is a folder: attributions.tsv with one row per base, and for each gene and cell type a bigWig, a bedGraph and
    a picture with letters (PNG and SVG), all along the plus strand; with --motifs the hits in motif_hits.tsv.
    docs/attribution.md explains each --method.
    """
    import texcnn

    if genes is None and genes_file is None:
        raise click.UsageError("name the genes: --gene or --genes")
    if not cell_types:
        raise click.UsageError("name the cell types: --cell-type, see texcnn models show")
    frame = texcnn.attribute(
        model, fasta, out, gene=genes or (), genes_file=genes_file, cell_type=cell_types, progress=not quiet, **options,
    )  # fmt: skip
    if not quiet:
        regions = "; ".join(f"{row['gene_id']} {row['region']}" for row in frame.attrs["predictions"])
        click.echo(f"{frame.attrs['method']} of {regions}: {out}", err=True)
