"""``texcnn features half-life``."""

from __future__ import annotations

from pathlib import Path

import click

from texcnn.cli.options import (
    ANNOTATION_OPTION,
    FASTA_OPTION,
    GENES_OPTION,
    MAP_CHROM_NAMES_OPTION,
    OUT_OPTION,
    OVERWRITE_OPTION,
    QUIET_OPTION,
)


@click.command("half-life")
@FASTA_OPTION
@ANNOTATION_OPTION
@GENES_OPTION
@MAP_CHROM_NAMES_OPTION
@click.option(
    "--log10",
    is_flag=True,
    help="Lengths and exons per kb as log10(x + 0.1), as Xpresso's networks take them, in columns log10_...",
)
@click.option("--allow-noncoding", is_flag=True, help="Write a table without rows where no gene has a CDS.")
@QUIET_OPTION
@OUT_OPTION
@OVERWRITE_OPTION
def half_life(
    fasta: Path,
    gtf: Path,
    genes_file: Path | None,
    map_chrom_names: bool,
    log10: bool,
    allow_noncoding: bool,
    quiet: bool,
    out: Path,
    overwrite: bool,
) -> None:
    r"""Eight features of each coding gene's mRNA that correlate with its half-life.

    \b
    texcnn features half-life --fasta genome.fa --gtf genes.gtf --out half_life.tsv

    \b
    utr5_length_bp cds_length_bp utr3_length_bp   exonic bases before, in and after the CDS (stop codon included)
    intron_length_bp                              all introns together
    utr5_gc cds_gc utr3_gc                        (G + C) / known bases: 0 without the part, empty if it is all N
    orf_exons_per_kb                              exons with coding bases per 1,000 bp of CDS

    A gene counts with its transcript of the longest CDS. Genes without CDS, or with exons off the FASTA, are listed in
    OUT.skipped.tsv.
    """
    from texcnn.features.gene_features import check_features_output
    from texcnn.features.half_life import half_life_features
    from texcnn.features.table import COMPUTED
    from texcnn.genome.reference import Reference
    from texcnn.text.names import read_names

    check_features_output(out, {"fasta": fasta, "gtf": gtf, "genes_file": genes_file}, overwrite=overwrite)
    with Reference(fasta) as reference:
        table = half_life_features(
            reference,
            gtf,
            genes=None if genes_file is None else read_names(genes_file),
            log10=log10,
            map_chrom_names=map_chrom_names,
            needed=not allow_noncoding,
            progress=not quiet,
        )
    table.write(out, source=COMPUTED)
    if not quiet:
        click.echo(
            f"{len(table.frame)} genes, {table.n_incomplete} of them with an empty GC, "
            f"{len(table.skipped)} skipped: {out}",
            err=True,
        )
