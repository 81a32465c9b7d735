"""Options that several commands share, so that they mean the same everywhere."""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
from click.shell_completion import CompletionItem

from texcnn.arguments import to_path
from texcnn.genome import BED_ANCHORS, TRANSCRIPT_CHOICES

if TYPE_CHECKING:
    from texcnn.genome.windows import WindowSpec

Command = TypeVar("Command", bound=Callable[..., Any])


class _File(click.Path):
    """A path; an empty one, as of a shell's variable that is not set, would be the working folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("the path is empty; is a variable of the shell not set?", param, ctx)
        if isinstance(value, str | os.PathLike):
            to_path(value, "" if param is None or param.name is None else param.name)
        return super().convert(value, param, ctx)


FILE = _File(path_type=Path)


def options(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Joins options into one decorator, in the order of the help page."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


GENES_OPTION = click.option(
    "--genes", "genes_file", type=FILE, help="Only these genes: a file with an id or name per line."
)
ANNOTATION_OPTION = click.option(
    "--gtf", type=FILE, required=True, help="Annotation: GTF (Ensembl, GENCODE, RefSeq), plain or gz."
)
MAP_CHROM_NAMES_OPTION = click.option(
    "--map-chrom-names", is_flag=True, help="Map chr1/1 chromosome names to the FASTA's where the files differ."
)

_GENE_OPTIONS = options(
    click.option("--gtf", type=FILE, help="Genes: GTF (Ensembl, GENCODE, RefSeq), plain or gz."),
    click.option("--bed", type=FILE, help="Genes: BED3 to BED6, one interval per gene."),
    click.option(
        "--bed-anchor",
        type=click.Choice(BED_ANCHORS),
        default="five-prime",
        show_default=True,
        help="What a BED interval means: its 5' end is the TSS, its middle is, or it is the window itself.",
    ),
    click.option(
        "--transcripts",
        type=click.Choice(TRANSCRIPT_CHOICES),
        default="gene",
        show_default=True,
        help="One row per gene (TSS of the transcript with the longest CDS), or one per transcript.",
    ),
    GENES_OPTION,
    click.option(
        "--gene", "gene_names", multiple=True, metavar="NAME", help="Only this gene, an id or name; repeatable."
    ),
    MAP_CHROM_NAMES_OPTION,
)


def gene_options(command: Command) -> Command:
    """Adds the options that choose genes; the command gets them under the names of ``GeneSelection``."""

    @functools.wraps(command)
    def named(*, gene_names: tuple[str, ...], **others: Any) -> Any:
        return command(genes=gene_names or None, **others)

    return _GENE_OPTIONS(cast(Command, named))


FASTA_OPTION = click.option("--fasta", type=FILE, required=True, help="Genome: FASTA, plain, bgzip or gzip.")


def _complete_model(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Bundled models, then folders."""
    from texcnn.model.catalog import bundled_models

    found = [CompletionItem(name) for name in bundled_models() if name.startswith(typed)]
    return found or [CompletionItem(typed, type="dir")]


def _complete_cell_type(context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Cell types of the model that was named before, else of the default."""
    from texcnn.errors import ModelError
    from texcnn.model.bundle import BundleFiles
    from texcnn.model.catalog import resolve_model

    try:
        table = BundleFiles(resolve_model(context.params.get("model"))).cell_types
    except ModelError:
        return []
    rows = table.to_dict("records")
    return [
        CompletionItem(row["cell_type"], help=row.get("name"))
        for row in rows
        if str(row["cell_type"]).lower().startswith(typed.lower())
    ]


CELL_TYPES_OPTION = click.option(
    "--cell-type",
    "cell_types",
    multiple=True,
    shell_complete=_complete_cell_type,
    help="Only this cell type; repeatable. [default: all]",
)

MODEL_OPTION = click.option(
    "--model",
    default=None,
    shell_complete=_complete_model,
    help="Bundled model's name, a bundle's folder, or hf:owner/name@revision. [default: texcnn-mini]",
)

ENCODER_OPTION = click.option(
    "--encoder",
    "encoders",
    multiple=True,
    help="Instead of a model's: a known encoder's name or a checkpoint's folder; repeatable, vectors are joined.",
)

GRID_OPTION = click.option(
    "--grid-segments",
    is_flag=True,
    help="Shift windows by half a segment at most, so that neighbours share segments; changes predictions.",
)

HALF_LIFE_OPTION = click.option(
    "--half-life/--no-half-life",
    default=None,
    help="Compute the model's extra inputs, half-life features, from --gtf. [default: where the model takes them]",
)

DTYPE_OPTION = click.option(
    "--dtype",
    default="auto",
    show_default=True,
    help="Type of the encoders' matrix products: float32, bfloat16, float16, or auto (float32 on a CPU, 16 bits on a "
    "GPU).",
)

COMPILE_OPTION = click.option(
    "--compile",
    is_flag=True,
    help="torch.compile for encoders: for GPUs, gains nothing on a CPU; needs a compiler and a minute at the start.",
)


def _be_quiet(_context: click.Context, _parameter: click.Parameter, quiet: bool) -> bool:
    if quiet:
        logging.getLogger("texcnn").setLevel(logging.ERROR)
    return quiet


QUIET_OPTION = click.option("--quiet", is_flag=True, callback=_be_quiet, help="Print errors only.")


def _use_threads(_context: click.Context, _parameter: click.Parameter, threads: int | None) -> None:
    """Sets the threads of arithmetic and of tokenisers; without a number the latter follow ``OMP_NUM_THREADS``."""
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
        os.environ[_TOKENISER_THREADS] = str(threads)
    elif "OMP_NUM_THREADS" in os.environ:
        os.environ.setdefault(_TOKENISER_THREADS, os.environ["OMP_NUM_THREADS"])


_TOKENISER_THREADS = "RAYON_NUM_THREADS"

COMPUTE_OPTIONS = options(
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N."),
    click.option(
        "--batch-size",
        type=click.IntRange(min=1),
        default=64,
        show_default=True,
        help="Segments per forward pass (windows, for one-hot models); changes speed and memory, never the result.",
    ),
    click.option(
        "--threads",
        type=click.IntRange(min=1),
        callback=_use_threads,
        expose_value=False,
        help="CPU threads. [default: OMP_NUM_THREADS, else one per core]",
    ),
    QUIET_OPTION,
)
"""How to compute."""

OUT_OPTION = click.option("--out", type=FILE, required=True, help="What to write.")
OVERWRITE_OPTION = click.option("--overwrite", is_flag=True, help="Replace an output that is already there.")


def print_skipped(reasons: Iterable[tuple[str, int]]) -> None:
    """Prints why genes were skipped, a line per reason with its number."""
    for reason, count in reasons:
        click.echo(f"{count:>9,} {reason}", err=True)


def resized(window: WindowSpec, upstream: int | None, downstream: int | None) -> WindowSpec:
    """Returns the window with the sizes that were given on the command line."""
    given = {"upstream": upstream, "downstream": downstream}
    return dataclasses.replace(window, **{name: size for name, size in given.items() if size is not None})
