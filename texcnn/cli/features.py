"""``texcnn features``: one file per table that can be made."""

from __future__ import annotations

import click

from texcnn.cli.features_codons import codons
from texcnn.cli.features_half_life import half_life
from texcnn.cli.features_tf_targets import tf_targets


@click.group(short_help="Make tables of extra inputs per gene.")
def features() -> None:
    """Make tables of extra inputs per gene, for predict --features and for training."""


features.add_command(codons)
features.add_command(half_life)
features.add_command(tf_targets)
