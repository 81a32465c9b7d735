"""``texcnn windows``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from texcnn.cli.options import (
    FASTA_OPTION,
    FILE,
    MODEL_OPTION,
    OUT_OPTION,
    OVERWRITE_OPTION,
    gene_options,
    print_skipped,
    resized,
)


@click.command(short_help="List the window of each gene as BED.")
@FASTA_OPTION
@gene_options
@MODEL_OPTION
@click.option("--upstream", type=click.IntRange(min=0), help="Bases before the TSS. [default: the model's, 7000]")
@click.option("--downstream", type=click.IntRange(min=0), help="Bases from the TSS on. [default: the model's, 3500]")
@click.option("--shards", type=FILE, help="Also write the windows in shards, into this new folder.")
@click.option(
    "--shard-size", type=click.IntRange(min=1), default=1000, show_default=True, help="Genes per shard, in the mean."
)
@OUT_OPTION
@OVERWRITE_OPTION
def windows(
    fasta: Path,
    model: str | None,
    upstream: int | None,
    downstream: int | None,
    shards: Path | None,
    shard_size: int,
    out: Path,
    overwrite: bool,
    **selection: Any,
) -> None:
    r"""List the window of each gene as BED, clipped to the chromosome.

    \b
    texcnn windows --fasta genome.fa --gtf genes.gtf --out windows.bed

    The columns are those of BED6, then gene_name, tss (1-based) and transcript_id. Genes without a place on the
    genome are listed in OUT.skipped.tsv. The file can be given back with --bed windows.bed --bed-anchor window.
    """
    from contextlib import ExitStack

    from texcnn.files import atomic_folder, check_output
    from texcnn.genome.gene import Annotation
    from texcnn.genome.load import load_genes
    from texcnn.genome.reference import Reference
    from texcnn.genome.select import GeneSelection
    from texcnn.genome.shards import cut_into_shards, window_work
    from texcnn.genome.skipped import count_reasons
    from texcnn.genome.windows import WindowSpec
    from texcnn.inputs_kept import keep_inputs
    from texcnn.model.bundle import BundleFiles
    from texcnn.model.catalog import resolve_model
    from texcnn.tables.windows_bed import write_windows_bed

    genes = GeneSelection(**selection)
    keep_inputs({"out": out, "shards": shards}, {"fasta": fasta, "selection": genes})
    check_output(out, overwrite=overwrite)
    if shards is not None:
        _check_new(shards, out)
        check_output(shards, overwrite=False)
    default = WindowSpec() if model is None else BundleFiles(resolve_model(model)).config.window
    spec = resized(default, upstream, downstream)
    with Reference(fasta) as reference:
        annotation = load_genes(reference, spec, genes)
        with ExitStack() as stack:
            if shards is not None:
                folder = stack.enter_context(atomic_folder(shards, replace=False))
                work = window_work(annotation.genes, spec, reference)
                for number, some in enumerate(cut_into_shards(annotation.genes, shard_size, work), start=1):
                    shard = Annotation(list(some), [], annotation.path)
                    write_windows_bed(folder / f"{number:04d}.bed", shard, spec, reference.lengths)
            write_windows_bed(out, annotation, spec, reference.lengths)
    click.echo(f"{len(annotation.genes)} windows, {len(annotation.skipped)} skipped: {out}", err=True)
    print_skipped(count_reasons(annotation.skipped))


def _check_new(folder: Path, out: Path) -> None:
    """Refuses a folder of shards that cannot be made, before anything is written."""
    from texcnn.errors import InputError

    if folder.exists() or not folder.absolute().parent.is_dir() or folder.resolve() == out.resolve():
        raise InputError(
            f"'{folder}' cannot be made", where="`shards`", allowed="a new name in a folder that is there",
        )  # fmt: skip
