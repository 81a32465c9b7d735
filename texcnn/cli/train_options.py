"""Options of ``texcnn train`` that belong together."""

from __future__ import annotations

import click

from texcnn.cli.options import FILE, options
from texcnn.errors import InputError
from texcnn.training import OPTIMIZERS, SPLITS

POSITIVE = click.IntRange(min=1)
RATE = click.FloatRange(min=0, min_open=True)

SPLIT_OPTIONS = options(
    click.option(
        "--split",
        type=click.Choice(SPLITS),
        default="chromosome",
        show_default=True,
        help="What is kept together: chromosomes, groups of --groups, nothing (random); or the split of --split-file.",
    ),
    click.option("--split-file", type=FILE, help="TSV with gene_id and split: train, valid or test."),
    click.option(
        "--groups", type=FILE, help="TSV with gene_id and a family or a similar gene; no split may part them."
    ),
    click.option(
        "--valid-chrom", "valid_chroms", multiple=True, help="Chromosome that stops the training; repeatable."
    ),
    click.option("--test-chrom", "test_chroms", multiple=True, help="Chromosome that judges the model; repeatable."),
    click.option("--valid-fraction", type=float, default=0.1, show_default=True, help="Share of genes for validation."),
    click.option("--test-fraction", type=float, default=0.1, show_default=True, help="Share of genes for the test."),
)

FIT_OPTIONS = options(
    click.option("--epochs", type=POSITIVE, help="Most passes over the training genes. [default: the architecture's]"),
    click.option("--genes-per-step", type=POSITIVE, help="Genes per step. [default: the architecture's]"),
    click.option("--learning-rate", type=RATE, help="[default: the architecture's]"),
    click.option("--optimizer", type=click.Choice(OPTIMIZERS), help="[default: the architecture's]"),
    click.option("--patience", type=POSITIVE, help="Epochs to wait for a smaller loss. [default: the architecture's]"),
)


def _widths(_context: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(width) for width in text.split(","))
    except ValueError as error:
        raise InputError(
            f"'{text}' are not widths", where="--kernel-widths", allowed="odd numbers with commas between, as 1,3,5"
        ) from error


HEAD_OPTIONS = options(
    click.option("--dropout", type=click.FloatRange(0, 1, max_open=True), help="Of a text CNN. [default: 0.5]"),
    click.option(
        "--dense-units", type=POSITIVE, help="Of a text CNN: a dense layer over all segments, not the maximum."
    ),
    click.option("--fusion-units", type=POSITIVE, help="Of a text CNN: a layer over sequence and features together."),
    click.option("--kernel-widths", callback=_widths, help="Of a text CNN, in segments. [default: 1,3,5]"),
    click.option("--filters", type=POSITIVE, help="Of each width of a text CNN. [default: 128]"),
    click.option(
        "--segment-positions/--no-segment-positions",
        default=None,
        help="Whether a text CNN knows the places of segments.",
    ),
)
