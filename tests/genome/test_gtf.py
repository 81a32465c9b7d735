"""Genes and their TSS from GTFs of every flavour."""

from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path

import pytest

from texcnn.errors import InputError
from texcnn.genome.annotation import read_gtf
from texcnn.genome.gene import Annotation, Gene
from texcnn.genome.skipped import Skipped


def row(feature: str, start: int, end: int, attributes: str, *, chrom: str = "chr1", strand: str = "+") -> str:
    return f"{chrom}\tsource\t{feature}\t{start}\t{end}\t.\t{strand}\t.\t{attributes}\n"


def ids(gene: str, transcript: str = "", more: str = "") -> str:
    return f'gene_id "{gene}"; ' + (f'transcript_id "{transcript}"; ' if transcript else "") + more


def read(tmp_path: Path, *rows: str, transcripts: str = "gene") -> Annotation:
    path = tmp_path / "genes.gtf"
    path.write_text("".join(rows))
    return read_gtf(path, transcripts=transcripts)


TWO_TRANSCRIPTS = (
    row("gene", 101, 900, ids("G", more='gene_name "NAME";')),
    row("transcript", 101, 900, ids("G", "LONG")),
    row("exon", 101, 500, ids("G", "LONG")),
    row("exon", 701, 900, ids("G", "LONG")),
    row("CDS", 201, 260, ids("G", "LONG")),
    row("transcript", 301, 800, ids("G", "CODING")),
    row("exon", 301, 500, ids("G", "CODING")),
    row("exon", 701, 800, ids("G", "CODING")),
    row("CDS", 401, 430, ids("G", "CODING")),
    row("CDS", 701, 731, ids("G", "CODING")),
)
"""CDS of 60 bp in LONG, of 30 + 31 bp in CODING."""


def on_minus(rows: tuple[str, ...]) -> list[str]:
    return [text.replace("\t+\t", "\t-\t") for text in rows]


def test_longest_cds_gives_the_tss(tmp_path: Path) -> None:
    annotation = read(tmp_path, *TWO_TRANSCRIPTS)
    assert annotation.genes == [Gene("G", "NAME", "chr1", 300, "+")]
    assert annotation.skipped == []
    assert annotation.path == tmp_path / "genes.gtf"


def test_tss_on_minus_is_the_last_base(tmp_path: Path) -> None:
    assert read(tmp_path, *on_minus(TWO_TRANSCRIPTS)).genes == [Gene("G", "NAME", "chr1", 799, "-")]


def test_without_cds_the_longest_transcript_by_exon_bases(tmp_path: Path) -> None:
    genes = read(
        tmp_path,
        row("transcript", 101, 900, ids("G", "WIDE")),
        row("exon", 101, 110, ids("G", "WIDE")),
        row("exon", 891, 900, ids("G", "WIDE")),
        row("transcript", 201, 400, ids("G", "DENSE")),
        row("exon", 201, 400, ids("G", "DENSE")),
    ).genes
    assert [gene.tss for gene in genes] == [200]


def test_blanks_around_a_chromosome_are_not_part_of_its_name(tmp_path: Path) -> None:
    rows = [row(kind, 11, 40, ids("g", "t"), chrom=name) for kind, name in (("exon", "chr1 "), ("CDS", " chr1\xa0"))]
    (gene,) = read(tmp_path, *rows).genes
    assert (gene.chrom, gene.tss) == ("chr1", 10)


def test_without_exon_rows_the_longest_span(tmp_path: Path) -> None:
    rows = row("transcript", 101, 200, ids("G", "A")), row("transcript", 151, 300, ids("G", "B"))
    assert read(tmp_path, *rows).genes == [Gene("G", "G", "chr1", 150, "+")]


def test_ties_do_not_depend_on_the_order_of_the_file(tmp_path: Path) -> None:
    rows = [row("transcript", 101, 200, ids("G", "B")), row("transcript", 151, 250, ids("G", "A"))]
    assert read(tmp_path, *rows).genes == read(tmp_path, *rows[::-1]).genes == [Gene("G", "G", "chr1", 150, "+")]


def test_equal_cds_goes_to_the_longer_transcript(tmp_path: Path) -> None:
    rows = [
        row("exon", 101, 300, ids("G", "A")),
        row("CDS", 201, 260, ids("G", "A")),
        row("exon", 51, 300, ids("G", "B")),
        row("CDS", 201, 260, ids("G", "B")),
    ]
    assert read(tmp_path, *rows).genes[0].tss == 50


