"""Further INFO fields in a copy of a VCF: one value per allele, encoded, counted."""

from __future__ import annotations

from pathlib import Path

import pysam.bcftools
import pytest

from texcnn.errors import RunError
from texcnn.genome.vcf_writer import InfoField, annotate_vcf, encode_value

FIELDS = (InfoField("GENE", "String", "a gene"), InfoField("DELTA", "Float", "a change"))
TEXT = """##fileformat=VCFv4.3
##contig=<ID=chr1,length=100>
##unknown=<what nobody knows>
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
chr1\t5\t.\tA\tC,G\t.\t.\tX;Y=1
chr1\t6\t.\tA\t.\t.\t.\t.
chr1\t7\t.\tA\tT\t.\t.\t.
"""
VALUES = [
    {"GENE": "HLA-A; 50%,x=y", "DELTA": 0.25},
    {"GENE": "", "DELTA": None},
    {"GENE": "no alternative allele, no value", "DELTA": 9.0},
    {"GENE": "b\tc", "DELTA": -1e-7},
]


def annotate(folder: Path, values: list[dict[str, str | float | None]]) -> Path:
    source, out = folder / "in.vcf", folder / "out.vcf.gz"
    source.write_text(TEXT)
    annotate_vcf(source, out, folder / "out.vcf.gz.csi", FIELDS, values)
    return out


def test_values_are_one_per_allele_and_percent_encoded(tmp_path: Path) -> None:
    assert encode_value("a%b,c;d=e f\tg") == "a%25b%2Cc%3Bd%3De%20f%09g"
    out = annotate(tmp_path, VALUES)
    with pysam.BGZFile(str(out)) as handle:
        lines = [line.decode() for line in handle]
    assert lines[2] == "##unknown=<what nobody knows>"
    assert lines[3:5] == [str(field) for field in FIELDS]
    assert lines[3] == '##INFO=<ID=GENE,Number=A,Type=String,Description="a gene">'
    assert [line.split("\t")[7] for line in lines[-3:]] == [
        "X;Y=1;GENE=HLA-A%3B%2050%25%2Cx%3Dy,.;DELTA=0.25,.", ".", "GENE=b%09c;DELTA=-1e-07",
    ]  # fmt: skip
    with pysam.VariantFile(str(out)) as read:
        assert next(iter(read.fetch("chr1", 4, 5))).info["DELTA"] == (0.25, None)
    assert pysam.bcftools.view("-H", str(out)).count("\n") == 3


@pytest.mark.parametrize("values", [VALUES[:-1], [*VALUES, VALUES[0]]])
def test_other_counts_than_alleles_are_refused(tmp_path: Path, values: list[dict[str, str | float | None]]) -> None:
    with pytest.raises(RunError, match="number of alternative alleles has changed"):
        annotate(tmp_path, values)
