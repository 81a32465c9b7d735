"""``texcnn predict``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from texcnn.cli.options import (
    COMPILE_OPTION,
    COMPUTE_OPTIONS,
    DTYPE_OPTION,
    FILE,
    GRID_OPTION,
    MODEL_OPTION,
    OUT_OPTION,
    OVERWRITE_OPTION,
    gene_options,
)

if TYPE_CHECKING:
    from texcnn.genome.load import GeneOptions


@click.command()
@click.option("--fasta", type=FILE, help="Genome: FASTA, plain or bgzip.")
@gene_options
@click.option("--embeddings", type=FILE, help="Predict from a store of texcnn embed instead of --fasta and genes.")
@MODEL_OPTION
@click.option("--cell-type", "cell_types", multiple=True, help="Only this cell type; repeatable. [default: all]")
@click.option("--features", type=FILE, help="Extra inputs: TSV with gene_id and the model's features.")
@click.option("--half-life", is_flag=True, help="Compute the model's extra inputs, half-life features, from --gtf.")
@GRID_OPTION
@COMPUTE_OPTIONS
@DTYPE_OPTION
@COMPILE_OPTION
@OUT_OPTION
@OVERWRITE_OPTION
def predict(
    fasta: Path | None,
    which: GeneOptions,
    embeddings: Path | None,
    model: str | None,
    cell_types: tuple[str, ...],
    features: Path | None,
    half_life: bool,
    grid_segments: bool,
    device: str,
    batch_size: int,
    quiet: bool,
    dtype: str,
    compiled: bool,
    out: Path,
    overwrite: bool,
) -> None:
    r"""Predict expression: one row per gene, one column per cell type.

    \b
    texcnn predict --fasta genome.fa --gtf genes.gtf --out predictions.tsv
    texcnn predict --fasta genome.fa.gz --bed tss.bed --cell-type LIV.ADLT --out liver.parquet

    The format follows the ending of --out: .tsv, .tsv.gz, .parquet or .h5ad. Genes without a prediction are listed
    with the reason in OUT.skipped.tsv, so that rows in = rows out + skipped. Text tables have their unit and origin
    in OUT.meta.json, the other formats carry them inside.
    """
    from texcnn.device import resolve_device
    from texcnn.errors import InputError
    from texcnn.model.load import load_model
    from texcnn.model.run import predict_store_to_table, predict_to_table
    from texcnn.tables.writers import check_table_output

    check_table_output(out, overwrite=overwrite)
    loaded = load_model(model)
    if grid_segments:
        loaded = loaded.on_grid()
    if embeddings is not None:
        fixed = {
            "--fasta": fasta,
            "--gtf": which["gtf"],
            "--bed": which["bed"],
            "--bed-anchor": which["bed_anchor"] != "five-prime",
            "--transcripts": which["transcripts"] != "gene",
            "--genes": which["genes"],
            "--map-chrom-names": which["map_chrom_names"],
            "--half-life": half_life,
            "--dtype": dtype != "auto",
            "--compile": compiled,
        }
        given = [name for name, value in fixed.items() if value]
        if given:
            raise InputError(
                f"--embeddings already holds genome, genes and vectors, so {', '.join(given)} cannot be given",
                remedy="leave them out, or leave --embeddings out",
            )
        resolve_device(device)  # only the head is left to compute, on the CPU: but a GPU that is missing is said so
        counts = predict_store_to_table(
            loaded, embeddings, out, cell_types=cell_types, features=features, progress=not quiet
        )
    else:
        if fasta is None:
            raise InputError("no genome", where="--fasta", allowed="a FASTA, plain or bgzip, or --embeddings")
        if compiled:
            loaded.compile(device)
        counts = predict_to_table(
            loaded,
            fasta,
            out,
            cell_types=cell_types,
            features=features,
            half_life=half_life,
            batch_size=batch_size,
            device=device,
            dtype=dtype,
            progress=not quiet,
            **which,
        )
    if not quiet:
        click.echo(f"{counts.rows} genes predicted, {counts.skipped} skipped: {out}", err=True)
