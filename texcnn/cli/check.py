"""``texcnn check``, which finds what is wrong with a sample's files before anything is computed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from texcnn.cli.options import FASTA_OPTION, FILE, OUT_OPTION


@click.command(hidden=True)
@FASTA_OPTION
@click.option("--models", type=FILE, required=True, help="Descriptions of the models, a JSON list.")
@click.option("--genes", type=FILE, help="A file with an id or name per line.")
@click.option("--features", type=FILE, help="TSV with gene_id and the models' features.")
@click.option("--half-life", is_flag=True, help="Features will be computed from the annotation.")
@click.option("--truth", type=FILE, help="TSV with gene_id and true_expression.")
@click.option("--expression", type=FILE, help="Measured expression.")
@click.option("--split", type=FILE, help="TSV with gene_id and split.")
@click.option("--vcf", type=FILE, help="Variants.")
@click.option("--samples", metavar="A,B", help="Samples of the VCF whose haplotypes are wanted.")
@OUT_OPTION
def check(models: Path, half_life: bool, samples: str | None, out: Path, **files: Any) -> None:
    """List what is wrong with the files, and what makes a result most likely wrong, as JSON."""
    from texcnn.prediction.check import input_cautions, input_problems

    described = json.loads(models.read_text(encoding="utf-8"))
    given = {name: path for name, path in files.items() if path is not None}
    wanted = samples.split(",") if samples else []
    found = {
        "problems": input_problems(described, given, half_life=half_life, samples=wanted),
        "cautions": input_cautions(described, given["fasta"]),
    }
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
