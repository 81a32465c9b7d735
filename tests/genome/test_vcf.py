"""Reading VCFs of every kind, and a message for each that cannot be read."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pysam.bcftools
import pytest

from texcnn.errors import InputError
from texcnn.genome.vcf import VcfReader, VcfRecord

HEADER = """##fileformat=VCFv4.2
##contig=<ID=chr1,length=200>
##INFO=<ID=AC,Number=A,Type=Integer,Description="Count">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\ts2
"""
ROWS = [
    "chr1\t5\trs5\tA\tG,<DEL>\t.\tPASS\tAC=1,2\tGT:DP\t0|1:9\t2/1:8\n",
    "chr1\t7\t.\tc\t.\t.\t.\t.\tGT\t0\t.\n",
]
RECORDS = [
    VcfRecord(1, "chr1", 4, "rs5", "A", ("G", "<DEL>"), ("2/1", "0|1")),
    VcfRecord(2, "chr1", 6, ".", "c", (".",), (".", "0")),
]


def written(folder: Path, text: str, ending: str = ".vcf") -> Path:
    path = folder / f"in{ending}"
    if ending == ".vcf":
        path.write_bytes(text.encode())
    elif ending == ".gzip.vcf.gz":
        path.write_bytes(gzip.compress(text.encode()))
    elif ending == ".vcf.gz":
        with pysam.BGZFile(str(path), "wb") as handle:
            handle.write(text.encode())
    else:
        plain = written(folder, text)
        pysam.bcftools.view("-Ob", "-o", str(path), str(plain), catch_stdout=False)
    return path


def read(path: Path) -> list[VcfRecord]:
    with VcfReader(path) as reader:
        return list(reader)


@pytest.mark.parametrize("ending", [".vcf", ".gzip.vcf.gz", ".vcf.gz", ".bcf"])
def test_every_format_gives_the_same_records(tmp_path: Path, ending: str) -> None:
    with VcfReader(written(tmp_path, HEADER + "".join(ROWS), ending), samples=["s2", "s1"]) as reader:
        assert (reader.contigs, reader.all_samples, reader.info_ids) == ({"chr1": 200}, ("s1", "s2"), ("AC",))
        assert list(reader) == RECORDS


@pytest.mark.parametrize("ending", [".vcf", ".gzip.vcf.gz", ".vcf.gz", ".bcf"])
def test_a_pipe_is_read_once_and_whole(tmp_path: Path, ending: str) -> None:
    content = written(tmp_path, HEADER + "".join(ROWS), ending).read_bytes()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    feeder = threading.Thread(target=pipe.write_bytes, args=(content,))
    feeder.start()
    with VcfReader(pipe, samples=["s2", "s1"]) as reader:
        assert list(reader) == RECORDS
    feeder.join()


def test_crlf_and_a_missing_last_line_end_are_read(tmp_path: Path) -> None:
    text = (HEADER + "".join(ROWS)).replace("\n", "\r\n").rstrip()
    with VcfReader(written(tmp_path, text), samples=["s2", "s1"]) as reader:
        assert list(reader) == RECORDS


def test_one_variant_per_alternative_allele() -> None:
    assert [str(variant) for variant in RECORDS[0].variants()] == ["chr1:5:A>G", "chr1:5:A><DEL>"]
    assert str(RECORDS[0]) == "record 1 (chr1:5)"


def test_no_records_duplicates_and_an_empty_alt_are_no_errors(tmp_path: Path) -> None:
    assert read(written(tmp_path, HEADER)) == []
    assert len(read(written(tmp_path, HEADER + ROWS[0] * 3))) == 3
    empty = read(written(tmp_path, HEADER + ROWS[1].replace("\t.\t.\t.\t.\tGT", "\t\t.\t.\t.\tGT")))
    assert [record.alts for record in empty] == [(".",)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("".join(ROWS), "the file has no header"),
        (HEADER.rsplit("#CHROM", 1)[0] + ROWS[0], "no line that starts with #CHROM"),
        (HEADER.replace("s1\ts2", "s1\ts1") + ROWS[0], "sample 's1' is in the header more than once"),
        (HEADER.replace("CHROM\tPOS", "CHROM POS") + ROWS[0], "names the columns"),
        ("chr1\t1\t2\n", "has no header"),
        (
            HEADER + ROWS[0] + ROWS[1].replace("7", "x", 1),
            r"POS 'x' is not a whole number.*record 2 \(after chr1:5\), line 8",
        ),
        (HEADER + ROWS[0] + "chr1\t7\t.\tA\n", r"has 4 columns separated by tabs, the header 11.*line 8"),
        (HEADER + ROWS[0] + ROWS[1].replace("\t", " "), r"has 1 columns.*line 8"),
        (HEADER + ROWS[0] + "\n" + ROWS[1], r"the line is empty.*line 8"),
        (HEADER + "#note\n" + ROWS[0], r"a comment follows the line #CHROM.*line 7"),
        (HEADER + ROWS[0].replace("0|1", "a|b"), r"'a\|b' is not a genotype.*line 7"),
        ("\ufeff" + HEADER + ROWS[0], r"byte order mark.*sed"),
        (HEADER.split("\n", 1)[1] + ROWS[0], "first line is not ##fileformat=VCFv4"),
    ],
)
def test_each_bad_text_has_its_message(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(written(tmp_path, text))


@pytest.mark.parametrize("ending", [".gzip.vcf.gz", ".vcf.gz", ".bcf"])
@pytest.mark.parametrize("share", [0.5, 0.99])
def test_a_truncated_file_is_never_read_as_a_short_one(tmp_path: Path, ending: str, share: float) -> None:
    many = [row.replace("\t5\t", f"\t{place}\t") for row in ROWS[:1] for place in range(1, 200)]
    path = written(tmp_path, HEADER + "".join(many * 50), ending)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match=r"truncated|damaged"):
        read(path)


def test_other_files_are_refused_by_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        VcfReader(tmp_path / "none.vcf")
    with pytest.raises(InputError, match="a folder is not a VCF"):
        VcfReader(tmp_path)
    binary = tmp_path / "b.vcf"
    binary.write_bytes(bytes(range(200, 0, -1)))
    with pytest.raises(InputError, match="not a VCF or BCF, or is damaged"):
        VcfReader(binary)


@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (lzma.compress, "compressed with xz.*xz -d"),
        (bz2.compress, "compressed with bzip2.*bzip2 -d"),
        (lambda text: b"PK\x03\x04" + text, "a zip archive"),
        (lambda text: text.decode().encode("utf-16"), "UTF-16"),
    ],
)
def test_other_compression_is_named_before_htslib_reads_it(
    tmp_path: Path, packed: Callable[[bytes], bytes], message: str, piped: bool
) -> None:
    """htslib ended the whole process on an xz."""
    content, path = packed((HEADER + ROWS[0]).encode()), tmp_path / "in.vcf"
    if piped:
        os.mkfifo(path)
        feeder = threading.Thread(target=path.write_bytes, args=(content,), daemon=True)
        feeder.start()
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        VcfReader(path)


def test_unknown_sample_lists_those_there_are(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + ROWS[0])
    with pytest.raises(InputError, match=r"unknown sample 's3'.*s1, s2"):
        VcfReader(path, samples=["s3"])
    with VcfReader(path, samples=["s2", "s2"]) as reader:
        assert reader.samples == ("s2",)
        assert next(iter(reader)).genotypes == ("2/1",)
    with VcfReader(path, samples=[]) as reader:
        assert reader.samples == ("s1", "s2")


def test_a_vcf_without_samples_has_no_genotypes(tmp_path: Path) -> None:
    text = "".join(
        line.rsplit("\tFORMAT", 1)[0] + "\n" if "#CHROM" in line else line for line in HEADER.splitlines(True)
    )
    path = written(tmp_path, text)
    with pytest.raises(InputError, match="the VCF has no samples"):
        VcfReader(path, samples=[])
    assert read(path) == []


def test_a_record_without_genotypes(tmp_path: Path) -> None:
    text = HEADER + ROWS[0].replace("GT:DP\t0|1:9\t2/1:8", "DP\t9\t8")
    with VcfReader(written(tmp_path, text), samples=["s1"]) as reader:
        assert next(iter(reader)).genotypes == (".",)


def test_htslib_writes_nothing_to_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    odd = HEADER + ROWS[0].replace("chr1", "chrZ").replace("AC=1,2", "ZZ=1") + "chr1\tx\t.\tA\tC\t.\t.\t.\tGT\t0\t0\n"
    with pytest.raises(InputError):
        read(written(tmp_path, odd))
    assert capfd.readouterr().err == ""
