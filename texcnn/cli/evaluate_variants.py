"""``texcnn evaluate variants``."""

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
    HALF_LIFE_OPTION,
    OUT_OPTION,
    OVERWRITE_OPTION,
    gene_options,
)
from texcnn.genome import UNPHASED_CHOICES


@click.command()
@click.option("--truth", type=FILE, required=True, help="Measured effects; the columns say which kind, see below.")
@click.option("--predictions", type=FILE, help="Table of texcnn variants.")
@click.option("--model", help="Predict with this model instead: a name, folder or hf:...")
@click.option("--fasta", type=FILE, help="Genome, for --model.")
@gene_options
@CELL_TYPES_OPTION
@click.option("--features", type=FILE, help="Extra inputs: TSV with gene_id and the model's features.")
@HALF_LIFE_OPTION
@click.option("--vcf", type=FILE, help="For effects of whole genes: the variants of the sample.")
@click.option("--sample", help="For effects of whole genes: the sample.")
@click.option(
    "--unphased", type=click.Choice(UNPHASED_CHOICES), default="error", show_default=True,
    help="The sample's heterozygous calls without phase: stop, leave out, take as written, or put on both haplotypes.",
)  # fmt: skip
@click.option("--min-barcodes", type=click.IntRange(min=0), default=10, show_default=True, help="Of saturation rows.")
@click.option(
    "--peer", "peers", multiple=True, metavar="NAME=TABLE[:COLUMN]",
    help="Published scores by chrom, pos, ref and alt, or by gene_id, to show too; repeatable.",
)  # fmt: skip
@click.option(
    "--bootstrap", type=click.IntRange(min=0), default=1000, show_default=True,
    help="Draws of genes or elements for the 95 % intervals; 0 for none.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the draws.")
@COMPUTE_OPTIONS
@DTYPE_OPTION
@COMPILE_OPTION
@OUT_OPTION
@OVERWRITE_OPTION
def variants(truth: Path, out: Path, predictions: Path | None, quiet: bool, **options: Any) -> None:
    r"""Compare predicted effects of variants with measured ones, next to baselines.

    \b
    texcnn evaluate variants --truth mpra.tsv.gz --model texcnn-mini --fasta genome.fa --gtf genes.gtf --out ev
    texcnn evaluate variants --truth labels.tsv --predictions effects.parquet --peer other=scores.tsv:score --out ev
    texcnn evaluate variants --truth genes.tsv --vcf strains.vcf.gz --sample RM --model texcnn-yeast ... --out ev

    --truth is a table of one of four kinds: saturation mutagenesis (chrom pos ref alt coefficient element), labels
    (chrom pos ref alt label: over, under or none), signed effects of variants (chrom pos ref alt effect), each with
    gene_id where it is known, or of all variants of a sample on genes (gene_id effect); the last two may have a column
    significant. --out is a folder: variant_metrics.tsv, variants.tsv.gz, missing.tsv and summary.md.
    """
    import texcnn

    found = texcnn.evaluate_variants(truth, out, predictions, progress=not quiet, **options)
    if not quiet:
        n, missing = len(found.scored.truth), len(found.scored.missing)
        click.echo(f"{n} effects, {missing} without a prediction, {len(found.left_out)} do not count: {out}", err=True)
