"""``texcnn merge``."""

from __future__ import annotations

from pathlib import Path

import click

from texcnn.cli.options import FILE, OUT_OPTION, OVERWRITE_OPTION, say_skipped


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
@OVERWRITE_OPTION
def merge(
    parts: tuple[Path, ...], out: Path, also: tuple[Path, ...], more_skipped: tuple[Path, ...], overwrite: bool
) -> None:
    r"""Join tables of one run, given in the order their rows are to have.

    \b
    texcnn merge shard1.parquet shard2.parquet --out predictions.parquet --also predictions.tsv.gz

    The parts must have been made with the same model, genome and version; each one's PART.skipped.tsv is joined too.
    """
    from texcnn.genome.skipped import count_reasons, read_skipped, skipped_path
    from texcnn.tables.merge import merge_tables
    from texcnn.tables.writers import check_table_output

    outs = [out, *also]
    for path in outs:
        check_table_output(path, overwrite=overwrite)
    rows, skipped = merge_tables(parts, outs, more_skipped=more_skipped)
    click.echo(f"{rows} genes, {skipped} skipped: {out}", err=True)
    say_skipped(count_reasons(read_skipped(skipped_path(out))))
