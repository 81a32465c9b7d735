"""Gene lists: exact ids first, then ids without version, then names; nothing vanishes."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from texcnn.errors import InputError
from texcnn.genome.annotation import select_genes
from texcnn.genome.gene import Annotation, Gene
from texcnn.genome.skipped import Skipped

GENES = [
    Gene("ENSG00000000003.15", "TSPAN6", "chrX", 5, "-"),
    Gene("ENSG00000000419", "DPM1", "chr20", 5, "-"),
    Gene("AC004556.1", "TWIN", "chr1", 5, "+"),
    Gene("AC004556.3", "TWIN", "chr1", 9, "+"),
]
ANNOTATION = Annotation(
    GENES, [Skipped("ENSG00000000460.2", "no strand"), Skipped("OTHER", "x")], Path("dir/genes.gtf")
)


def test_output_is_in_the_order_of_the_annotation() -> None:
    chosen = select_genes(ANNOTATION, ["AC004556.3", "DPM1", "ENSG00000000003.15"])
    assert chosen.genes == [GENES[0], GENES[1], GENES[3]]
    assert chosen.skipped == []
    assert chosen.path == ANNOTATION.path


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("ENSG00000000003.15", 0),
        ("ENSG00000000003", 0),
        ("ENSG00000000003.9", 0),
        ("ENSG00000000419.12", 1),
        ("TSPAN6", 0),
        (" DPM1 ", 1),
    ],
)
def test_ids_with_and_without_version_and_names(name: str, index: int) -> None:
    assert select_genes(ANNOTATION, [name]).genes == [GENES[index]]


def test_only_ensembl_ids_have_versions() -> None:
    chosen = select_genes(ANNOTATION, ["AC004556.2", "AC004556", "AC004556.1"])
    assert chosen.genes == [GENES[2]]
    assert [row.gene_id for row in chosen.skipped] == ["AC004556.2", "AC004556"]


def test_exact_id_wins_over_a_name() -> None:
    genes = [Gene("A", "B", "1", 1, "+"), Gene("B", "C", "1", 2, "+")]
    assert select_genes(Annotation(genes, [], Path("g")), ["B"]).genes == [genes[1]]


def test_unknown_ambiguous_and_repeated_meanings_are_skipped() -> None:
    chosen = select_genes(ANNOTATION, ["NOPE", "TWIN", "DPM1", "ENSG00000000419"])
    assert chosen.genes == [GENES[1]]
    assert chosen.skipped == [
        Skipped("NOPE", "no gene of this id or name is in genes.gtf"),
        Skipped("TWIN", "the name is shared by 2 genes: AC004556.1, AC004556.3"),
        Skipped("ENSG00000000419", "the list names this gene already, as 'DPM1'"),
    ]


def test_what_was_skipped_before_is_named_when_wanted() -> None:
    assert select_genes(ANNOTATION, ["ENSG00000000460", "DPM1"]).skipped == [Skipped("ENSG00000000460.2", "no strand")]


def test_repeated_names_count_once_and_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="texcnn"):
        chosen = select_genes(ANNOTATION, ["DPM1", "TSPAN6", "DPM1", "DPM1"])
    assert chosen.genes == GENES[:2]
    assert chosen.skipped == []
    assert [record.getMessage() for record in caplog.records] == ["2 repeated names in the list of genes count once"]


def test_all_transcripts_of_a_wanted_gene_are_kept() -> None:
    genes = [Gene("A", "N", "1", tss, "+", f"T{tss}") for tss in (1, 2)] + [Gene("B", "M", "1", 5, "+", "T5")]
    for wanted in ("A", "N"):
        assert select_genes(Annotation(genes, [], Path("g")), [wanted]).genes == genes[:2]


@pytest.mark.parametrize("wanted", [[], ["", "  "]])
def test_empty_list(wanted: list[str]) -> None:
    with pytest.raises(InputError, match="list of genes is empty"):
        select_genes(ANNOTATION, wanted)
