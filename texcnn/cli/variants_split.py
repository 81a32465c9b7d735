"""``texcnn variants split``."""

from __future__ import annotations

from pathlib import Path

import click

from texcnn.cli.options import FILE


@click.command()
@click.option("--vcf", "vcfs", type=FILE, multiple=True, required=True, help="VCF or BCF; repeatable.")
@click.option(
    "--size", type=click.IntRange(min=1), default=200_000, show_default=True, help="Alleles per shard, about."
)
@click.option("--out", type=FILE, required=True, help="The new folder for 0001.vcf.gz and so on.")
def split(vcfs: tuple[Path, ...], size: int, out: Path) -> None:
    r"""Cut the distinct alleles of one or more VCFs into shards, which are scored side by side and merged.

    \b
    texcnn variants split --vcf calls.vcf.gz --size 50000 --out shards
    texcnn variants --vcf shards/0001.vcf.gz --fasta genome.fa --gtf genes.gtf --out 0001.parts
    texcnn merge 0001.parts 0002.parts --vcf calls.vcf.gz --out effects.tsv.gz --annotate effects.vcf.gz

    The merged files equal those of one run, whatever the number of shards.
    """
    from texcnn.effects.split import split_alleles

    alleles, shards = split_alleles(vcfs, out, size=size)
    click.echo(f"{alleles} distinct alleles in {shards} shards: {out}", err=True)
