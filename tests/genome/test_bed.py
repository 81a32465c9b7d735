"""Genes from BED files, with every anchor."""

from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path

import pytest

from texcnn.errors import InputError
from texcnn.genome.annotation import read_bed
from texcnn.genome.bed import WINDOWS_BED_COLUMNS
from texcnn.genome.gene import Annotation, Gene
from texcnn.genome.interval import Interval
from texcnn.genome.skipped import Skipped
from texcnn.genome.windows import WindowSpec

SPEC = WindowSpec(upstream=7, downstream=3)
HEADER = "#" + "\t".join(WINDOWS_BED_COLUMNS) + "\n"


def read(tmp_path: Path, text: str, anchor: str = "five-prime", spec: WindowSpec = SPEC) -> Annotation:
    path = tmp_path / "intervals.bed"
    path.write_text(text)
    return read_bed(path, anchor=anchor, spec=spec)


def test_five_prime_end_on_either_strand(tmp_path: Path) -> None:
    annotation = read(tmp_path, "chr1\t10\t30\tA\t0\t+\nchr2\t10\t30\tB\t0\t-\n")
    assert annotation.genes == [Gene("A", "A", "chr1", 10, "+"), Gene("B", "B", "chr2", 29, "-")]
    assert annotation.skipped == []


@pytest.mark.parametrize("tss", [100, 101])
@pytest.mark.parametrize("reach", [1, 5, 20])
def test_center_gives_back_the_tss_of_a_window_round_it(tmp_path: Path, tss: int, reach: int) -> None:
    plus = f"chr1\t{tss - reach}\t{tss + reach}\tA\t0\t+\n"
    around = WindowSpec(reach, reach).interval(Gene("B", "B", "chr1", tss, "-"))
    minus = f"chr1\t{around.start}\t{around.end}\tB\t0\t-\n"
    assert [gene.tss for gene in read(tmp_path, plus + minus, "center").genes] == [tss, tss]


def test_center_of_odd_intervals_is_their_middle(tmp_path: Path) -> None:
    annotation = read(tmp_path, "chr1\t10\t21\tA\t0\t+\nchr1\t10\t21\tB\t0\t-\nchr1\t-4\t9\tC\t0\t+\n", "center")
    assert [gene.tss for gene in annotation.genes] == [15, 15, 2]


def test_window_gives_back_the_interval(tmp_path: Path) -> None:
    genes = read(tmp_path, "chr1\t20\t30\tA\t0\t+\nchr1\t20\t30\tB\t0\t-\n", "window").genes
    assert [gene.tss for gene in genes] == [27, 22]
    assert [SPEC.interval(gene) for gene in genes] == [Interval("chr1", 20, 30, "+"), Interval("chr1", 20, 30, "-")]


def test_window_of_another_length_is_skipped(tmp_path: Path) -> None:
    annotation = read(tmp_path, "chr1\t20\t30\tA\t0\t+\nchr1\t20\t31\tB\t0\t+\n", "window")
    assert [gene.id for gene in annotation.genes] == ["A"]
    assert annotation.skipped == [Skipped("B", "the interval is 11 bp long, the window 10 bp")]


def test_no_interval_of_the_windows_length_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no interval can serve as a window.*11 bp long, the window 10 bp"):
        read(tmp_path, "chr1\t20\t31\tB\t0\t+\n", "window")


