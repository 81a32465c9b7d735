"""The parts of a transcript, by hand-made places."""

from __future__ import annotations

from pathlib import Path

import pytest

from texcnn.errors import InputError
from texcnn.genome.gtf import read_chosen_transcripts, read_gtf
from texcnn.genome.mrna import Mrna, n_bases


def test_utrs_that_span_exons() -> None:
    exons = [0, 10, 20, 30, 40, 50, 60, 70, 80, 95]
    plus = Mrna.of(exons, [45, 50, 60, 62], "+")
    assert plus.exons == ((0, 10), (20, 30), (40, 50), (60, 70), (80, 95))
    assert plus.utr5 == ((0, 10), (20, 30), (40, 45))
    assert plus.cds == ((45, 50), (60, 62))
    assert plus.utr3 == ((62, 70), (80, 95))
    assert [n_bases(part) for part in (plus.utr5, plus.cds, plus.utr3)] == [25, 7, 23]
    assert (plus.intron_length, plus.n_coding_exons) == (40, 2)


def test_minus_swaps_the_utrs_and_nothing_else() -> None:
    exons, coding = [0, 10, 20, 30, 40, 50], [5, 10, 20, 24]
    plus, minus = (Mrna.of(exons, coding, strand) for strand in "+-")
    assert (minus.utr5, minus.utr3) == (plus.utr3, plus.utr5) == (((24, 30), (40, 50)), ((0, 5),))
    assert (minus.cds, minus.exons, minus.intron_length) == (plus.cds, plus.exons, plus.intron_length)


def test_the_order_of_the_rows_is_free() -> None:
    assert Mrna.of([40, 50, 0, 10, 20, 30], [45, 48, 5, 10, 20, 30], "-") == Mrna.of(
        [0, 10, 20, 30, 40, 50], [5, 10, 20, 30, 45, 48], "-"
    )


def test_a_gene_without_utrs() -> None:
    mrna = Mrna.of([5, 20], [5, 20], "+")
    assert (mrna.utr5, mrna.utr3, mrna.intron_length, mrna.n_coding_exons) == ((), (), 0, 1)


def test_cds_rows_alone_are_the_exons() -> None:
    mrna = Mrna.of([], [5, 20, 30, 40], "+")
    assert (mrna.exons, mrna.utr5, mrna.utr3, mrna.intron_length) == (((5, 20), (30, 40)), (), (), 10)


def test_blocks_that_overlap_or_touch_count_once() -> None:
    # A stop codon row next to the CDS, and a -1 frameshift that reads base 29 twice.
    mrna = Mrna.of([0, 50], [10, 30, 29, 40, 40, 43], "+")
    assert (mrna.cds, mrna.n_coding_exons) == (((10, 43),), 1)
    assert (mrna.utr5, mrna.utr3) == (((0, 10),), ((43, 50),))


def test_a_skipped_base_in_an_exon_makes_no_exon_of_its_own() -> None:
    mrna = Mrna.of([0, 50, 60, 70], [10, 30, 31, 40], "+")
    assert (n_bases(mrna.cds), mrna.n_coding_exons, mrna.intron_length) == (29, 1, 10)


def test_a_stop_codon_in_an_exon_of_its_own_makes_it_a_coding_one() -> None:
    assert Mrna.of([0, 20, 30, 50], [5, 20, 30, 33], "+").n_coding_exons == 2


def test_no_cds_is_refused() -> None:
    with pytest.raises(InputError, match="no CDS"):
        Mrna.of([0, 10], [], "+")


def row(feature: str, start: int, end: int, transcript: str) -> str:
    return f'chr1\tx\t{feature}\t{start}\t{end}\t.\t+\t.\tgene_id "G"; transcript_id "{transcript}";\n'


def test_the_stop_codon_is_coding_but_chooses_no_transcript(tmp_path: Path) -> None:
    path = tmp_path / "genes.gtf"
    path.write_text(
        "".join(
            [
                row("exon", 1, 100, "A"),
                row("CDS", 11, 40, "A"),
                row("exon", 21, 90, "B"),
                row("CDS", 31, 59, "B"),
                row("stop_codon", 60, 62, "B"),
            ]
        )
    )
    # 30 bases of CDS against 29, whatever the stop codon adds.
    (gene, transcript), *others = read_chosen_transcripts(path)[0]
    assert (gene.tss, transcript.id, transcript.cds_bases, others) == (0, "A", 30, [])
    by_id = {gene.transcript_id: gene.tss for gene in read_gtf(path, transcripts="all").genes}
    assert by_id == {"A": 0, "B": 20}


def test_exons_and_coding_bases_of_the_chosen_transcript(tmp_path: Path) -> None:
    path = tmp_path / "genes.gtf"
    rows = [row("exon", 11, 20, "A"), row("exon", 31, 50, "A"), row("CDS", 15, 20, "A"), row("CDS", 31, 36, "A")]
    path.write_text("".join([*rows, row("stop_codon", 37, 39, "A")]))
    [(_, transcript)], skipped = read_chosen_transcripts(path)
    assert transcript.exons.tolist() == [10, 20, 30, 50]
    assert transcript.coding.tolist() == [14, 20, 30, 36, 36, 39]
    assert (transcript.exon_bases, transcript.cds_bases, skipped) == (30, 12, [])
