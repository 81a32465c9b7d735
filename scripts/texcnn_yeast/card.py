"""Writes texcnn-yeast's model card, with what texcnn evaluate found, into the bundle that texcnn train made.

Usage: card.py BUNDLE EVALUATION EVALUATION_OF_CODING_GENES
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from texcnn.evaluation.summary import figures_table
from texcnn.model.bundle import CARD, CELL_TYPES, WEIGHTS, BundleFiles, save_bundle
from texcnn.tables.split import PARTS


def main(bundle: Path, evaluation: Path, coding: Path) -> None:
    """Puts the card in the place of the one that texcnn train wrote; the bundle's sums follow."""
    files = BundleFiles(bundle)
    others = files.config.sha256.keys() - {CARD, CELL_TYPES, WEIGHTS}
    sizes = pd.read_csv(files.path("split.tsv"), sep="\t")["split"].value_counts()
    runs = pd.read_csv(files.path("runs.tsv"), sep="\t")
    found = runs["test_squared_pearson"]
    of_all, of_coding = (pd.read_csv(folder / "metrics.tsv", sep="\t") for folder in (evaluation, coding))
    card = Path(__file__).with_name("card.md").read_text(encoding="utf-8")
    card = card.format(
        **{part: f"{sizes[part]:,}" for part in PARTS},
        n_coding=f"{of_coding['n_genes'].max():,}",
        all_genes=figures_table(of_all),
        coding=figures_table(of_coding),
        runs=len(runs),
        seeds=", ".join(map(str, runs["seed"])),
        kept=runs.loc[runs["valid_loss"].idxmin(), "seed"],
        least=f"{found.min():.3f}",
        average=f"{found.mean():.3f}",
        most=f"{found.max():.3f}",
    )
    contents = {name: files.path(name).read_bytes() for name in others}
    save_bundle(bundle, files.config, files.tensors(""), files.cell_types, card, files=contents)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
