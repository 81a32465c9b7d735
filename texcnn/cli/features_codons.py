"""``texcnn features codons``."""

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


@click.command("codons")
@FASTA_OPTION
@ANNOTATION_OPTION
@GENES_OPTION
@MAP_CHROM_NAMES_OPTION
@QUIET_OPTION
@OUT_OPTION
@OVERWRITE_OPTION
def codons(
    fasta: Path, gtf: Path, genes_file: Path | None, map_chrom_names: bool, quiet: bool, out: Path, overwrite: bool
) -> None:
    r"""Codons of each gene's CDS, in percent; highly expressed genes prefer some of them.

    \b
    texcnn features codons --fasta genome.fa --gtf genes.gtf --out codons.tsv

    62 columns: codon_AAA to codon_TTT without the stop codons of the standard genetic code, and log10_codons, how many
    they are. A gene counts with its transcript of the longest CDS. Genes without CDS, without a known codon, or with
    exons off the FASTA, are listed in OUT.skipped.tsv.
    """
    from texcnn.features.codons import codon_features
    from texcnn.features.gene_features import check_features_output
    from texcnn.features.table import COMPUTED
    from texcnn.genome.reference import Reference
    from texcnn.text.names import read_names

    check_features_output(out, {"fasta": fasta, "gtf": gtf, "genes_file": genes_file}, overwrite=overwrite)
    with Reference(fasta) as reference:
        table = codon_features(
            reference,
            gtf,
            genes=None if genes_file is None else read_names(genes_file),
            map_chrom_names=map_chrom_names,
            progress=not quiet,
        )
    table.write(out, source=COMPUTED)
    if not quiet:
        click.echo(f"{len(table.frame)} genes, {len(table.skipped)} skipped: {out}", err=True)