def test_unknown_anchor(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown BED anchor 'centre'.*five-prime, center, window.*did you mean"):
        read(tmp_path, "chr1\t20\t31\n", "centre")


@pytest.mark.parametrize("columns", ["", "\tNAME", "\tNAME\t5"])
def test_without_strand_column_everything_is_on_plus(tmp_path: Path, columns: str) -> None:
    gene = read(tmp_path, f"chr1\t20\t30{columns}\n").genes[0]
    assert (gene.tss, gene.strand) == (20, "+")
    assert gene.id == ("NAME" if columns else "chr1:20-30(+)")


@pytest.mark.parametrize("anchor", ["five-prime", "center"])
def test_strand_of_a_dot_is_skipped(tmp_path: Path, anchor: str) -> None:
    annotation = read(tmp_path, "chr1\t20\t30\tA\t0\t.\nchr1\t20\t30\tB\t0\t-\n", anchor)
    assert [gene.id for gene in annotation.genes] == ["B"]
    assert annotation.skipped == [Skipped("A", "the strand is '.', so the window has no direction")]


@pytest.mark.parametrize(("row", "column"), [("chr1\t20\t30\t-\n", 4), ("chr1\t20\t30\tA\t-\n", 5)])
def test_a_strand_outside_column_6_is_refused_not_ignored(tmp_path: Path, row: str, column: int) -> None:
    with pytest.raises(InputError, match=f"strand '-' in column {column}.*line 1.*awk"):
        read(tmp_path, row)


def test_name_of_a_dot_is_replaced_by_the_place(tmp_path: Path) -> None:
    genes = read(tmp_path, "chr1\t20\t30\t.\t0\t-\nchr1\t40\t50\t.\t0\t-\n").genes
    assert [gene.id for gene in genes] == ["chr1:20-30(-)", "chr1:40-50(-)"]


def test_tss_before_the_chromosome_is_skipped(tmp_path: Path) -> None:
    annotation = read(tmp_path, "chr1\t-5\t30\tA\t0\t+\nchr1\t-5\t30\tB\t0\t-\n")
    assert [gene.id for gene in annotation.genes] == ["B"]
    assert annotation.skipped == [Skipped("A", "the TSS of chr1:-5-30(+) lies before the chromosome's start")]


def test_comments_track_lines_more_columns_and_gzip(tmp_path: Path) -> None:
    text = "# made by hand\nbrowser position chr1\ntrack name=x\n\ntrack1\t5\t9\tA\t0\t+\t5\t5\t0\t1\t4\t0\n"
    path = tmp_path / "intervals.bed.gz"
    path.write_bytes(gzip.compress(text.encode()))
    assert read_bed(path, spec=SPEC).genes == [Gene("A", "A", "track1", 5, "+")]


def test_a_pipe_is_read_whole(tmp_path: Path) -> None:
    rows = "".join(
        f"chr1\t{10_000 + number:07}\t{10_020 + number:07}\tgene{number:04}\t0\t+\n" for number in range(2000)
    )
    os.mkfifo(tmp_path / "pipe")
    for content in (rows.encode(), gzip.compress(rows.encode())):
        writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(content,))
        writer.start()
        genes = read_bed(tmp_path / "pipe", spec=SPEC).genes
        writer.join()
        assert [gene.tss for gene in genes] == [10_000 + number for number in range(2000)]


def test_columns_may_be_separated_by_spaces(tmp_path: Path) -> None:
    assert read(tmp_path, "chr1 5 9 A 0 -\n").genes == [Gene("A", "A", "chr1", 8, "-")]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("chr1\t5\n", "2 columns.*line 2"),
        ("chr1\t5\t9\n", "3 columns, the first one 6.*line 2"),
        ("chrom\tstart\tend\tname\tscore\tstrand\n", "start 'start' and end 'end' are no numbers.*begin it with #"),
        ("chr1\tx\t9\tB\t0\t+\n", "start 'x' is not an integer.*line 2"),
        ("chr1\t5\t9.0\tB\t0\t+\n", r"end '9\.0' is not an integer.*line 2"),
        ("chr1\t9\t5\tB\t0\t+\n", "start 9 is not below end 5.*line 2"),
        ("chr1\t5\t5\tB\t0\t+\n", "start 5 is not below end 5.*line 2"),
        ("chr1\t5\t9\tB\t0\tplus\n", r"unknown strand 'plus' in column 6.*line 2"),
        ("chr1\t1_0\t19\tB\t0\t+\n", "start '1_0' is not an integer.*line 2"),
        ("chr1\t5\t١٢\tB\t0\t+\n", "end '١٢' is not an integer.*line 2"),
        ("chr1\t+5\t9\tB\t0\t+\n", r"start '\+5' is not an integer.*line 2"),
        (f"chr1\t5\t{10**20}\tB\t0\t+\n", "end 1(0)+ is beyond any chromosome.*line 2"),
        (f"chr1\t{'9' * 5000}\t9\tB\t0\t+\n", "start 9+.* is beyond any chromosome.*line 2"),
        ("chr1\t5\t9\tB\t-\t+\n", r"strand '-' in column 5.*line 2.*allowed: the strand in column 6"),
        ("chr1\t5\t9\t+\t0\t+\n", r"strand '\+' in column 4.*line 2.*allowed: the strand in column 6"),
        ("\t5\t9\tB\t0\t+\n", "chromosome has no name.*line 2"),
    ],
)
def test_malformed_rows_are_named_by_their_line(tmp_path: Path, bad: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, "chr1\t5\t9\tA\t0\t+\n" + bad)


