"""Which windows a change touches, against looking at every window."""

from __future__ import annotations

import random

import pytest

from texcnn.genome.gene import Gene
from texcnn.genome.normalize import Edit
from texcnn.genome.window_index import WindowIndex, distance_to_tss
from texcnn.genome.windows import WindowSpec

SPEC = WindowSpec(upstream=6, downstream=4)
PLUS = Gene("p", "p", "chr1", 20, "+")  # 14..24
MINUS = Gene("m", "m", "chr1", 20, "-")  # 17..27


@pytest.mark.parametrize(
    ("edit", "rows"),
    [
        (Edit("chr1", 13, 14, "A"), []),
        (Edit("chr1", 14, 15, "A"), [0]),
        (Edit("chr1", 16, 17, "A"), [0]),
        (Edit("chr1", 17, 18, "A"), [0, 1]),
        (Edit("chr1", 23, 24, "A"), [0, 1]),
        (Edit("chr1", 24, 25, "A"), [1]),
        (Edit("chr1", 27, 28, "A"), []),
        (Edit("chr1", 14, 14, "A"), []),
        (Edit("chr1", 15, 15, "A"), [0]),
        (Edit("chr1", 24, 24, "A"), [1]),
        (Edit("chr1", 0, 40, ""), [0, 1]),
        (Edit("chr1", 10, 12, "", 0, 3), [0]),
        (Edit("chr2", 20, 21, "A"), []),
    ],
)
def test_edges_of_windows(edit: Edit, rows: list[int]) -> None:
    assert WindowIndex([PLUS, MINUS], SPEC).genes_of(edit) == rows


def test_many_genes_as_by_looking_at_each() -> None:
    rng = random.Random(1)
    genes = [Gene(str(i), "", rng.choice(["a", "b"]), rng.randrange(500), rng.choice("+-")) for i in range(200)]
    for grid in (None, 5):
        spec = WindowSpec(upstream=30, downstream=20, grid=grid)
        index = WindowIndex(genes, spec)
        for _ in range(300):
            start = rng.randrange(500)
            edit = Edit(rng.choice("ab"), start, start + rng.randint(1, 20), "A")
            windows = [spec.interval(gene) for gene in genes]
            expected = [
                row
                for row, window in enumerate(windows)
                if window.chrom == edit.chrom and window.start < edit.end and edit.start < window.end
            ]
            assert index.genes_of(edit) == expected


@pytest.mark.parametrize(
    ("gene", "edit", "distance"),
    [
        (PLUS, Edit("chr1", 20, 21, "A"), 0),
        (PLUS, Edit("chr1", 19, 20, "A"), -1),
        (PLUS, Edit("chr1", 23, 24, "A"), 3),
        (MINUS, Edit("chr1", 23, 24, "A"), -3),
        (MINUS, Edit("chr1", 19, 20, "A"), 1),
        (PLUS, Edit("chr1", 15, 18, ""), -3),
        (PLUS, Edit("chr1", 18, 23, ""), 0),
        (PLUS, Edit("chr1", 20, 20, "A"), -1),
        (MINUS, Edit("chr1", 21, 21, "A"), -1),
        (PLUS, Edit("chr1", 21, 21, "A"), 0),
        (MINUS, Edit("chr1", 20, 20, "A"), 0),
        (PLUS, Edit("chr1", 24, 25, "", 2, 0), 2),
        (MINUS, Edit("chr1", 24, 25, "", 2, 1), -5),
    ],
)
def test_distance_is_along_the_gene(gene: Gene, edit: Edit, distance: int) -> None:
    assert distance_to_tss(edit, gene) == distance
    mirrored = Gene("x", "x", "chr1", 99 - gene.tss, "-" if gene.strand == "+" else "+")
    assert distance_to_tss(edit.mirrored(100), mirrored) == distance


def test_max_distance_keeps_near_genes() -> None:
    index = WindowIndex([PLUS, MINUS], SPEC, max_distance=2)
    assert index.genes_of(Edit("chr1", 22, 23, "A")) == [0, 1]
    assert index.genes_of(Edit("chr1", 23, 24, "A")) == []
