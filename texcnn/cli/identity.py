"""``texcnn identity``, for the pipeline."""

from __future__ import annotations

import json
import platform

import click

PACKAGES = ("texcnn", "torch", "numpy", "pandas", "pyarrow", "pysam", "tokenizers", "transformers", "zarr")


@click.command(hidden=True)
@click.option("--model", "models", multiple=True, help="Describe this model too; repeatable.")
def identity(models: tuple[str, ...]) -> None:
    """Show which code runs here, as JSON: a digest per stage, versions, and what the models are."""
    from texcnn._version import __version__
    from texcnn.identity import cuda_version, package_versions, stage_digests
    from texcnn.model.describe import describe_model

    versions = {**package_versions(PACKAGES), "texcnn": __version__, "cuda": cuda_version()}
    described = {
        "stages": stage_digests(),
        "versions": {"python": platform.python_version(), **versions},
        "models": [describe_model(model) for model in models],
    }
    click.echo(json.dumps(described, indent=1))