def test_all_transcripts_are_rows_of_their_own(tmp_path: Path) -> None:
    assert read(tmp_path, *TWO_TRANSCRIPTS, transcripts="all").genes == [
        Gene("G", "NAME", "chr1", 100, "+", "LONG"),
        Gene("G", "NAME", "chr1", 300, "+", "CODING"),
    ]


def test_unknown_choice_of_transcripts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown choice of transcripts 'longest'.*gene, all"):
        read(tmp_path, *TWO_TRANSCRIPTS, transcripts="longest")


def test_genes_come_in_file_order(tmp_path: Path) -> None:
    rows = [row("exon", 10, 20, ids(gene, "T" + gene), chrom=chrom) for gene, chrom in [("Z", "2"), ("A", "1")]]
    assert [gene.id for gene in read(tmp_path, *rows).genes] == ["Z", "A"]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ('gene_id "G.1"; transcript_id "T.1"; gene_type "lncRNA"; gene_name "NAME"; level 2;', ("G.1", "NAME")),
        ('gene_id "G"; gene_version "4"; transcript_id "T"; gene_name "NAME";', ("G", "NAME")),
        ('gene_id "G"; transcript_id "T"; db_xref "GeneID:1"; gbkey "mRNA"; gene "NAME"; product "the gene X";',
         ("G", "NAME")),
        ("gene_id G; transcript_id T; gene_name NAME", ("G", "NAME")),
        ('ref_gene_id "R"; gene_id "G"; transcript_id "T"; product "some gene of mine"', ("G", "G")),
        ('transcript_id "T";gene_id "G";gene_name "A;B"', ("G", "A;B")),
    ],
    ids=["gencode", "ensembl", "refseq", "unquoted", "stringtie", "semicolon"],
)  # fmt: skip
def test_flavours_of_attributes(tmp_path: Path, attributes: str, expected: tuple[str, str]) -> None:
    gene = read(tmp_path, row("exon", 11, 20, attributes)).genes[0]
    assert (gene.id, gene.name, gene.tss) == (*expected, 10)


def test_rows_made_up_from_exons_and_cds(tmp_path: Path) -> None:
    rows = [
        row("CDS", 151, 180, ids("G", "T"), strand="-"),
        row("exon", 101, 200, ids("G", "T"), strand="-"),
        row("exon", 401, 500, ids("G", "T"), strand="-"),
    ]
    assert read(tmp_path, *rows).genes == [Gene("G", "G", "chr1", 499, "-")]


def test_order_of_rows_within_a_transcript_does_not_matter(tmp_path: Path) -> None:
    assert read(tmp_path, *TWO_TRANSCRIPTS[::-1]).genes == read(tmp_path, *TWO_TRANSCRIPTS).genes


def test_comments_blank_lines_and_other_features_are_passed_over(tmp_path: Path) -> None:
    noise = ["#!genome-build X\n", "##description: Y\n", "\n", row("start_codon", 5, 4, "")]
    assert read(tmp_path, *noise, *TWO_TRANSCRIPTS).genes == read(tmp_path, *TWO_TRANSCRIPTS).genes


def test_gzipped(tmp_path: Path) -> None:
    path = tmp_path / "genes.gtf.gz"
    path.write_bytes(gzip.compress("".join(TWO_TRANSCRIPTS).encode()))
    assert [gene.tss for gene in read_gtf(path).genes] == [300]


def test_further_places_by_gene_rows_are_skipped_by_name(tmp_path: Path) -> None:
    rows = []
    for chrom, strand, start in [("chrX", "+", 101), ("chrY", "+", 101), ("chrX", "+", 5001), ("chrX", "-", 101)]:
        rows.append(row("gene", start, start + 99, ids("G"), chrom=chrom, strand=strand))
        rows.append(row("transcript", start, start + 99, ids("G", "T"), chrom=chrom, strand=strand))
        rows.append(row("exon", start, start + 99, ids("G", "T"), chrom=chrom, strand=strand))
    annotation = read(tmp_path, *rows)
    assert annotation.genes == [Gene("G", "G", "chrX", 100, "+")]
    assert annotation.skipped == [
        Skipped("G", "further place chrY:101-200(+) of a gene kept at chrX:101-200(+)"),
        Skipped("G", "further place chrX:5001-5100(+) of a gene kept at chrX:101-200(+)"),
        Skipped("G", "further place chrX:101-200(-) of a gene kept at chrX:101-200(+)"),
    ]
    transcripts = read(tmp_path, *rows, transcripts="all")
    assert transcripts.genes == [Gene("G", "G", "chrX", 100, "+", "T")]
    assert transcripts.skipped[0] == Skipped(
        "G", "further place chrY:101-200(+) of transcript T, kept at chrX:101-200(+)"
    )
    assert len(transcripts.skipped) == 3


