"""texcnn-mini from files to table, on the yeast genome: genes per second, and whether memory grows.

Imports little: Linux counts the memory of the process that starts another in the other's peak.
"""

from __future__ import annotations

from memory import GTF, predict

from texcnn.bench.rounds import Goal, Row
from texcnn.genome.annotation import read_gtf

MODEL = "texcnn-mini"
MINUTES_FOR_ALL, ALL_GENES = 15, 20_000
FEW = 500


def measure() -> list[Row]:
    """Predicts 500 genes and the whole genome with the command line, each in its own process, start-up included."""
    names = [gene.id for gene in read_gtf(GTF).genes]
    many = len(names)
    (few_memory, _), (many_memory, seconds) = (predict(names[:number], MODEL) for number in (FEW, many))
    minutes = ALL_GENES * seconds / many / 60
    return [
        Row(f"texcnn predict, the whole yeast genome, {many:,} genes, start-up included", many / seconds, "genes/s"),
        Row(f"{ALL_GENES:,} genes at this rate", minutes, "min", Goal(MINUTES_FOR_ALL, at_least=False)),
        Row(f"peak memory, {FEW} genes", few_memory, "MiB"),
        Row(f"peak memory, {many:,} genes", many_memory, "MiB"),
        Row(f"peak memory, {many:,} / {FEW} genes", many_memory / few_memory, "x", Goal(1.05, at_least=False)),
    ]
