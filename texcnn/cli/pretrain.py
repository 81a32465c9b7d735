"""``texcnn pretrain``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from texcnn.cli.options import COMPUTE_OPTIONS, FASTA_OPTION, FILE, OUT_OPTION, OVERWRITE_OPTION
from texcnn.pretraining import LANGUAGE_MODELS

_POSITIVE = click.IntRange(min=1)
_SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command(short_help="Pre-train a small DNA language model on a genome.")
@FASTA_OPTION
@click.option("--bed", type=FILE, help="Only these regions: BED of three columns or more. [default: the whole genome]")
@click.option("--exclude-chrom", "exclude_chroms", multiple=True, help="Leave this chromosome out; repeatable.")
@click.option(
    "--architecture",
    type=click.Choice(LANGUAGE_MODELS),
    default="dnabert2",
    show_default=True,
    help="DNABERT-2 reads byte pairs of the genome's own vocabulary, DNABERT overlapping k-mers.",
)
@click.option("--vocab-size", type=_POSITIVE, help="Tokens of a dnabert2. [default: 4096]")
@click.option("--k", type=click.IntRange(3, 6), help="Bases per token of a dnabert. [default: 6]")
@click.option("--layers", type=_POSITIVE, default=4, show_default=True, help="Layers of the model.")
@click.option("--hidden-size", type=_POSITIVE, default=256, show_default=True, help="Length of a token's vector.")
@click.option("--heads", type=_POSITIVE, default=4, show_default=True, help="Attention heads of a layer.")
@click.option("--intermediate-size", type=_POSITIVE, default=1024, show_default=True, help="Width of a layer's MLP.")
@click.option(
    "--dropout", type=click.FloatRange(0, 1, max_open=True), default=0.0, show_default=True,
    help="Fraction dropped while training.",
)  # fmt: skip
@click.option("--segment-length", type=_POSITIVE, default=500, show_default=True, help="Bases of a segment.")
@click.option("--valid-fraction", type=_SHARE, default=0.02, show_default=True, help="Share of bases held out.")
@click.option("--steps", type=_POSITIVE, default=10_000, show_default=True, help="Steps of the optimiser.")
@click.option("--segments-per-step", type=_POSITIVE, default=64, show_default=True, help="Segments of a step.")
@click.option(
    "--learning-rate", type=click.FloatRange(min=0, min_open=True), default=4e-4, show_default=True,
    help="Highest rate of AdamW.",
)  # fmt: skip
@click.option("--warmup", type=_SHARE, default=0.05, show_default=True, help="Share of steps to the highest rate.")
@click.option("--mask-fraction", type=_SHARE, default=0.15, show_default=True, help="Share of tokens to guess.")
@click.option(
    "--checkpoint-every",
    type=_POSITIVE,
    default=500,
    show_default=True,
    help="Steps; validates too.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of held-out bases, weights, steps."
)
@COMPUTE_OPTIONS
@OUT_OPTION
@OVERWRITE_OPTION
def pretrain(fasta: Path, out: Path, overwrite: bool, quiet: bool, **options: Any) -> None:
    r"""Pre-train a small DNA language model on a genome: a folder that --encoder reads.

    \b
    texcnn pretrain --fasta genome.fa --exclude-chrom chr8 --exclude-chrom chr9 --out my-encoder
    texcnn train --encoder my-encoder ...

    It learns to guess hidden tokens of random segments, on both strands; runs of N are skipped. Leave out the
    chromosomes that will judge a model trained on it. An interrupted run continues where it stopped when the same
    command is given again: what is unfinished is in OUT.work until then.
    """
    import texcnn

    done = texcnn.pretrain(fasta, out, overwrite=overwrite, progress=not quiet, **options)
    if not quiet:
        click.echo(f"held-out loss {done.history[-1].valid_loss:.4f} nats per hidden token: {out}", err=True)
