"""``texcnn pretrain``."""

from __future__ import annotations

from pathlib import Path

import click

from texcnn.cli.options import COMPUTE_OPTIONS, FASTA_OPTION, FILE, OUT_OPTION, OVERWRITE_OPTION
from texcnn.errors import InputError

_POSITIVE = click.IntRange(min=1)
_SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)
_MARKER = "unfinished-pretraining.txt"
"""The file that shows that a folder is what an interrupted pre-training left."""


@click.command()
@FASTA_OPTION
@click.option("--bed", type=FILE, help="Only these regions: BED of three columns or more. [default: the whole genome]")
@click.option("--exclude-chrom", "exclude_chroms", multiple=True, help="Leave this chromosome out; repeatable.")
@click.option(
    "--architecture",
    type=click.Choice(["dnabert2", "dnabert"]),
    default="dnabert2",
    show_default=True,
    help="DNABERT-2 reads byte pairs of the genome's own vocabulary, DNABERT overlapping k-mers.",
)
@click.option("--vocab-size", type=_POSITIVE, help="Tokens of a dnabert2. [default: 4096]")
@click.option("--k", type=click.IntRange(3, 6), help="Bases per token of a dnabert. [default: 6]")
@click.option("--layers", type=_POSITIVE, default=4, show_default=True)
@click.option("--hidden-size", type=_POSITIVE, default=256, show_default=True, help="Length of a token's vector.")
@click.option("--heads", type=_POSITIVE, default=4, show_default=True, help="Attention heads of a layer.")
@click.option("--intermediate-size", type=_POSITIVE, default=1024, show_default=True, help="Width of a layer's MLP.")
@click.option("--dropout", type=click.FloatRange(0, 1, max_open=True), default=0.0, show_default=True)
@click.option("--segment-length", type=_POSITIVE, default=500, show_default=True, help="Bases of a segment.")
@click.option("--valid-fraction", type=_SHARE, default=0.02, show_default=True, help="Share of bases held out.")
@click.option("--steps", type=_POSITIVE, default=10_000, show_default=True, help="Steps of the optimiser.")
@click.option("--segments-per-step", type=_POSITIVE, default=64, show_default=True)
@click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), default=4e-4, show_default=True)
@click.option("--warmup", type=_SHARE, default=0.05, show_default=True, help="Share of steps to the highest rate.")
@click.option("--mask-fraction", type=_SHARE, default=0.15, show_default=True, help="Share of tokens to guess.")
@click.option("--checkpoint-every", type=_POSITIVE, default=500, show_default=True, help="Steps; validates as well.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@COMPUTE_OPTIONS
@OUT_OPTION
@OVERWRITE_OPTION
def pretrain(
    fasta: Path,
    bed: Path | None,
    exclude_chroms: tuple[str, ...],
    architecture: str,
    vocab_size: int | None,
    k: int | None,
    layers: int,
    hidden_size: int,
    heads: int,
    intermediate_size: int,
    dropout: float,
    segment_length: int,
    valid_fraction: float,
    steps: int,
    segments_per_step: int,
    learning_rate: float,
    warmup: float,
    mask_fraction: float,
    checkpoint_every: int,
    seed: int,
    device: str,
    batch_size: int,
    quiet: bool,
    out: Path,
    overwrite: bool,
) -> None:
    r"""Pre-train a small DNA language model on a genome: a folder that --encoder reads.

    \b
    texcnn pretrain --fasta genome.fa --exclude-chrom chr8 --exclude-chrom chr9 --out my-encoder
    texcnn train --encoder my-encoder ...

    It learns to guess hidden tokens of random segments, on both strands; runs of N are skipped. Leave out the
    chromosomes that shall judge a model trained on it. An interrupted run goes on where it stopped when the same
    command is given again: what is unfinished lies in OUT.work until then.
    """
    import hashlib
    import shutil

    import numpy as np

    from texcnn.device import resolve_device
    from texcnn.files import check_output
    from texcnn.genome.bed import read_regions
    from texcnn.genome.reference import Reference
    from texcnn.pretraining.corpus import Corpus, SegmentSampler
    from texcnn.pretraining.language_model import ModelSizes, dnabert2_model, dnabert_model
    from texcnn.pretraining.pretrain import PretrainOptions
    from texcnn.pretraining.pretrain import pretrain as fit
    from texcnn.pretraining.save import RECORD, GenomeRecord, save_pretrained
    from texcnn.pretraining.vocabulary import train_bpe, vocabulary_sample

    if (k if architecture == "dnabert2" else vocab_size) is not None:
        raise InputError(
            f"{'--k' if architecture == 'dnabert2' else '--vocab-size'} is of the other architecture",
            where=f"--architecture {architecture}",
            allowed="--vocab-size with dnabert2, --k with dnabert",
        )
    check_output(out, overwrite=overwrite, marker=RECORD)
    work = out.with_name(f"{out.name}.work")
    check_output(work, overwrite=True, marker=_MARKER)
    resolved = resolve_device(device)
    sizes = ModelSizes(hidden_size, layers, heads, intermediate_size, dropout)
    options = PretrainOptions(
        steps=steps,
        segments_per_step=segments_per_step,
        batch_size=batch_size,
        learning_rate=learning_rate,
        warmup=warmup,
        mask_fraction=mask_fraction,
        report_every=checkpoint_every,
        seed=seed,
    )
    with Reference(fasta) as reference:
        corpus = Corpus.scan(
            reference,
            length=segment_length,
            valid_fraction=valid_fraction,
            seed=seed,
            regions=None if bed is None else read_regions(bed),
            exclude_chroms=exclude_chroms,
        )
        if not quiet:
            click.echo(
                f"{corpus.n_train:,} bases to learn from, {corpus.n_valid:,} held out; skipped: {corpus.n_unknown:,} "
                f"unknown, {corpus.n_short:,} in runs shorter than a segment",
                err=True,
            )
        train = SegmentSampler(reference, corpus.train, corpus.length)
        valid = SegmentSampler(reference, corpus.valid, corpus.length)
        if architecture == "dnabert2":
            words = train.draw(vocabulary_sample(corpus.n_train, corpus.length), np.random.default_rng(seed))
            language = dnabert2_model(sizes, train_bpe(words, vocab_size or 4096), seed=seed)
        else:
            language = dnabert_model(sizes, k or 6, seed=seed)
        genome = GenomeRecord(
            fasta.name, reference.fingerprint(), None if bed is None else bed.name, tuple(exclude_chroms)
        )
        if overwrite and work.exists():
            shutil.rmtree(work)
        work.mkdir(exist_ok=True)
        (work / _MARKER).write_text("Given again, the same texcnn pretrain command goes on from here.\n")
        history = fit(
            language,
            train.draw,
            valid.draw,
            options,
            data=hashlib.sha256(repr((genome.sha256, corpus)).encode()).hexdigest(),
            device=resolved,
            checkpoint=work / "checkpoint.safetensors",
            progress=not quiet,
        )
    save_pretrained(out, language, genome, corpus, options, history)
    shutil.rmtree(work)
    if not quiet:
        click.echo(f"held-out loss {history[-1].valid_loss:.4f} nats per hidden token: {out}", err=True)
