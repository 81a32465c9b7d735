"""Bad input of `texcnn variants`, case by case: what the command says, and what becomes of the alleles.

One test for each case that the issue on variant effects names; further ones are next to what they test.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pytest
from effect_files import HEADER, Case, Command, line, vcf
from variant_files import Row, write_vcf


def tss_of(case: Case) -> int:
    return next(gene for gene in case.genes if gene[4] == "+")[2] - 1


def skipped(case: Case) -> list[tuple[str, str]]:
    table = pd.read_csv(case.folder / "out.tsv.skipped.tsv", sep="\t", keep_default_na=False)
    return list(zip(table["status"], table["reason"], strict=True))


def people(case: Case, *calls: str, starts: tuple[int, ...] = (), name: str = "people.vcf") -> Path:
    """A VCF of one sample with a substitution for each genotype, from the first TSS on."""
    places = starts or tuple(tss_of(case) - 2 * (len(calls) - number) for number in range(len(calls)))
    rows = [
        Row(at, case.bases[at], ("A" if case.bases[at] != "A" else "C",), (call,))
        for at, call in zip(places, calls, strict=True)
    ]
    return write_vcf(case.folder / name, rows, length=len(case.bases), samples=("s",))


def test_no_header(command: Command, case: Case) -> None:
    status, output = command("--vcf", vcf(case, line(case, tss_of(case)), header=""))
    assert status == 2
    assert "the file has no header" in output
    assert "bad.vcf" in output


def test_wrong_build(command: Command, case: Case) -> None:
    wrong = [line(case, place, ref="A" if case.bases[place] != "A" else "C", alt="G") for place in range(9, 1000, 8)]
    header = HEADER.replace("length=1500", "length=248956422")
    status, output = command("--vcf", vcf(case, *wrong, header=header))
    assert (status, "REF alleles differ from the FASTA" in output, "GRCh38/hg38" in output) == (2, True, True)


def test_unsorted(command: Command, case: Case) -> None:
    path = vcf(case, line(case, tss_of(case)), line(case, tss_of(case) - 3))
    assert command("--vcf", path)[0] == 0  # each allele is scored by itself
    status, output = command("--vcf", path, "--tabix", case.folder / "t.tsv.gz", "--overwrite")
    assert (status, "not sorted by position" in output, "bcftools sort" in output) == (2, True, True)
    status, output = command("--vcf", people(case, "0|1", "0|1", starts=(500, 400)), "--phased", "--overwrite")
    assert (status, "not sorted" in output, "record 2 (chr1:401)" in output) == (2, True, True)


def test_chr_prefix_mismatch(command: Command, case: Case) -> None:
    path = vcf(case, line(case, tss_of(case), chrom="1"), header=HEADER.replace("chr1", "1"))
    status, output = command("--vcf", path)
    assert (status, "('1' and 'chr1')" in output, "--map-chrom-names" in output) == (2, True, True)


def test_sample_not_in_vcf(command: Command, case: Case) -> None:
    status, output = command("--vcf", people(case, "0|1"), "--phased", "--samples", "nobody")
    assert (status, "unknown sample 'nobody'" in output, "allowed: s" in output) == (2, True, True)


def test_unphased_with_phased(command: Command, case: Case) -> None:
    status, output = command("--vcf", people(case, "0/1"), "--phased")
    assert (status, "no phase ('0/1')" in output, "sample 's'" in output, "--unphased" in output) == (
        2,
        True,
        True,
        True,
    )


def test_half_calls(command: Command, case: Case) -> None:
    status, output = command("--vcf", people(case, ".|1", "./1", "1|1"), "--phased", "--unphased", "as-is")
    assert status == 0
    assert "2 missing alleles taken as REF" in output
    table = pd.read_csv(case.folder / "out.tsv", sep="\t")
    assert table["n_variants"].max() == 4  # the alleles that are known: one, one and two


def test_overlapping_variants_on_one_haplotype(command: Command, case: Case) -> None:
    at = tss_of(case)
    status, output = command("--vcf", people(case, "1|1", "0|1", starts=(at, at)), "--phased")
    assert status == 0
    assert "1 overlapping alleles left out" in output


def test_position_beyond_the_chromosome(command: Command, case: Case) -> None:
    status, _ = command("--vcf", vcf(case, line(case, 1600, ref="A", alt="C")))
    assert status == 0
    assert skipped(case) == [("REF_MISMATCH", "position 1601 is beyond chromosome 'chr1', which has 1 to 1500")]


def test_empty_alt(command: Command, case: Case) -> None:
    record = line(case, tss_of(case)).split("\t")
    record[4] = ""
    status, output = command("--vcf", vcf(case, "\t".join(record)), "--annotate", case.folder / "a.vcf.gz")
    assert (status, "1 alleles (1 NO_ALT)" in output) == (0, True)
    assert [status for status, _ in skipped(case)] == ["NO_ALT"]


def test_crlf(command: Command, case: Case) -> None:
    lines = [line(case, tss_of(case) - by) for by in (9, 4, 0)]
    unix, dos = vcf(case, *lines, name="unix.vcf"), case.folder / "dos.vcf"
    dos.write_bytes(unix.read_bytes().replace(b"\n", b"\r\n"))
    tables, records = [], []
    for path in (unix, dos):
        assert command("--vcf", path, "--annotate", case.folder / "a.vcf.gz", "--overwrite")[0] == 0
        tables.append(pd.read_csv(case.folder / "out.tsv", sep="\t"))
        with pysam.BGZFile(str(case.folder / "a.vcf.gz")) as handle:
            records.append(list(handle))
    pd.testing.assert_frame_equal(*tables)
    assert records[0] == records[1]


@pytest.mark.parametrize("annotate", [False, True])
def test_truncated_bgzf(command: Command, case: Case, annotate: bool) -> None:
    path = write_vcf(case.folder / "in.vcf.gz", case.rows, length=len(case.bases))
    path.write_bytes(path.read_bytes()[:-60])
    more = ["--annotate", case.folder / "a.vcf.gz"] if annotate else []
    status, output = command("--vcf", path, *more)
    assert (status, "truncated" in output or "damaged" in output) == (2, True), output
    assert not list(case.folder.glob("out.tsv*"))


@pytest.mark.parametrize("alt", ["<NON_REF>", "<DEL>", "<*>"])
def test_symbolic_and_gvcf(command: Command, case: Case, alt: str) -> None:
    at = tss_of(case)
    other = "A" if case.bases[at] != "A" else "C"
    status, output = command("--vcf", vcf(case, line(case, at, alt=f"{other},{alt}"), line(case, at + 1, alt=alt)))
    assert status == 0
    assert "3 alleles (2 SYMBOLIC, 1 SCORED)" in output
    assert {status for status, _ in skipped(case)} == {"SYMBOLIC"}


def test_duplicate_records(command: Command, case: Case) -> None:
    record = line(case, tss_of(case))
    status, output = command("--vcf", vcf(case, record, record), "--annotate", case.folder / "a.vcf.gz")
    assert (status, "2 alleles (2 SCORED)" in output) == (0, True)
    table = pd.read_csv(case.folder / "out.tsv", sep="\t")
    half = len(table) // 2
    np.testing.assert_array_equal(table["delta"][:half], table["delta"][half:])


def test_no_records(command: Command, case: Case) -> None:
    status, output = command(
        "--vcf", vcf(case), "--tabix", case.folder / "t.tsv.gz", "--summary", case.folder / "s.tsv"
    )
    assert (status, "bad.vcf has no variants" in output, "0 alleles (none)" in output) == (0, True, True)
    assert len(pd.read_csv(case.folder / "out.tsv", sep="\t")) == len(pd.read_csv(case.folder / "s.tsv", sep="\t")) == 0


def test_info_id_already_there(command: Command, case: Case) -> None:
    header = HEADER.replace("#CHROM", '##INFO=<ID=TEXCNN_DELTA,Number=1,Type=Float,Description="mine">\n#CHROM')
    path = vcf(case, line(case, tss_of(case)), header=header)
    status, output = command("--vcf", path, "--annotate", case.folder / "a.vcf.gz")
    assert (status, "has the INFO fields TEXCNN_DELTA already" in output, "annotate -x" in output) == (2, True, True)
    assert command("--vcf", path)[0] == 0  # nothing is written into it


def test_output_of_another_run(command: Command, case: Case) -> None:
    path = vcf(case, line(case, tss_of(case)))
    assert command("--vcf", path)[0] == 0
    before = (case.folder / "out.tsv").read_bytes()
    status, output = command("--vcf", path, "--max-distance", "50")
    assert (status, "already exists" in output, "--overwrite" in output) == (2, True, True)
    assert (case.folder / "out.tsv").read_bytes() == before
    # Parts that another run has left behind.
    for file in case.folder.glob("out.tsv*"):
        file.unlink()
    parts = case.folder / "out.tsv.parts"
    parts.mkdir()
    (parts / "run.json").write_text("of another run")
    status, output = command("--vcf", path)
    assert (status, "parts of another run are left here" in output, "--overwrite" in output) == (2, True, True)
