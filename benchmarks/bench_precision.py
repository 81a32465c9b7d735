"""How far bfloat16 moves predictions of trained models: a language model with a trained text CNN, and texcnn-mini.

The bundles with a language model are those of older commits: this repository's history has them.
"""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from io import BytesIO
from itertools import islice
from pathlib import Path

import numpy as np
from memory import DATA, FASTA, GTF, PROJECT

from texcnn.bench.rounds import Goal, Row, skipped
from texcnn.embedding.options import ComputeOptions
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection
from texcnn.genome.windows import read_windows
from texcnn.model.load import load_model
from texcnn.model.model import Model

HUMAN = DATA / "human" / "hg38_wide.fa.gz", DATA / "human" / "xpresso_tss_20kb.bed"
GENES = 300
OLD = ("f673007", "texcnn/bundled/texcnn-mini")
"""texcnn-mini 4: two layers of DNABERT-2's kind trained on human windows, and motif convolutions, under a text CNN."""


def old_model(folder: Path) -> Model | None:
    """Takes a bundle out of the history; None where the history is not here."""
    commit, path = OLD
    done = subprocess.run(["git", "archive", commit, path], cwd=PROJECT, capture_output=True, check=False)
    if done.returncode:
        return None
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return load_model(folder / path)


def known_windows(fasta: Path, selection: GeneSelection, model: Model) -> list[str]:
    """The windows of the first genes that have no unknown base."""
    with Reference(fasta) as reference:
        genes = load_genes(reference, model.window, selection).genes
        windows = (window.sequence for window in read_windows(reference, genes, model.window))
        return list(islice((window for window in windows if "N" not in window), GENES))


def measure() -> list[Row]:
    """Predicts human and yeast genes in both types."""
    genes = {"yeast": (FASTA, GeneSelection(GTF))}
    if HUMAN[0].is_file():
        genes["human"] = HUMAN[0], GeneSelection(bed=HUMAN[1], bed_anchor="center")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        models = {"texcnn-mini 4 (language model and text CNN, trained)": old_model(Path(folder))}
        models["texcnn-mini (its convolutions are float32 in both)"] = load_model("texcnn-mini")
        for name, model in models.items():
            if model is None:
                rows += skipped(f"no commit {OLD[0]} here", [name])
                continue
            for species, (fasta, selection) in genes.items():
                rows += _rows(f"{name}, {species}", model, known_windows(fasta, selection, model))
    return rows


def _rows(name: str, model: Model, windows: list[str]) -> list[Row]:
    full, low = (
        model.predict_sequences(windows, options=ComputeOptions(64, "cpu", dtype)) for dtype in ("float32", "bfloat16")
    )
    shift = np.sqrt(np.square(low - full).mean(axis=0)) / full.std(axis=0)
    what = f"{name}, {len(windows)} genes: shift of an output / its spread"
    return [
        Row(f"{what}, median", float(np.median(shift)), ""),
        Row(f"{what}, largest", float(shift.max()), "", Goal(0.01, at_least=False)),
    ]
