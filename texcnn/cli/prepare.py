"""``texcnn prepare``, the pipeline's first look at a genome."""

from __future__ import annotations

import json
from pathlib import Path

import click

from texcnn.cli.options import FASTA_OPTION, FILE


@click.command(hidden=True)
@FASTA_OPTION
@click.option("--out", type=FILE, required=True, help="Folder for the files that are made.")
def prepare(fasta: Path, out: Path) -> None:
    """Make a FASTA readable at any place, read all of it, and describe it in OUT/genome.json."""
    from texcnn.genome.prepare import prepare_fasta

    out.mkdir(exist_ok=True)
    genome = prepare_fasta(fasta, out)
    described = {"fingerprint": genome.fingerprint, "chromosomes": len(genome.lengths)}
    (out / "genome.json").write_text(json.dumps(described) + "\n", encoding="utf-8")