def test_places_without_gene_rows_are_groups_of_overlapping_transcripts(tmp_path: Path) -> None:
    rows = [
        row("transcript", 101, 200, ids("G", "A")),
        row("transcript", 301, 400, ids("G", "B")),
        row("transcript", 151, 350, ids("G", "C")),  # joins A and B
        row("transcript", 401, 1000, ids("G", "D")),  # touches B without overlap
    ]
    annotation = read(tmp_path, *rows)
    assert annotation.genes == [Gene("G", "G", "chr1", 150, "+")]
    assert annotation.skipped == [Skipped("G", "further place chr1:401-1000(+) of a gene kept at chr1:101-400(+)")]


def test_a_transcript_belongs_to_the_gene_row_it_overlaps(tmp_path: Path) -> None:
    rows = [
        row("gene", 101, 200, ids("G")),
        row("gene", 1001, 1200, ids("G")),
        row("transcript", 1001, 1200, ids("G", "FAR")),
        row("CDS", 1001, 1200, ids("G", "FAR")),
        row("transcript", 121, 200, ids("G", "NEAR")),
    ]
    annotation = read(tmp_path, *rows)
    assert [gene.tss for gene in annotation.genes] == [120]
    assert len(annotation.skipped) == 1


def test_rows_without_strand_are_skipped(tmp_path: Path) -> None:
    rows = [row("transcript", 1, 50, ids("G", "T"), strand="."), row("transcript", 81, 90, ids("H", "U"))]
    annotation = read(tmp_path, *rows)
    assert [gene.id for gene in annotation.genes] == ["H"]
    assert annotation.skipped == [Skipped("G", "the gene at chr1:1-50(.) has no strand, so no TSS")]
    assert read(tmp_path, *rows, transcripts="all").skipped == [
        Skipped("G", "transcript T at chr1:1-50(.) has no strand, so no TSS")
    ]


def test_a_place_without_strand_does_not_hide_one_with(tmp_path: Path) -> None:
    rows = [row("transcript", 1, 50, ids("G", "T"), strand="."), row("transcript", 21, 90, ids("G", "U"), strand="-")]
    annotation = read(tmp_path, *rows)
    assert annotation.genes == [Gene("G", "G", "chr1", 89, "-")]
    assert len(annotation.skipped) == 1