def test_duplicate_ids_are_listed_with_their_lines(tmp_path: Path) -> None:
    rows = [f"chr1\t{start}\t{start + 5}\t{name}\n" for start, name in enumerate("ABACBDDEE")]
    with pytest.raises(
        InputError, match=r"4 ids occur.*'A' in lines 1, 3; 'B' in lines 2, 5; 'D' in lines 6, 7; \.\.\."
    ):
        read(tmp_path, "".join(rows))


@pytest.mark.parametrize("text", ["# nothing\n", "track name=x\n"])
def test_no_interval(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="no interval found"):
        read(tmp_path, text)


def test_empty_and_truncated_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the file is empty"):
        read(tmp_path, "")
    path = tmp_path / "cut.bed.gz"
    path.write_bytes(gzip.compress(b"chr1\t5\t9\n" * 100)[:-9])
    with pytest.raises(InputError, match="truncated"):
        read_bed(path, spec=SPEC)


def test_own_windows_are_read_by_their_tss(tmp_path: Path) -> None:
    # Both are cut at the chromosome's start; TSS 3 and 4 in 1-based text.
    text = HEADER + "chr1\t0\t5\tA\t0\t+\tNA\t3\t\nchr1\t1\t11\tB\t0\t-\tNB\t4\tT1\nchr1\t1\t11\tB\t0\t-\tNB\t4\tT2\n"
    annotation = read(tmp_path, text, "window")
    assert annotation.genes == [
        Gene("A", "NA", "chr1", 2, "+"),
        Gene("B", "NB", "chr1", 3, "-", "T1"),
        Gene("B", "NB", "chr1", 3, "-", "T2"),
    ]


@pytest.mark.parametrize("anchor", ["five-prime", "center"])
def test_own_windows_with_another_anchor_are_refused(tmp_path: Path, anchor: str) -> None:
    with pytest.raises(InputError, match=f"written by texcnn windows and is read with anchor '{anchor}'.*`bed_anchor`"):
        read(tmp_path, HEADER + "chr1\t0\t5\tA\t0\t+\tNA\t3\t\n", anchor)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("chr1\t0\t5\tA\t0\t+\tNA\t3\n", "8 columns.*the 9 columns of the header"),
        ("chr1\t0\t5\tA\t0\t+\tNA\tx\t\n", "tss 'x' is not an integer"),
        ("chr1\t0\t5\tA\t0\t+\tNA\t90\t\n", "tss 90 lies outside chr1:0-5"),
    ],
)
def test_own_windows_that_were_damaged(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, HEADER + row, "window")


@pytest.mark.data
def test_center_gives_the_windows_of_the_published_predictions(data: Path) -> None:
    spec = WindowSpec(7000, 3500)
    genes = read_bed(data / "human" / "xpresso_tss_20kb.bed", anchor="center", spec=spec).genes
    lines = (data / "xpresso" / "kipoi_predictions.tsv").read_text().splitlines()
    column = {name: number for number, name in enumerate(lines[0].split("\t"))}
    published = []
    for line in lines[1:]:
        fields = line.split("\t")
        chrom, start, end, strand = (fields[column[f"metadata/ranges/{x}"]] for x in ("chr", "start", "end", "strand"))
        published.append(Interval(chrom, int(start), int(end), strand))
    assert len(genes) == len(published) == 18_413
    wrong = [(gene.id, str(spec.interval(gene)), str(row)) for gene, row in zip(genes, published, strict=True)
             if spec.interval(gene) != row]  # fmt: skip
    assert wrong == []
