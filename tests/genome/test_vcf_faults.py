"""What is wrong with a VCF is reported by line and column, not by htslib's noise on stderr."""

from __future__ import annotations

import gzip
from pathlib import Path

import pysam
import pytest

from texcnn.errors import InputError
from texcnn.genome.vcf import VcfReader
from texcnn.genome.vcf_faults import find_fault, is_plain_gzip, why_not_opened

META = "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=1000>\n"
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
GOOD = "chr1\t5\t.\tA\tC\t.\t.\t.\n"


def write(path: Path, text: str) -> Path:
    """Plain, gzip or BGZF, as the name says."""
    if path.name.endswith(".bgz"):
        with pysam.BGZFile(str(path), "wb") as handle:
            handle.write(text.encode())
    elif path.name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


NAMES = ("in.vcf", "in.vcf.gz", "in.vcf.bgz")


@pytest.mark.parametrize(("name", "plain"), [("in.vcf", False), ("in.vcf.gz", True), ("in.vcf.bgz", False)])
def test_gzip_is_distinguished_from_bgzf(tmp_path: Path, name: str, plain: bool) -> None:
    assert is_plain_gzip(write(tmp_path / name, META + COLUMNS)) is plain


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("chr1\t5\t.\tA\tC\n", "the file has no header"),
        (META + GOOD, "the header has no line that starts with #CHROM"),
        (META + COLUMNS.replace("\t", " ") + GOOD, "the line #CHROM names the columns #CHROM POS ID"),
        (META + COLUMNS.replace("REF\tALT", "ALT\tREF"), "the line #CHROM names the columns #CHROM, POS, ID, ALT, REF"),
        (
            META + COLUMNS.replace("INFO\n", "INFO\tFORMAT\ts\tt\ts\n"),
            "the sample 's' is in the header more than once",
        ),
    ],
    ids=["no header", "no columns", "blanks", "order", "twice"],
)
def test_headers(tmp_path: Path, name: str, text: str, reason: str) -> None:
    assert why_not_opened(write(tmp_path / name, text), "htslib", True).startswith(reason)


def test_headers_that_only_htslib_can_judge(tmp_path: Path) -> None:
    good = write(tmp_path / "in.vcf", META + COLUMNS)
    assert why_not_opened(good, "odd", True) == "the header cannot be read (odd)"
    assert why_not_opened(good, "no BGZF EOF marker; file may be truncated", True).startswith("the file is truncated")
    assert why_not_opened(good, "odd", False) == "no VCF header can be read (odd)", "a pipe is not read again"
    (tmp_path / "noise").write_bytes(bytes(range(128, 256)))
    assert why_not_opened(tmp_path / "noise", "odd", True) == "the file is not a VCF or BCF, or is damaged (odd)"
    cut = write(tmp_path / "cut.vcf.gz", META + COLUMNS)
    cut.write_bytes(cut.read_bytes()[:-12])
    assert "or is damaged" in why_not_opened(cut, "odd", True)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("chr1\t6\t.\tA\tC\t.\t.\n", "the line has 7 columns separated by tabs, the header 8"),
        ("chr1 6 . A C . . .\n", "the line has 1 columns separated by tabs, the header 8"),
        ("chr1\tsix\t.\tA\tC\t.\t.\t.\n", "POS 'six' is not a whole number"),
        ("chr1\t-6\t.\tA\tC\t.\t.\t.\n", "POS '-6' is not a whole number"),
        ("chr1\t٦\t.\tA\tC\t.\t.\t.\n", "POS '٦' is not a whole number"),
        ("\n", "the line is empty"),
        ("   \n", "the line is empty"),
        (GOOD, None),
    ],
)
def test_records(tmp_path: Path, name: str, line: str, what: str | None) -> None:
    """The record after those that could be read, and the number of its line."""
    path = write(tmp_path / name, META + COLUMNS + GOOD * 2 + line + GOOD)
    assert find_fault(path, 2) == (what, 6)
    assert find_fault(path, 0) == (None, 4)


def test_lines_end_as_they_do_on_windows(tmp_path: Path) -> None:
    path = tmp_path / "in.vcf"
    path.write_bytes((META + COLUMNS + GOOD).replace("\n", "\r\n").encode())
    assert find_fault(path, 0) == (None, 4)


def test_nothing_is_known_of_a_pipe_or_of_the_end(tmp_path: Path) -> None:
    assert find_fault(tmp_path / "nowhere.vcf", 0) == (None, None)
    assert find_fault(write(tmp_path / "in.vcf", META + COLUMNS + GOOD), 1) == (None, None)
    cut = write(tmp_path / "cut.vcf.gz", META + COLUMNS + GOOD * 500)
    cut.write_bytes(cut.read_bytes()[:-20])
    assert find_fault(cut, 600) == ("the file is truncated or damaged", None)


@pytest.mark.parametrize("name", NAMES)
def test_the_reader_says_so(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, META + COLUMNS + GOOD + "chr1\tsix\t.\tA\tC\t.\t.\t.\n")
    with VcfReader(path) as reader, pytest.raises(InputError) as refused:
        list(reader)
    assert refused.value.what == "a record cannot be read: POS 'six' is not a whole number"
    assert refused.value.where == f"{path}, record 2 (after chr1:5), line 5"