@pytest.mark.parametrize("transcripts", ["gene", "all"])
def test_a_gene_row_without_transcripts_is_skipped(tmp_path: Path, transcripts: str) -> None:
    annotation = read(tmp_path, row("gene", 1, 50, ids("EMPTY")), *TWO_TRANSCRIPTS, transcripts=transcripts)
    assert annotation.skipped == [Skipped("EMPTY", "the gene at chr1:1-50(+) has no transcript, exon or CDS row")]
    assert {gene.id for gene in annotation.genes} == {"G"}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("chr1\tx\texon\t1\t2\t.\t+\t.\n", "8 columns.*line 2.*9 tab-separated columns"),
        ("chr1 x exon 1 2 . + . gene_id G\n", "1 columns.*line 2"),
        (row("exon", 1, 2, ids("G", "T")).replace("\t1\t", "\tone\t"), "'one'.*not an integer.*line 2"),
        (row("exon", 30, 20, ids("G", "T")), "start 30 and end 20.*line 2.*1 <= start <= end"),
        (row("exon", 0, 20, ids("G", "T")), "start 0 and end 20.*line 2"),
        (row("exon", 1, 20, ids("G", "T")).replace("\t20\t", "\t2_0\t"), "end '2_0' is not an integer.*line 2"),
        (row("exon", 1, 20, ids("G", "T")).replace("\t20\t", "\t٢٠\t"), "end '٢٠' is not an integer.*line 2"),
        (row("exon", 1, 20, ids("G", "T")).replace("\t1\t", "\t\t"), "start '' is not an integer.*line 2"),
        (row("exon", 1, 10**25, ids("G", "T")), "end 10+ is beyond any chromosome.*line 2"),
        (row("exon", 1, 20, ids("G", "T"), strand="?"), r"unknown strand '\?'.*line 2"),
        (row("exon", 1, 20, "ID=exon1;Parent=T"), "GFF3, not GTF.*line 2.*gffread -T"),
        ("##gff-version 3\n", "GFF3, not GTF.*line 2.*gffread -T"),
    ],
)
def test_malformed_rows_are_named_by_their_line(tmp_path: Path, bad: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, row("exon", 1, 20, ids("G", "T")), bad)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("gene_id 'G'; transcript_id 'T'; gene_name 'A B'", ("G", "A B")),
        ("gene_id “G”; transcript_id “T”; gene_name ‘A’;", ("G", "A")),
        (r'gene_id "G"; transcript_id "T"; gene_name "5\"-B"; level 2;', ("G", '5"-B')),
        ('gene_id "G"; transcript_id "T"; gene_name "A\\"; level "2";', ("G", "A\\")),
        ('note "see gene_id ""X"" and; gene_id \'Y\'"; gene_id "G"; transcript_id "T";', ("G", "G")),
        ('note "gene_id X; gene_name Y"; gene_id "G"; transcript_id "T";', ("G", "G")),
        ('gene_id "G" transcript_id "T" gene_name "A"', ("G", "A")),
        ('gene_id "G"; transcript_id "T"; gene_id "H"; gene_name "A"; gene_name "B";', ("G", "A")),
        ('"gene_id ""G""; transcript_id ""T""; gene_name ""A"";"', ("G", "A")),
        (' gene_id  "G ";transcript_id " T";', ("G", "G")),
        ('gene_id "G"; transcript_id "T"; gene "first"; gene_name "second";', ("G", "second")),
        ('gene_id "G"; transcript_id "T"; tag; gene_name "A"', ("G", "A")),
    ],
)  # fmt: skip
def test_quotes_of_every_kind(tmp_path: Path, attributes: str, expected: tuple[str, str]) -> None:
    annotation = read(tmp_path, row("exon", 11, 20, attributes), row("exon", 31, 40, ids("Z", "Z1")))
    assert [(gene.id, gene.name) for gene in annotation.genes] == [expected, ("Z", "Z")]
    assert [
        gene.transcript_id for gene in read(tmp_path, row("exon", 11, 20, attributes), transcripts="all").genes
    ] == ["T"]


@pytest.mark.parametrize(
    "attributes",
    [
        'gene_id "A; transcript_id "T";',
        'gene_id "A"; gene_name "B; transcript_id "T";',
        'transcript_id "T; gene_id "A";',
    ],
)
def test_a_quote_that_is_not_closed_makes_no_id(tmp_path: Path, attributes: str) -> None:
    """'A; transcript_id ' was a gene's id."""
    annotation = read(tmp_path, row("exon", 11, 20, attributes), row("exon", 31, 40, ids("Z", "Z1")))
    assert {gene.id for gene in annotation.genes} | {entry.gene_id for entry in annotation.skipped} <= {"A", "T", "Z"}
    assert len(annotation.genes) + len(annotation.skipped) == 2


def test_a_row_without_a_chromosome_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the chromosome has no name .*line 2"):
        read(tmp_path, row("exon", 11, 20, ids("A", "T")), row("exon", 11, 20, ids("B", "U")).replace("chr1", ""))


def test_ids_of_one_row_are_not_taken_for_the_next(tmp_path: Path) -> None:
    rows = [
        row("exon", 11, 20, 'gene_id "G"; transcript_id "T"; note "x";'),
        row("exon", 31, 40, 'gene_id "G"; transcript_id "T2"; note "x";'),
        row("exon", 51, 60, 'gene_id "G2"; transcript_id "T"; note "x";'),
        row("gene", 51, 60, 'gene_id "G2"; transcript_id ""; note "x";'),
        row("exon", 71, 80, 'gene_id "G"; transcript_id "T"; note "x";'),
    ]
    found = read(tmp_path, *rows, transcripts="all").genes
    assert [(gene.id, gene.transcript_id, gene.tss) for gene in found] == [
        ("G", "T", 10),
        ("G", "T2", 30),
        ("G2", "T", 50),
    ]


