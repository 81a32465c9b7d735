"""``texcnn features tf-targets``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from texcnn.cli.options import FILE, OUT_OPTION, OVERWRITE_OPTION, QUIET_OPTION
from texcnn.features import TF_LAYOUTS


@click.command("tf-targets")
@click.option(
    "--table",
    type=FILE,
    required=True,
    help="Genes x TFs as a matrix of numbers, or a list of gene, TF and perhaps weight; with a header, tab or comma.",
)
@click.option(
    "--layout", type=click.Choice(TF_LAYOUTS), default="auto", show_default=True,
    help="A matrix, or a list of pairs.",
)  # fmt: skip
@click.option("--gene-column", help="Column of the gene ids, if its name is not clear.")
@click.option("--tf-column", help="Column of the TFs in a list, if its name is not clear.")
@click.option(
    "--exclude",
    multiple=True,
    metavar="TF",
    help="Leave this TF out; repeatable. POLR2A, RNA polymerase II, measures expression itself: a leak of the answer.",
)
@click.option("--gtf", type=FILE, help="List this annotation's genes that the table lacks.")
@click.option("--genes", type=FILE, help="List these genes that the table lacks: a file with an id per line.")
@QUIET_OPTION
@OUT_OPTION
@OVERWRITE_OPTION
def tf_targets(
    table: Path,
    gtf: Path | None,
    genes: Path | None,
    quiet: bool,
    out: Path,
    overwrite: bool,
    **options: Any,
) -> None:
    r"""One feature per transcription factor, from any table of genes and TFs.

    \b
    texcnn features tf-targets --table encode.tsv.gz --exclude POLR2A --gtf genes.gtf --out tf.tsv

    Every gene of the table is a row of OUT. Genes that --gtf or --genes name and the table lacks are listed in
    OUT.skipped.tsv; they are never filled with zeros. In a list of pairs, a pair that is not there is 0 for the genes
    that are. Ensembl version suffixes are understood.
    """
    from texcnn.errors import InputError
    from texcnn.features.gene_features import check_features_output
    from texcnn.features.tf_targets import tf_target_features
    from texcnn.genome.annotation import read_gtf
    from texcnn.text.names import read_names

    check_features_output(out, {"table": table, "gtf": gtf, "genes": genes}, overwrite=overwrite)
    if gtf is not None and genes is not None:
        raise InputError("give one list of genes", where="`gtf` and `genes`", allowed="one of them, or none")
    wanted = [gene.id for gene in read_gtf(gtf).genes] if gtf is not None else read_names(genes) if genes else None
    made = tf_target_features(table, genes=wanted, **options)
    made.write(out)
    if not quiet:
        click.echo(
            f"{len(made.frame)} genes x {made.frame.shape[1] - 1} TFs, {len(made.skipped)} missing: {out}", err=True
        )
