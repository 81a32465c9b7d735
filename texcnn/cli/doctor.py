"""``texcnn doctor``."""

from __future__ import annotations

from pathlib import Path

import click

from texcnn.cli.options import FILE, MAP_CHROM_NAMES_OPTION, MODEL_OPTION


@click.command(short_help="Check the installation, the models and your files.")
@click.option("--fasta", type=FILE, help="A genome to check: its index, and whether it fits the model.")
@click.option("--gtf", type=FILE, help="An annotation to check against the genome.")
@MAP_CHROM_NAMES_OPTION
@MODEL_OPTION
def doctor(fasta: Path | None, gtf: Path | None, map_chrom_names: bool, model: str | None) -> None:
    r"""Check the installation, the models and your files; exit status 1 where something is wrong.

    \b
    texcnn doctor
    texcnn doctor --fasta genome.fa --gtf genes.gtf --model texcnn-mini
    """
    from texcnn.prediction.doctor import diagnose

    findings = diagnose(model, fasta, gtf, map_chrom_names=map_chrom_names)
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        click.echo(f"{finding.verdict:<7} {finding.subject:<{width}}  {finding.text}")
    if any(finding.verdict == "wrong" for finding in findings):
        raise click.exceptions.Exit(1)