def test_bare_ids_of_augustus_and_braker(tmp_path: Path) -> None:
    rows = [
        row("gene", 101, 900, "g1", strand="-"),
        row("transcript", 101, 900, "g1.t1", strand="-"),
        row("CDS", 201, 600, 'transcript_id "g1.t1"; gene_id "g1";', strand="-"),
        row("gene", 2001, 2900, "jg.7"),
        row("transcript", 2001, 2900, "jg.7.t1;"),
    ]
    annotation = read(tmp_path, *rows)
    assert annotation.genes == [Gene("g1", "g1", "chr1", 899, "-"), Gene("jg.7", "jg.7", "chr1", 2000, "+")]
    assert annotation.skipped == []


def test_a_row_without_gene_id_takes_that_of_its_transcript(tmp_path: Path) -> None:
    lost = row("CDS", 401, 500, 'transcript_id "T";')
    rows = [lost, row("exon", 101, 900, ids("G", "T")), row("exon", 301, 950, ids("G", "U"))]
    assert read(tmp_path, *rows).genes == [Gene("G", "G", "chr1", 100, "+")], "T is the coding transcript"


def test_what_names_no_gene_is_skipped_with_a_remedy(tmp_path: Path) -> None:
    rows = [
        row("exon", 101, 200, ids("G", "T")),
        row("exon", 301, 350, 'transcript_id "rna-1"; product "tRNA"'),
        row("exon", 371, 400, 'transcript_id "rna-1";'),
        row("exon", 501, 600, 'product "nothing";'),
    ]
    annotation = read(tmp_path, *rows)
    assert [gene.id for gene in annotation.genes] == ["G"]
    assert annotation.skipped == [
        Skipped(
            "rna-1",
            "no gene_id in the exon row of line 2, nor in another row of this transcript: add gene_id to column 9",
        ),
        Skipped(
            "chr1:501-600(+)", "no gene_id and no transcript_id in the exon row of line 4: add gene_id to column 9"
        ),
    ]
    assert read(tmp_path, *rows, transcripts="all").skipped == annotation.skipped


def test_rows_without_transcript_id(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [
        row("exon", 101, 200, ids("G", "T")),
        row("exon", 301, 350, 'gene_id "G"; transcript_id "";'),
        row("CDS", 501, 600, ids("H")),
        row("exon", 481, 600, ids("H", more='transcript_id "";')),
    ]
    annotation = read(tmp_path, *rows)
    assert [(gene.id, gene.tss) for gene in annotation.genes] == [("G", 100), ("H", 480)]
    assert annotation.skipped == []
    assert "1 rows have no transcript_id and are not used" in caplog.text
    assert "the first is line 2" in caplog.text
    assert read(tmp_path, *rows, transcripts="all").genes[-1] == Gene("H", "H", "chr1", 480, "+", "H")


@pytest.mark.parametrize("attributes", ['transcript_id "T";', 'product "x";'])
def test_a_file_of_nothing_but_such_rows_is_refused(tmp_path: Path, attributes: str) -> None:
    with pytest.raises(InputError, match=r"no transcript, exon or CDS row found, but no gene_id.*line 1"):
        read(tmp_path, row("exon", 1, 20, attributes))


def test_rows_that_are_in_the_file_twice_count_as_repeats(tmp_path: Path) -> None:
    annotation = read(tmp_path, *TWO_TRANSCRIPTS, *TWO_TRANSCRIPTS)
    assert annotation.genes == [Gene("G", "NAME", "chr1", 300, "+")]
    assert annotation.skipped == [Skipped("G", "the gene row of line 11 repeats that of line 1")]
    assert read(tmp_path, *TWO_TRANSCRIPTS, *TWO_TRANSCRIPTS, transcripts="all").skipped == [
        Skipped("G", "transcript LONG of line 12 repeats that of line 2"),
        Skipped("G", "transcript CODING of line 16 repeats that of line 6"),
        Skipped("G", "the gene row of line 11 repeats that of line 1"),
    ]


def test_blank_lines_and_bytes_that_are_no_utf_8(tmp_path: Path) -> None:
    assert read(tmp_path, "  \n", "\t\t\n", *TWO_TRANSCRIPTS).genes == [Gene("G", "NAME", "chr1", 300, "+")]
    (tmp_path / "latin1.gtf").write_bytes("".join([*TWO_TRANSCRIPTS, "# caf\xe9\n"]).encode("latin1"))
    with pytest.raises(InputError, match=r"byte 0xe9.*line 11.*iconv"):
        read_gtf(tmp_path / "latin1.gtf")


def test_a_pipe_is_read_whole(tmp_path: Path) -> None:
    text = "".join(row("exon", 10 * n + 1, 10 * n + 5, ids(f"G{n:04}", f"T{n:04}")) for n in range(3000)).encode()
    os.mkfifo(tmp_path / "pipe")
    for content in (text, gzip.compress(text)):
        writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(content,))
        writer.start()
        genes = read_gtf(str(tmp_path / "pipe")).genes
        writer.join()
        assert [gene.tss for gene in genes] == [10 * n for n in range(3000)]


