"""``texcnn kipoi``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click

from texcnn.cli.options import FILE


@click.group(short_help="Use the model through Kipoi.")
def kipoi() -> None:
    """Use the model through Kipoi."""


@kipoi.command()
@click.option("--source", type=FILE, help="Folder that holds TExCNN/. [default: the one that came with texcnn]")
def register(source: Path | None) -> None:
    r"""Make `kipoi predict TExCNN` work for this user.

    Kipoi reads models from the source 'kipoi' by default. That name goes to this model's folder; what had it before
    stays usable under another name, and `texcnn kipoi unregister` reverts everything.

    \b
    texcnn kipoi register
    kipoi predict TExCNN --dataloader_args='{"fasta_file": "genome.fa.gz", "gtf_file": "genes.gtf"}' -m -o out.tsv
    """
    from texcnn.cli.kipoi_register import MODEL, SOURCE, register

    done = register(source)
    click.echo(f"registered: Kipoi's source '{SOURCE}' is now {done.folder} (in {done.config})", err=True)
    if done.kept_as:
        click.echo(
            f"kept: the model zoo that was '{SOURCE}' is now '{done.kept_as}' (--source {done.kept_as})", err=True
        )
    if done.backup:
        click.echo(f"kept: the former file is {done.backup}", err=True)
    if find_spec("kipoi") is None:
        click.echo("note: Kipoi itself is not installed; pip install 'texcnn[kipoi]'", err=True)
    click.echo(f"try: kipoi info {MODEL}", err=True)


@kipoi.command()
def unregister() -> None:
    """Revert what `texcnn kipoi register` did."""
    from texcnn.cli.kipoi_register import SOURCE, unregister

    done = unregister()
    what = f"'{done.kept_as}' is '{SOURCE}' again" if done.config.is_file() and done.kept_as else "as it was before"
    click.echo(f"unregistered: {what} (in {done.config})", err=True)
