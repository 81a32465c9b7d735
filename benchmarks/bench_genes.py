"""texcnn-mini from files to table, on the yeast genome: genes per second, and whether memory grows.

Imports little: Linux counts the memory of the process that starts another in the other's peak.
"""

from __future__ import annotations

from memory import GTF, predict

from texcnn.bench.rounds import Goal, Row
from texcnn.genome.annotation import read_gtf

MODEL = "texcnn-mini"
MINUTES_FOR_ALL, ALL_GENES = 15, 20_000
FEW, MANY = 500, 5000


def measure() -> list[Row]:
    """Predicts 500 and 5,000 genes with the command line, each in a process of its own, start-up included."""
    names = [gene.id for gene in read_gtf(GTF).genes]
    (few_memory, _), (many_memory, seconds) = (predict(names[:number], MODEL) for number in (FEW, MANY))
    minutes = ALL_GENES * seconds / MANY / 60
    return [
        Row(f"texcnn predict, {MANY:,} genes, start-up included", MANY / seconds, "genes/s"),
        Row(f"{ALL_GENES:,} genes at this rate", minutes, "min", Goal(MINUTES_FOR_ALL, at_least=False)),
        Row(f"peak memory, {FEW} genes", few_memory, "MiB"),
        Row(f"peak memory, {MANY:,} genes", many_memory, "MiB"),
        Row(f"peak memory, {MANY:,} / {FEW} genes", many_memory / few_memory, "x", Goal(1.05, at_least=False)),
    ]
