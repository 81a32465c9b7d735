"""``texcnn variants``."""

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
    OUT_OPTION,
    OVERWRITE_OPTION,
    gene_options,
)
from texcnn.cli.subcommands import CommandWithSubcommands
from texcnn.cli.variants_split import split


@click.group(
    cls=CommandWithSubcommands,
    invoke_without_command=True,
    short_help="Predict what variants do to the genes around them.",
)
@click.option("--vcf", type=FILE, help="Variants: VCF or BCF, plain, gzip or BGZF.")
@click.option(
    "--variant", "variants", multiple=True, metavar="VARIANT",
    help="A variant such as chr17:7674220:G>A, chr17-7674220-G-A or NC_000017.11:7674219:G:A; repeatable.",
)  # fmt: skip
@FASTA_OPTION
@gene_options
@MODEL_OPTION
@CELL_TYPES_OPTION
@click.option("--max-distance", type=click.IntRange(min=0), help="Only genes whose TSS is this near. [default: window]")
@click.option("--features", type=FILE, help="Extra inputs: TSV with gene_id and the model's features.")
@HALF_LIFE_OPTION
@click.option("--phased", is_flag=True, help="Predict both haplotypes of each sample instead of single variants.")
@click.option("--samples", metavar="A,B", help="Samples whose haplotypes are predicted. [default: all]")
@click.option(
    "--unphased", type=click.Choice(["error", "skip", "as-is", "merge"]), default="error", show_default=True,
    help="Heterozygous calls without phase: stop, leave out, take as written, or put on both haplotypes.",
)  # fmt: skip
@click.option("--shard", metavar="K/N", help="Only this share of the chromosomes, with --phased and --out X.parts.")
@click.option("--allow-tss-deletion", is_flag=True, help="Score alleles that delete the first transcribed base.")
@click.option("--quantile/--no-quantile", default=True, show_default=True, help="Compare with random substitutions.")
@click.option("--summary", type=FILE, help="One row per allele: .tsv, .tsv.gz or .parquet.")
@click.option("--annotate", type=FILE, help="The VCF with the INFO fields TEXCNN_*: .vcf.gz, with an index.")
@click.option("--tabix", type=FILE, help="The detailed rows for VEP's plugins and bcftools annotate: .tsv.gz.")
@COMPUTE_OPTIONS
@DTYPE_OPTION
@COMPILE_OPTION
@OUT_OPTION
@OVERWRITE_OPTION
def variants(
    model: str | None,
    fasta: Path,
    vcf: Path | None,
    variants: tuple[str, ...],
    samples: str | None,
    out: Path,
    overwrite: bool,
    quiet: bool,
    **options: Any,
) -> None:
    r"""Predict what variants do to the expression of the genes around them.

    \b
    texcnn variants --vcf calls.vcf.gz --fasta genome.fa --gtf genes.gtf --out effects.parquet
    texcnn variants --variant chr17:7674220:G>A --fasta genome.fa --gtf genes.gtf --out effects.tsv
    texcnn variants --vcf phased.vcf.gz --phased --samples HG1,HG2 --fasta genome.fa --gtf genes.gtf --out people.tsv

    One row per allele, gene and cell type; delta is the prediction with the allele minus that without. Each allele has
    a status, and those without a prediction are listed with the reason in OUT.skipped.tsv, so that alleles in =
    scored + skipped. A run that was killed continues when it is started again in the same way. With --out X.parts
    the rows are kept for texcnn merge; texcnn variants split cuts a VCF into shards.
    """
    import texcnn

    counts = texcnn.variant_effects(
        model, fasta, vcf=vcf, variants=variants or None, out=out, overwrite=overwrite, progress=not quiet,
        samples=None if samples is None else samples.split(","), **options,
    )  # fmt: skip
    if not quiet:
        click.echo(f"{counts}: {out}", err=True)


@variants.command()
@click.option("--model", type=FILE, required=True, help="The bundle's folder, which gets the background.")
@FASTA_OPTION
@gene_options
@click.option("--features", type=FILE, help="Extra inputs: TSV with gene_id and the model's features.")
@HALF_LIFE_OPTION
@click.option("--n-variants", type=click.IntRange(min=1), default=30_000, show_default=True, help="How many.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the drawing.")
@COMPUTE_OPTIONS
@DTYPE_OPTION
@COMPILE_OPTION
def background(model: Path, fasta: Path, quiet: bool, **options: Any) -> None:
    r"""Score random substitutions, so that tables of variants can show how unusual an effect is.

    \b
    texcnn variants background --model my-model --fasta genome.fa --gtf genes.gtf
    """
    from texcnn.effects.make_background import make_background

    made = make_background(model, fasta, progress=not quiet, **options)
    if not quiet:
        click.echo(f"{made.n_variants} random substitutions: {model}", err=True)


variants.add_command(split)
