"""``texcnn embed``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from texcnn.cli.options import (
    COMPILE_OPTION,
    COMPUTE_OPTIONS,
    DTYPE_OPTION,
    ENCODER_OPTION,
    FASTA_OPTION,
    GRID_OPTION,
    MODEL_OPTION,
    OUT_OPTION,
    OVERWRITE_OPTION,
    gene_options,
    resized,
)

if TYPE_CHECKING:
    from texcnn.genome.load import GeneOptions


@click.command()
@FASTA_OPTION
@gene_options
@MODEL_OPTION
@ENCODER_OPTION
@click.option("--upstream", type=click.IntRange(min=0), help="Bases before the TSS, with --encoder. [default: 7000]")
@click.option("--downstream", type=click.IntRange(min=0), help="Bases from the TSS on, with --encoder. [default: 3500]")
@click.option("--segment-length", type=click.IntRange(min=1), help="Bases per segment, with --encoder. [default: 500]")
@GRID_OPTION
@click.option(
    "--store-dtype",
    type=click.Choice(["float32", "float16", "bfloat16"]),
    default="float32",
    show_default=True,
    help="Type of the stored vectors: 16 bits halve the store and round predictions.",
)
@DTYPE_OPTION
@COMPILE_OPTION
@COMPUTE_OPTIONS
@OUT_OPTION
@OVERWRITE_OPTION
def embed(
    fasta: Path,
    which: GeneOptions,
    model: str | None,
    encoders: tuple[str, ...],
    upstream: int | None,
    downstream: int | None,
    segment_length: int | None,
    grid_segments: bool,
    store_dtype: str,
    dtype: str,
    compiled: bool,
    device: str,
    batch_size: int,
    quiet: bool,
    out: Path,
    overwrite: bool,
) -> None:
    r"""Embed the genes' windows into a store that texcnn predict reads.

    \b
    texcnn embed --fasta genome.fa --gtf genes.gtf --model texcnn-mini --out store
    texcnn embed --fasta genome.fa --gtf genes.gtf --encoder dnabert-6 --encoder dnabert2 --out store

    An interrupted run goes on where it stopped when the same command is given again.
    """
    from dataclasses import replace

    from texcnn.device import resolve_device
    from texcnn.embedding.fill import embed_genes
    from texcnn.embedding.store import EmbeddingStore
    from texcnn.embedding.store_folder import STORE_META, free_bytes
    from texcnn.embedding.store_spec import store_bytes
    from texcnn.encoders.choose import check_one_source, encoder_spec
    from texcnn.encoders.compiled import compile_encoders
    from texcnn.encoders.registry import load_encoder
    from texcnn.errors import InputError
    from texcnn.files import check_output
    from texcnn.genome.load import load_genes
    from texcnn.genome.reference import Reference
    from texcnn.genome.windows import WindowSpec
    from texcnn.model.load import load_model
    from texcnn.segments.segment import SegmentSpec

    sizes = {"--upstream": upstream, "--downstream": downstream, "--segment-length": segment_length}
    check_one_source(model, encoders)
    if encoders:
        specs = [encoder_spec(name) for name in encoders]
        loaded = [load_encoder(spec) for spec in specs]
        window = resized(WindowSpec(), upstream, downstream)
        segments = SegmentSpec() if segment_length is None else SegmentSpec(segment_length)
    else:
        if any(size is not None for size in sizes.values()):
            given = [name for name, size in sizes.items() if size is not None]
            raise InputError(f"a model fixes its own window, so {', '.join(given)} need --encoder")
        chosen = load_model(model)
        network = chosen.segment_network()
        loaded, window, segments = network.encoders, chosen.window, network.segments
        specs = list(chosen.config.encoders)
    if grid_segments:
        window = replace(window, grid=segments.length)

    check_output(out, overwrite=True, marker=STORE_META)  # an unfinished store is gone on with
    resolved = resolve_device(device)
    if compiled:
        compile_encoders(loaded, resolved)
    with Reference(fasta) as reference:
        annotation = load_genes(reference, window, **which)
        dim = sum(encoder.dim for encoder in loaded)
        size = store_bytes(len(annotation.genes), segments.n_segments(window.length), dim, store_dtype)
        if not quiet:
            free = free_bytes(out)
            click.echo(
                f"{len(annotation.genes)} genes, {size / 1e9:.3g} GB in {store_dtype}, {free / 1e9:.3g} GB free: {out}",
                err=True,
            )
        if overwrite and out.exists():
            EmbeddingStore.remove(out)  # only now: a mistyped option must not cost a store that took days
        embed_genes(
            loaded,
            reference,
            annotation,
            out,
            window=window,
            segments=segments,
            transcripts=which["transcripts"] == "all",
            specs=specs,
            store_dtype=store_dtype,
            batch_size=batch_size,
            device=resolved,
            dtype=dtype,
            progress=not quiet,
        )
