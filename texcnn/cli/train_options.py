"""Options of ``texcnn train`` that belong together: each group reaches the command as one argument."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, cast

import click

from texcnn.cli.options import FILE, Command, options
from texcnn.errors import InputError

if TYPE_CHECKING:
    from texcnn.training.choose_split import SplitChoice

POSITIVE = click.IntRange(min=1)
RATE = click.FloatRange(min=0, min_open=True)

_SPLIT_OPTIONS = options(
    click.option(
        "--split",
        type=click.Choice(["random", "chromosome", "groups", "file"]),
        default="chromosome",
        show_default=True,
        help="What is kept together: single genes, chromosomes, groups of --groups, or as --split-file says.",
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


class SplitOptions(TypedDict):
    """What is said of the split; see :class:`texcnn.training.choose_split.SplitChoice`."""

    how: str
    path: Path | None
    groups: Path | None
    valid_chroms: tuple[str, ...]
    test_chroms: tuple[str, ...]
    valid: float
    test: float


def split_options(command: Command) -> Command:
    """Adds the options of the split; the command gets them as one argument ``split`` for :func:`split_choice`."""

    @functools.wraps(command)
    def packed(
        *,
        split: str,
        split_file: Path | None,
        groups: Path | None,
        valid_chroms: tuple[str, ...],
        test_chroms: tuple[str, ...],
        valid_fraction: float,
        test_fraction: float,
        **others: Any,
    ) -> Any:
        given = SplitOptions(
            how=split,
            path=split_file,
            groups=groups,
            valid_chroms=valid_chroms,
            test_chroms=test_chroms,
            valid=valid_fraction,
            test=test_fraction,
        )
        return command(split=given, **others)

    return _SPLIT_OPTIONS(cast(Command, packed))


def split_choice(given: SplitOptions, seed: int) -> SplitChoice:
    """Reads what the options name.

    Raises:
        InputError: when they contradict each other, or the groups cannot be read.
    """
    from texcnn.training.choose_split import SplitChoice
    from texcnn.training.splits import read_groups

    return SplitChoice(
        how=given["how"],
        seed=seed,
        valid=given["valid"],
        test=given["test"],
        valid_chroms=given["valid_chroms"],
        test_chroms=given["test_chroms"],
        groups=None if given["groups"] is None else read_groups(given["groups"]),
        path=given["path"],
    )


_FIT_OPTIONS = options(
    click.option("--epochs", type=POSITIVE, help="Most passes over the training genes. [default: the architecture's]"),
    click.option("--genes-per-step", type=POSITIVE, help="Genes per step. [default: the architecture's]"),
    click.option("--learning-rate", type=RATE, help="[default: the architecture's]"),
    click.option("--optimizer", type=click.Choice(["adamw", "adam", "sgd"]), help="[default: the architecture's]"),
    click.option("--patience", type=POSITIVE, help="Epochs to wait for a smaller loss. [default: the architecture's]"),
)


def fit_options(command: Command) -> Command:
    """Adds the options of the fit; the command gets them as one argument ``fit``, None where one is not given."""

    @functools.wraps(command)
    def packed(
        *,
        epochs: int | None,
        genes_per_step: int | None,
        learning_rate: float | None,
        optimizer: str | None,
        patience: int | None,
        **others: Any,
    ) -> Any:
        given = {
            "epochs": epochs,
            "batch_size": genes_per_step,
            "learning_rate": learning_rate,
            "optimizer": optimizer,
            "patience": patience,
        }
        return command(fit=given, **others)

    return _FIT_OPTIONS(cast(Command, packed))


_HEAD_OPTIONS = options(
    click.option("--dropout", type=click.FloatRange(0, 1, max_open=True), help="Of a text CNN. [default: 0.5]"),
    click.option(
        "--dense-units", type=POSITIVE, help="Of a text CNN: a dense layer over all segments, not the maximum."
    ),
    click.option("--fusion-units", type=POSITIVE, help="Of a text CNN: a layer over sequence and features together."),
    click.option("--kernel-widths", help="Of a text CNN, in segments. [default: 1,3,5]"),
    click.option("--filters", type=POSITIVE, help="Of each width of a text CNN. [default: 128]"),
    click.option(
        "--segment-positions/--no-segment-positions", default=None, help="Whether a text CNN tells places apart."
    ),
)


def head_options(command: Command) -> Command:
    """Adds the options of a text CNN; the command gets those that are given as one argument ``head``."""

    @functools.wraps(command)
    def packed(
        *,
        dropout: float | None,
        dense_units: int | None,
        fusion_units: int | None,
        kernel_widths: str | None,
        filters: int | None,
        segment_positions: bool | None,
        **others: Any,
    ) -> Any:
        given = {
            "kernel_widths": None if kernel_widths is None else _widths(kernel_widths),
            "filters": filters,
            "dropout": dropout,
            "segment_positions": segment_positions,
            "dense_units": dense_units,
            "fusion_units": fusion_units,
        }
        return command(head={name: value for name, value in given.items() if value is not None}, **others)

    return _HEAD_OPTIONS(cast(Command, packed))


def _widths(text: str) -> list[int]:
    try:
        return [int(width) for width in text.split(",")]
    except ValueError as error:
        raise InputError(
            f"'{text}' are no widths", where="--kernel-widths", allowed="odd numbers with commas between, as 1,3,5"
        ) from error