def test_a_single_base_is_an_exon(tmp_path: Path) -> None:
    assert read(tmp_path, row("exon", 7, 7, ids("G", "T"))).genes[0].tss == 6


@pytest.mark.parametrize("text", ["# only a comment\n", row("gene", 1, 20, ids("G")), row("UTR", 1, 20, ids("G", "T"))])
def test_no_transcripts_at_all(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="no transcript, exon or CDS row found"):
        read(tmp_path, text)


def test_truncated_gzip(tmp_path: Path) -> None:
    path = tmp_path / "genes.gtf.gz"
    path.write_bytes(gzip.compress("".join(TWO_TRANSCRIPTS * 50).encode())[:-9])
    with pytest.raises(InputError, match="truncated"):
        read_gtf(path)


@pytest.fixture(scope="module")
def refseq(data: Path) -> Annotation:
    return read_gtf(data / "human" / "hg38_refseq.gtf.gz")


@pytest.mark.data
@pytest.mark.slow
def test_every_gene_locus_of_refseq_is_a_gene_or_skipped(refseq: Annotation) -> None:
    assert (len(refseq.genes), len(refseq.skipped)) == (27_106, 536)
    assert len(refseq.genes) + len(refseq.skipped) == 27_642
    assert len({gene.id for gene in refseq.genes}) == 27_106
    assert all(row.reason.startswith("further place ") for row in refseq.skipped)
    assert len({row.gene_id for row in refseq.skipped}) == 434
    assert {row.gene_id for row in refseq.skipped} <= {gene.id for gene in refseq.genes}


@pytest.mark.data
@pytest.mark.slow
def test_known_genes_of_refseq(refseq: Annotation) -> None:
    by_name = {gene.name: gene for gene in refseq.genes}
    # NM_000207, NM_000518 and NM_000527 on GRCh38, 1-based
    assert (by_name["INS"].chrom, by_name["INS"].strand, by_name["INS"].tss) == ("chr11", "-", 2_161_209 - 1)
    assert (by_name["HBB"].chrom, by_name["HBB"].strand, by_name["HBB"].tss) == ("chr11", "-", 5_227_071 - 1)
    assert (by_name["LDLR"].chrom, by_name["LDLR"].strand, by_name["LDLR"].tss) == ("chr19", "+", 11_089_362 - 1)
    assert by_name["LDLR"].id == "ENSG00000130164"


@pytest.mark.data
@pytest.mark.slow
def test_tss_lies_near_the_measured_one(refseq: Annotation, data: Path) -> None:
    measured = {}
    for line in (data / "human" / "xpresso_tss_20kb.bed").read_text().splitlines():
        chrom, start, _, gene_id, _, strand = line.split("\t")
        measured[gene_id] = (chrom, strand, int(start) + 10_000)
    both = [(gene, measured[gene.id]) for gene in refseq.genes if gene.id in measured]
    same_place = [(gene, tss) for gene, (chrom, strand, tss) in both if (gene.chrom, gene.strand) == (chrom, strand)]
    near = sum(abs(gene.tss - tss) <= 500 for gene, tss in same_place)
    assert len(both) > 17_000
    assert len(same_place) > 0.99 * len(both)
    assert near > 0.75 * len(same_place)


@pytest.mark.data
@pytest.mark.slow
def test_every_transcript_of_refseq_is_a_row_or_skipped(data: Path) -> None:
    annotation = read_gtf(data / "human" / "hg38_refseq.gtf.gz", transcripts="all")
    assert len(annotation.genes) + len(annotation.skipped) == 50_978
    assert all(gene.transcript_id for gene in annotation.genes)


@pytest.mark.data
def test_yeast(data: Path) -> None:
    annotation = read_gtf(data / "yeast" / "R64-1-1.81.gtf.gz")
    assert (len(annotation.genes), annotation.skipped) == (7126, [])
    by_id = {gene.id: gene for gene in annotation.genes}
    assert annotation.genes[0] == Gene("YDL248W", "COS7", "IV", 1801, "+")
    assert by_id["YFL039C"] == Gene("YFL039C", "ACT1", "VI", 54_695, "-")
