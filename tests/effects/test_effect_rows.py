"""Rows of a chunk whose predictions are written by hand: what each table has of which allele."""

from __future__ import annotations

import numpy as np
import pytest
from genome_files import write_fasta

from texcnn.effects.pairs import AlleleChunk, Pair
from texcnn.effects.table import DETAIL_SCHEMA, SKIPPED_SCHEMA, SUMMARY_SCHEMA, PairValues, make_rows, skipped_table
from texcnn.genome.edit import EditedWindow
from texcnn.genome.gene import Gene
from texcnn.genome.reference import Reference
from texcnn.genome.variant import NotScored, Variant, VariantStatus
from texcnn.genome.windows import Window, WindowSpec, read_windows

NAN = np.nan
GENES = [Gene("g0", "G0", "chr1", 30, "+", "t0"), Gene("g1", "G1", "chr1", 40, "-"), Gene("g2", "g2", "chr1", 50, "+")]
SCORED, DELETED, UNKNOWN = VariantStatus.SCORED, VariantStatus.TSS_DELETED, VariantStatus.NO_KNOWN_BASES


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Window:
    fasta = write_fasta(tmp_path_factory.mktemp("g") / "g.fa", {"chr1": "ACGT" * 25})
    with Reference(fasta) as reference:
        return next(read_windows(reference, GENES[:1], WindowSpec(5, 5)))


@pytest.fixture
def chunk(window: Window) -> AlleleChunk:
    """Four alleles: of two genes, of none, of one that has no prediction, and of two of which one has none."""
    variants = [
        Variant("1", 31, "T", "A", "rs1"),
        Variant("1", 900, "A", "<DEL>"),
        Variant("1", 41, "C", "CA", "rs3"),
        Variant("1", 52, "AC", "A"),
    ]
    problems = [None, NotScored(VariantStatus.SYMBOLIC, "ALT <DEL> is a symbol"), None, None]
    edited = EditedWindow(window, window.sequence, (), False, (5, 5))
    pairs = [Pair(0, 0, 1, edited), Pair(0, 1, 9, edited), Pair(2, 1, -1, edited), Pair(3, 0, 22, edited)]
    return AlleleChunk(variants, problems, [*pairs, Pair(3, 2, 2, edited)])


@pytest.fixture
def values() -> PairValues:
    return PairValues(
        reference=np.array([[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]], np.float32),
        alternative=np.array([[1.5, 2.25], [2, 4.5], [NAN, NAN], [7, 8], [NAN, NAN]], np.float32),
        quantile=np.array([[0.5, 0.25], [-0.75, 0.5], [NAN, NAN], [0, 0], [NAN, NAN]], np.float32),
        status=[SCORED, SCORED, UNKNOWN, SCORED, DELETED],
        n_fraction=[0, 0.5, 1, 0, 0.25],
    )


def test_an_allele_has_one_row_of_its_largest_effect(chunk: AlleleChunk, values: PairValues) -> None:
    table = make_rows(chunk, values, GENES, ["x", "y"])["summary"]
    assert table.schema == SUMMARY_SCHEMA
    first, second, third, fourth = table.to_pylist()
    # Of 0.5, 0.25, -1 and 0.5 the change of gene g1 in x is the largest, though it is a loss.
    assert first == {
        "chrom": "1", "pos": 32, "id": "rs1", "ref": "T", "alt": "A", "status": "SCORED", "gene_id": "g1",
        "gene_name": "G1", "cell_type": "x", "delta": -1.0, "quantile": -0.75, "n_genes": 2,
    }  # fmt: skip
    assert (second["status"], second["n_genes"], second["delta"]) == ("SYMBOLIC", 0, None)
    assert (third["status"], third["n_genes"], third["gene_id"]) == ("NO_KNOWN_BASES", 0, None)
    assert (fourth["status"], fourth["n_genes"], fourth["gene_id"], fourth["delta"]) == ("SCORED", 1, "g0", 0.0)


