"""Small tables for the report's tests, whose numbers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from texcnn.genome.gene import Gene
from texcnn.genome.skipped import Skipped, write_skipped
from texcnn.tables.columns import TableDescription, prediction_frame
from texcnn.tables.writers import open_tables

CELL_TYPES = ("liver", "brain", "T cell <CD4>")
VALUES = [[0.0, 0.0, 0.0], [1.0, 1.0, 4.0], [2.0, 2.5, 2.0], [-1.0, -1.0, -1.0]]


def describe(cell_types: tuple[str, ...] = CELL_TYPES, transcripts: bool = False) -> TableDescription:
    return TableDescription(
        cell_types=cell_types,
        unit="log10(RPKM + 0.1)",
        model="tiny-model",
        model_fingerprint="f00d" * 16,
        fasta="genome.fa.gz",
        fasta_fingerprint="beef" * 16,
        texcnn_version="9.8.7",
        transcripts=transcripts,
    )


def write_table(path: Path, values: np.ndarray, output: TableDescription) -> Path:
    """Genes G0, G1, ... called name0, ... at chr1:1000, 2000, ..."""
    n = len(values)
    genes = [Gene(f"G{i}", f"name{i}", "chr1", 1000 * (i + 1) - 1, "+-"[i % 2], f"T{i}") for i in range(n)]
    shares = np.arange(n) / max(n, 1)
    with open_tables([path], output) as table:
        table.write(prediction_frame(genes, shares, values, output.value_columns, transcripts=output.transcripts))
    return path


def write_skips(path: Path) -> Path:
    reasons = ["chromosome 'chrA' is not in the FASTA", "chromosome 'chrB' is not in the FASTA", "<b>odd</b> 0.75 of N"]
    write_skipped(path, [Skipped(f"S{i}", reason) for i, reason in enumerate(reasons)])
    return path
