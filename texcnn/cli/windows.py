"""``texcnn windows``."""

from __future__ import annotations

from pathlib import Path

import click

from texcnn.cli.options import FASTA_OPTION, GENE_OPTIONS, MODEL_OPTION, OUT_OPTION, OVERWRITE_OPTION


@click.command()
@FASTA_OPTION
@GENE_OPTIONS
@MODEL_OPTION
@click.option("--upstream", type=click.IntRange(min=0), help="Bases before the TSS. [default: the model's, 7000]")
@click.option("--downstream", type=click.IntRange(min=0), help="Bases from the TSS on. [default: the model's, 3500]")
@OUT_OPTION
@OVERWRITE_OPTION
def windows(
    fasta: Path,
    gtf: Path | None,
    bed: Path | None,
    bed_anchor: str,
    transcripts: str,
    genes: Path | None,
    map_chrom_names: bool,
    model: str | None,
    upstream: int | None,
    downstream: int | None,
    out: Path,
    overwrite: bool,
) -> None:
    r"""List the window of each gene as BED, clipped to the chromosome.

    \b
    texcnn windows --fasta genome.fa --gtf genes.gtf --out windows.bed

    The columns are those of BED6, then gene_name, tss (1-based) and transcript_id. Genes without a place on the
    genome are listed in OUT.skipped.tsv. The file can be given back with --bed windows.bed --bed-anchor window.
    """
    from texcnn.files import check_output
    from texcnn.genome.load import load_genes
    from texcnn.genome.reference import Reference
    from texcnn.genome.windows import WindowSpec
    from texcnn.model.bundle import BundleFiles
    from texcnn.model.catalog import resolve_model
    from texcnn.tables.readers import read_names
    from texcnn.tables.windows_bed import write_windows_bed
    from texcnn.tables.writers import skipped_path, write_skipped

    check_output(out, overwrite=overwrite)
    default = WindowSpec() if model is None else BundleFiles(resolve_model(model)).config.window
    spec = WindowSpec(
        default.upstream if upstream is None else upstream, default.downstream if downstream is None else downstream
    )
    with Reference(fasta) as reference:
        annotation = load_genes(
            reference,
            spec,
            gtf=gtf,
            bed=bed,
            bed_anchor=bed_anchor,
            transcripts=transcripts,
            genes=None if genes is None else read_names(genes),
            map_chrom_names=map_chrom_names,
        )
        write_skipped(skipped_path(out), annotation.skipped)
        write_windows_bed(out, annotation.genes, spec, reference.lengths)
    click.echo(f"{len(annotation.genes)} windows, {len(annotation.skipped)} skipped: {out}", err=True)
