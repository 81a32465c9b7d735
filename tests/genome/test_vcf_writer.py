"""A VCF written again with further fields: all that was there stays as it is, byte by byte."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from pathlib import Path

import pysam
import pysam.bcftools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from texcnn.errors import InputError, RunError
from texcnn.genome.vcf import VcfReader
from texcnn.genome.vcf_writer import InfoField, annotate_vcf, check_annotation, encode_value, write_index

FIELDS = (InfoField("X_NUM", "Float", "a number"), InfoField("X_TEXT", "String", "a text"))
HEADER = "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=1000>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
Values = Iterable[Mapping[str, str | float | None]]


def value(number: float | None = 1.5, text: str | None = "t") -> dict[str, str | float | None]:
    return {"X_NUM": number, "X_TEXT": text}


def annotate(source: Path, values: Values) -> list[str]:
    """The records of the annotated file."""
    out = source.parent / "out.vcf.gz"
    annotate_vcf(source, out, source.parent / "out.vcf.gz.csi", FIELDS, values)
    with gzip.open(out, "rt") as handle:
        return [line.rstrip("\n") for line in handle if not line.startswith("#")]


def write(folder: Path, *records: str, header: str = HEADER, name: str = "in.vcf") -> Path:
    path = folder / name
    path.write_text(header + "".join(f"{record}\n" for record in records))
    return path


@pytest.mark.parametrize(
    ("info", "written"),
    [
        (".", "X_NUM=1.5;X_TEXT=t"),
        ("", "X_NUM=1.5;X_TEXT=t"),
        ("AC=1", "AC=1;X_NUM=1.5;X_TEXT=t"),
        ("AC=1;", "AC=1;X_NUM=1.5;X_TEXT=t"),
        ("FLAG;AC=0.500", "FLAG;AC=0.500;X_NUM=1.5;X_TEXT=t"),
        ("MY_X_NUM=2", "MY_X_NUM=2;X_NUM=1.5;X_TEXT=t"),
    ],
)
def test_fields_come_behind_what_is_there(tmp_path: Path, info: str, written: str) -> None:
    start = "chr1\t5\trs1;rs2\tA\tC\t30.50\tPASS"
    assert annotate(write(tmp_path, f"{start}\t{info}"), [value()]) == [f"{start}\t{written}"]


def test_a_value_per_alternative_allele(tmp_path: Path) -> None:
    source = write(
        tmp_path, "chr1\t5\t.\tA\tC,G,*\t.\t.\t.", "chr1\t6\t.\tA\t.\t.\t.\tDP=3", "chr1\t7\t.\tA\tT\t.\t.\t."
    )
    values = [value(0.1, "a"), value(None, None), value(-2e-9, ""), value(9, "none"), value(1234567.0, "b")]
    assert [record.split("\t")[7] for record in annotate(source, values)] == [
        "X_NUM=0.1,.,-2e-09;X_TEXT=a,.,.",
        "DP=3",
        "X_NUM=1.23457e+06;X_TEXT=b",
    ]


def test_the_header_gets_its_lines_before_the_columns(tmp_path: Path) -> None:
    annotate(write(tmp_path, "chr1\t5\t.\tA\tC\t.\t.\t."), [value()])
    with gzip.open(tmp_path / "out.vcf.gz", "rt") as handle:
        header = [line.rstrip("\n") for line in handle if line.startswith("#")]
    assert header[:2] + header[-1:] == HEADER.splitlines()
    assert header[2:-1] == [
        '##INFO=<ID=X_NUM,Number=A,Type=Float,Description="a number">',
        '##INFO=<ID=X_TEXT,Number=A,Type=String,Description="a text">',
    ]


@given(text=st.text(st.characters(codec="ascii", min_codepoint=32), min_size=1))
def test_what_separates_values_is_encoded_and_comes_back(text: str) -> None:
    from urllib.parse import unquote

    encoded = encode_value(text)
    assert not set(encoded) & set(",;= \t\r\n")
    assert unquote(encoded) == text


def test_bcftools_reads_what_was_written(tmp_path: Path) -> None:
    source = write(tmp_path, "chr1\t5\t.\tA\tC,G\t.\t.\tDB", "chr1\t50\t.\tA\tC\t.\t.\t.")
    annotate(source, [value(0.25, "a b;c"), value(None, "d"), value(3, "e")])
    shown = pysam.bcftools.query("-f", "%POS %X_NUM %X_TEXT\n", str(tmp_path / "out.vcf.gz"))
    assert shown.splitlines() == ["5 0.25,. a%20b%3Bc,d", "50 3 e"]
    by_index = pysam.bcftools.view("-H", "-r", "chr1:40-60", str(tmp_path / "out.vcf.gz"))
    assert len(by_index.splitlines()) == 1


def test_a_bcf_becomes_a_vcf(tmp_path: Path) -> None:
    source = write(tmp_path, "chr1\t5\t.\tA\tC\t.\t.\t.", "chr1\t9\t.\tG\tC\t.\t.\t.")
    pysam.bcftools.view("-Ob", "-o", str(tmp_path / "in.bcf"), str(source), catch_stdout=False)
    records = annotate(tmp_path / "in.bcf", [value(), value(2.0, "u")])
    assert [record.split("\t")[1] + record.split("\t")[7] for record in records] == [
        "5X_NUM=1.5;X_TEXT=t",
        "9X_NUM=2;X_TEXT=u",
    ]


@pytest.mark.parametrize("n_values", [0, 1, 3])
def test_a_file_that_has_changed_meanwhile_is_found(tmp_path: Path, n_values: int) -> None:
    source = write(tmp_path, "chr1\t5\t.\tA\tC,G\t.\t.\t.")
    with pytest.raises(RunError, match="the number of alternative alleles has changed during the run"):
        annotate(source, [value()] * n_values)


def test_records_with_the_fields_are_refused(tmp_path: Path) -> None:
    source = write(tmp_path, "chr1\t5\t.\tA\tC\t.\t.\tAC=1;X_TEXT=old;X_NUM=1")
    with pytest.raises(InputError, match=r"the record at chr1:5 has X_TEXT, X_NUM already .* bcftools annotate -x"):
        annotate(source, [value()])


@pytest.mark.parametrize("records", [("chr1\t9", "chr1\t5"), ("chr1\t5", "chr2\t1", "chr1\t9")])
def test_records_out_of_order_have_no_index(tmp_path: Path, records: tuple[str, ...]) -> None:
    source = write(tmp_path, *(f"{place}\t.\tA\tC\t.\t.\t." for place in records))
    with pytest.raises(InputError, match=r"not sorted by position, or a chromosome comes twice .* bcftools sort"):
        annotate(source, [value()] * len(records))


def test_htslibs_verbosity_is_put_back(tmp_path: Path) -> None:
    before = pysam.set_verbosity(2)
    try:
        with pysam.BGZFile(str(tmp_path / "t.gz"), "wb") as handle:
            handle.write(b"chr1\t9\nchr1\t5\n")
        with pytest.raises(InputError):
            write_index(tmp_path / "t.gz", tmp_path / "t.gz.tbi", csi=False, seq_col=0, start_col=1, end_col=1)
        assert pysam.get_verbosity() == 2
    finally:
        pysam.set_verbosity(before)


class TestCheck:
    def test_a_plain_vcf_can_be_annotated(self, tmp_path: Path) -> None:
        with VcfReader(write(tmp_path, "chr1\t5\t.\tA\tC\t.\t.\t.")) as reader:
            check_annotation(reader, FIELDS)

    def test_declared_fields_are_named_all_at_once(self, tmp_path: Path) -> None:
        declared = "".join(f"{field}\n" for field in FIELDS)
        header = HEADER.replace("#CHROM", f"{declared}#CHROM")
        with VcfReader(write(tmp_path, header=header)) as reader, pytest.raises(InputError) as refused:
            check_annotation(reader, FIELDS)
        assert refused.value.what == "the VCF has the INFO fields X_NUM, X_TEXT already"
        assert refused.value.remedy == "remove them with bcftools annotate -x INFO/X_NUM,INFO/X_TEXT"
