"""``texcnn models``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from texcnn.cli.options import FILE, OVERWRITE_OPTION

if TYPE_CHECKING:
    from texcnn.model.model import Model


@click.group(short_help="List, show, fetch, import and export models.")
def models() -> None:
    """List, show, fetch, import and export models."""


@models.command("list")
def list_models() -> None:
    """List the bundled models and the known encoders."""
    from texcnn.encoders.known import KNOWN_ENCODERS
    from texcnn.model.catalog import list_models

    table = list_models()
    table["default"] = ["yes" if default else "" for default in table["default"]]
    click.echo(table.to_csv(sep="\t", index=False))
    click.echo("encoder\tsource\trevision")
    for name, spec in KNOWN_ENCODERS.items():
        click.echo(f"{name}\t{spec.source}\t{spec.revision or 'not pinned'}")


@models.command()
@click.argument("model", metavar="[NAME]", required=False)
@click.option("--card", is_flag=True, help="The model's card: how it was made, how good it is, what it is not for.")
@click.option("--json", "as_json", is_flag=True, help="Everything as one JSON object, for programs.")
@click.option("--cell-types", is_flag=True, help="Only the table of cell types.")
def show(model: str | None, card: bool, as_json: bool, cell_types: bool) -> None:
    """Show a model in a dozen lines, or with --card, --json or --cell-types all of one kind."""
    from texcnn.model.bundle import CARD, BundleFiles
    from texcnn.model.catalog import resolve_model
    from texcnn.model.reference_genes import read_reference
    from texcnn.model.summary import as_text, summary_rows

    folder = resolve_model(model)
    if as_json:
        from texcnn.model.load import load_model

        click.echo(json.dumps(_described(load_model(folder)), indent=2))
        return
    files = BundleFiles(folder)
    if card:
        click.echo((folder / CARD).read_text(encoding="utf-8"))
    elif cell_types:
        click.echo(files.cell_types.to_csv(sep="\t", index=False), nl=False)
    else:
        click.echo(as_text(summary_rows(files.config, list(files.cell_types["cell_type"]), read_reference(files))))
        click.echo(f"More: texcnn models show {model or files.config.name} --card, --cell-types or --json")


def _described(model: Model) -> dict[str, Any]:
    cell_types = model.cell_type_table.to_dict("records")
    return {**model.config.to_json(), "fingerprint": model.fingerprint, "cell_types": cell_types}


@models.command()
@click.argument("name")
def fetch(name: str) -> None:
    """Download an encoder's weights or a model (hf:owner/name@revision) into the Hub's cache.

    The only command that uses the network.
    """
    from texcnn.encoders.fetch import fetch as fetch_encoder
    from texcnn.encoders.known import KNOWN_ENCODERS
    from texcnn.errors import ModelError, unknown_name
    from texcnn.model.catalog import HUB_PREFIX, fetch_model

    if name in KNOWN_ENCODERS:
        click.echo(fetch_encoder(KNOWN_ENCODERS[name]))
    elif name.startswith(HUB_PREFIX):
        click.echo(fetch_model(name))
    else:
        raise unknown_name("model", name, [*KNOWN_ENCODERS, "hf:owner/name@revision"], error=ModelError)


@models.command("import")
@click.argument("kind", type=click.Choice(["xpresso", "mpra-dragonn"]))
@click.argument("file", type=FILE)
@click.option("--out", type=FILE, required=True, help="Folder of the bundle to write.")
@OVERWRITE_OPTION
def import_model(kind: str, file: Path, out: Path, overwrite: bool) -> None:
    """Turn another tool's weights into a bundle: the published Keras file of Xpresso or of MPRA-DragoNN's ConvModel."""
    from texcnn.model.catalog import check_bundle_output
    from texcnn.model.import_mpra_dragonn import import_mpra_dragonn
    from texcnn.model.xpresso_bundle import import_xpresso

    check_bundle_output(out, {"file": file}, overwrite=overwrite)
    (import_xpresso if kind == "xpresso" else import_mpra_dragonn)(file, out)
    click.echo(f"model bundle: {out}", err=True)


@models.command()
@click.argument("model", metavar="[NAME]", required=False)
@click.option("--out", type=FILE, required=True, help="Folder of the bundle to write.")
@OVERWRITE_OPTION
def export(model: str | None, out: Path, overwrite: bool) -> None:
    """Copy a model's bundle, its checksums verified, to another folder."""
    from texcnn.model.bundle import copy_bundle
    from texcnn.model.catalog import check_bundle_output, resolve_model

    source = resolve_model(model)
    check_bundle_output(out, {"model": source}, overwrite=overwrite)
    copy_bundle(source, out)
    click.echo(f"model bundle: {out}", err=True)