def test_details_of_an_allele_are_all_its_genes_and_cell_types(chunk: AlleleChunk, values: PairValues) -> None:
    table = make_rows(chunk, values, GENES, ["x", "y"])["detail"]
    assert table.schema == DETAIL_SCHEMA
    rows = table.to_pylist()
    assert [(row["pos"], row["gene_id"], row["cell_type"], row["delta"]) for row in rows] == [
        (32, "g0", "x", 0.5),
        (32, "g0", "y", 0.25),
        (32, "g1", "x", -1.0),
        (32, "g1", "y", 0.5),
        (53, "g0", "x", 0.0),
        (53, "g0", "y", 0.0),
        (53, "g2", "x", None),
        (53, "g2", "y", None),
    ]
    assert rows[2] == {
        "chrom": "1", "pos": 32, "id": "rs1", "ref": "T", "alt": "A", "status": "SCORED", "gene_id": "g1",
        "gene_name": "G1", "transcript_id": "", "tss": 41, "distance_to_tss": 9, "strand": "-", "cell_type": "x",
        "ref_prediction": 3.0, "alt_prediction": 2.0, "delta": -1.0, "quantile": -0.75, "n_fraction": 0.5,
    }  # fmt: skip
    assert (rows[-1]["status"], rows[-1]["ref_prediction"], rows[-1]["quantile"]) == ("TSS_DELETED", 10.0, None)


def test_alleles_without_a_row_have_a_reason(chunk: AlleleChunk, values: PairValues) -> None:
    table = make_rows(chunk, values, GENES, ["x", "y"])["skipped"]
    assert table.schema == SKIPPED_SCHEMA
    assert [(row["pos"], row["status"], row["reason"]) for row in table.to_pylist()] == [
        (901, "SYMBOLIC", "ALT <DEL> is a symbol"),
        (42, "NO_KNOWN_BASES", "no segment of the window of gene 'g1' has enough known bases"),
    ]


def test_rows_and_skipped_are_all_alleles(chunk: AlleleChunk, values: PairValues) -> None:
    made = make_rows(chunk, values, GENES, ["x", "y"])
    kept = {row["pos"] for row in made["detail"].to_pylist()}
    listed = {row["pos"] for row in made["skipped"].to_pylist()}
    assert kept | listed == {variant.pos for variant in chunk.variants}
    assert not kept & listed


def test_an_allele_that_deletes_every_tss_is_skipped_with_the_way_out(chunk: AlleleChunk, values: PairValues) -> None:
    only = AlleleChunk(chunk.variants[3:], [None], [Pair(0, 2, 2, chunk.pairs[0].edited)])
    gone = PairValues(values.reference[4:], values.alternative[4:], None, [DELETED], [0.25])
    made = make_rows(only, gone, GENES, ["x", "y"])
    ((row),) = made["skipped"].to_pylist()
    assert row["reason"] == "it deletes the TSS of gene 'g2'; `allow_tss_deletion` scores it"
    # With a prediction, as that option gives one, the status stays what it is.
    there = PairValues(values.reference[4:], values.reference[4:] + 1, None, [DELETED], [0.25])
    ((row),) = make_rows(only, there, GENES, ["x", "y"])["summary"].to_pylist()
    assert (row["status"], row["delta"], row["quantile"]) == ("TSS_DELETED", 1.0, None)


def test_the_first_of_equal_effects_is_named(chunk: AlleleChunk) -> None:
    only = AlleleChunk(chunk.variants[:1], [None], chunk.pairs[:2])
    same = np.ones((2, 2), np.float32)
    values = PairValues(same, same * [[1, 1.5], [0.5, 1]], None, [SCORED] * 2, [0, 0])
    ((row),) = make_rows(only, values, GENES, ["x", "y"])["summary"].to_pylist()
    assert (row["gene_id"], row["cell_type"], row["delta"]) == ("g0", "y", 0.5)


def test_a_chunk_without_pairs_and_one_without_alleles() -> None:
    nothing = np.zeros((0, 2), np.float32)
    values = PairValues(nothing, nothing, None, [], [])
    problem = NotScored(VariantStatus.NO_ALT, "no change")
    made = make_rows(AlleleChunk([Variant("1", 0, "A", ".")], [problem]), values, GENES, ["x", "y"])
    assert [len(made[name]) for name in ("detail", "summary", "skipped")] == [0, 1, 1]
    made = make_rows(AlleleChunk([], []), values, GENES, ["x", "y"])
    assert [len(made[name]) for name in ("detail", "summary", "skipped")] == [0, 0, 0]
    assert made["detail"].schema == DETAIL_SCHEMA


def test_a_list_of_skipped_alleles_says_what_was_stated() -> None:
    table = skipped_table([(Variant("chr2", 4, "g", "*", "rs9"), NotScored(VariantStatus.SPANNING_DELETION, "why"))])
    assert table.to_pylist() == [
        {"chrom": "chr2", "pos": 5, "id": "rs9", "ref": "g", "alt": "*", "status": "SPANNING_DELETION", "reason": "why"}
    ]
