"""``texcnn merge``."""

from __future__ import annotations

from pathlib import Path

import click

from texcnn.cli.options import FILE, OUT_OPTION, OVERWRITE_OPTION, print_skipped


@click.command(short_help="Join the tables of one run's parts.")
@click.argument("parts", type=FILE, nargs=-1, required=True)
@OUT_OPTION
@click.option("--also", type=FILE, multiple=True, help="Write the same table in a further format; repeatable.")
@click.option(
    "--skipped",
    "more_skipped",
    type=FILE,
    multiple=True,
    help="A further list of skipped genes to join, in addition to each PART.skipped.tsv; repeatable.",
)
@click.option("--vcf", type=FILE, help="Of parts with effects: the VCF whose alleles are wanted.")
@click.option("--summary", type=FILE, help="Of effects: one row per allele: .tsv, .tsv.gz or .parquet.")
@click.option("--annotate", type=FILE, help="Of effects: the VCF with the INFO fields TEXCNN_*: .vcf.gz.")
@click.option("--tabix", type=FILE, help="Of effects: the detailed rows with a tabix index: .tsv.gz.")
@OVERWRITE_OPTION
def merge(
    parts: tuple[Path, ...],
    out: Path,
    also: tuple[Path, ...],
    more_skipped: tuple[Path, ...],
    vcf: Path | None,
    overwrite: bool,
    **outputs: Path | None,
) -> None:
    r"""Join tables of one run, given in the order their rows are to have.

    \b
    texcnn merge shard1.parquet shard2.parquet --out predictions.parquet --also predictions.tsv.gz
    texcnn merge 1.parts 2.parts --vcf calls.vcf.gz --out effects.tsv.gz --annotate effects.vcf.gz
    texcnn merge 1.parts 2.parts --out haplotypes.tsv.gz

    The parts must have been made with the same model, genome and version. Of predictions each PART.skipped.tsv is
    joined too; effects and haplotypes are what texcnn variants --out PART.parts wrote.
    """
    of_effects = {"--vcf": vcf, **{f"--{name}": path for name, path in outputs.items()}}
    of_predictions = {"--also": also, "--skipped": more_skipped}
    is_effects = any(part.is_dir() for part in parts)
    wrong = [name for name, value in (of_predictions if is_effects else of_effects).items() if value]
    if wrong:
        kind = "effects and haplotypes" if is_effects else "predictions"
        raise click.UsageError(f"{', '.join(wrong)} cannot be used with parts of {kind}.")
    if is_effects:
        from texcnn.effects.merge import merge_effects
        from texcnn.effects.options import EffectOutputs

        counts = merge_effects(parts, out, vcf=vcf, outputs=EffectOutputs(**outputs), overwrite=overwrite)
        click.echo(f"{counts}: {out}", err=True)
        return
    from texcnn.files import skipped_path
    from texcnn.genome.skipped import count_reasons, read_skipped
    from texcnn.tables.merge import merge_tables

    rows, skipped = merge_tables(parts, out, also=also, more_skipped=more_skipped, overwrite=overwrite)
    click.echo(f"{rows} genes, {skipped} skipped: {out}", err=True)
    print_skipped(count_reasons(read_skipped(skipped_path(out))))
