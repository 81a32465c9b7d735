"""``texcnn variants``: exit status, and a message for each kind of bad input."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pysam
import pytest
from effect_files import HEADER, Case, Command, line, vcf
from variant_files import Row, write_vcf


def skipped(case: Case) -> pd.DataFrame:
    return pd.read_csv(case.folder / "out.tsv.skipped.tsv", sep="\t", keep_default_na=False)


def test_counts_are_printed_and_add_up(command: Command, case: Case) -> None:
    status, output = command("--vcf", case.folder / "in.vcf")
    assert status == 0
    assert f"{len(case.rows)} alleles (" in output
    again, output = command("--vcf", case.folder / "in.vcf")
    assert (again, "already exists" in output, "--overwrite" in output) == (2, True, True)
    assert command("--vcf", case.folder / "in.vcf", "--overwrite", "--quiet") == (0, "")


def test_variants_as_text(command: Command, case: Case) -> None:
    gene = next(gene for gene in case.genes if gene[4] == "+")
    base = case.bases[gene[2] - 3]
    other = "A" if base != "A" else "C"
    status, output = command(
        "--variant", f"chr1:{gene[2] - 2}:{base}>{other}", "--variant", f"chr1-1-{case.bases[0]}-N"
    )
    assert status == 0
    assert "2 alleles (1 SCORED, 1 NOT_ACGT)" in output
    table = pd.read_csv(case.folder / "out.tsv", sep="\t")
    assert -2 in set(table["distance_to_tss"])
    assert command("--variant", "rs123", "--overwrite")[1].count("'rs123' is not a variant") == 1


def test_every_status_is_listed_and_none_is_a_zero(command: Command, case: Case) -> None:
    tss = next(gene for gene in case.genes if gene[4] == "+")[2] - 1
    genome = case.bases
    lines = [
        line(case, tss),
        line(case, tss, alt="."),
        line(case, tss, alt="*"),
        line(case, tss, alt="<NON_REF>"),
        line(case, tss, alt=f"{genome[tss]}]chr2:5]"),
        line(case, tss, alt="N"),
        line(case, tss, alt=genome[tss] + "ACGT" * 10),
        line(case, tss, ref="A" if genome[tss] != "A" else "C", alt="G" if genome[tss] != "G" else "T"),
        line(case, tss, chrom="chrUn"),
        line(case, 5000, ref="A", alt="C"),
    ]
    status, output = command("--vcf", vcf(case, *lines))
    assert status == 0
    listed = skipped(case)
    assert listed["status"].tolist() == [
        "NO_ALT", "SPANNING_DELETION", "SYMBOLIC", "BREAKEND", "NOT_ACGT", "TOO_LONG", "REF_MISMATCH", "CONTIG_MISSING",
        "REF_MISMATCH",
    ]  # fmt: skip
    assert "beyond chromosome" in listed["reason"].iloc[-1]
    assert "10 alleles (2 REF_MISMATCH, 1 SCORED" in output
    assert "2 of 3 REF alleles differ from the FASTA" in output


def test_multi_allelic_and_duplicate_records_keep_every_allele(command: Command, case: Case) -> None:
    tss = case.genes[0][2]
    base = case.bases[tss]
    alts = [other for other in "ACGT" if other != base]
    status, output = command(
        "--vcf", vcf(case, line(case, tss, alt=",".join(alts)), *[line(case, tss, alt=alts[0])] * 2)
    )
    assert (status, "5 alleles (5 SCORED)" in output) == (0, True)
    table = pd.read_csv(case.folder / "out.tsv", sep="\t")
    first = table[(table["alt"] == alts[0]) & (table["cell_type"] == "x")]
    assert first.groupby("gene_id")["delta"].nunique().max() == 1
    assert first.groupby("gene_id").size().min() == 3


def test_a_vcf_of_no_records_gives_an_empty_table_and_says_so(command: Command, case: Case) -> None:
    status, output = command("--vcf", vcf(case), "--annotate", case.folder / "o.vcf.gz")
    assert (status, "bad.vcf has no variants" in output) == (0, True)
    assert len(pd.read_csv(case.folder / "out.tsv", sep="\t")) == len(skipped(case)) == 0
    with pysam.VariantFile(str(case.folder / "o.vcf.gz")) as annotated:
        assert list(annotated) == []


def test_another_genome_stops_the_run(command: Command, case: Case) -> None:
    wrong = [line(case, place, ref="A" if case.bases[place] != "A" else "C", alt="G") for place in range(9, 1000, 8)]
    header = HEADER.replace("ID=chr1,length=1500", "ID=chr1,length=249250621")
    status, output = command("--vcf", vcf(case, *wrong, header=header))
    assert status == 2
    assert "REF alleles differ from the FASTA" in output
    assert "those of the VCF's header are of GRCh37/hg19" in output
    assert not (case.folder / "out.tsv").exists()


def test_names_of_another_style(command: Command, case: Case) -> None:
    lines = [line(case, place, chrom="1") for place in (100, 200)]
    path = vcf(case, *lines, header=HEADER.replace("chr1", "1"))
    status, output = command("--vcf", path)
    assert (status, "('1' and 'chr1')" in output, "--map-chrom-names maps them" in output) == (2, True, True)
    status, output = command("--vcf", path, "--map-chrom-names")
    assert status == 0, output
    assert set(skipped(case)["status"]) <= {"OUTSIDE_WINDOWS"}


def test_unsorted_variants_are_scored_but_not_indexed(command: Command, case: Case) -> None:
    path = vcf(case, line(case, 400), line(case, 100))
    assert command("--vcf", path)[0] == 0
    for option, name in (("--annotate", "a.vcf.gz"), ("--tabix", "t.tsv.gz")):
        tss = [case.genes[0][2], case.genes[0][2] - 5]
        path = vcf(case, *(line(case, place) for place in tss))
        status, output = command("--vcf", path, option, case.folder / name, "--overwrite")
        assert (status, "not sorted by position" in output, "bcftools sort" in output) == (2, True, True)
        assert not (case.folder / name).exists()


def test_an_annotated_vcf_is_not_annotated_again(command: Command, case: Case) -> None:
    first, second = case.folder / "first.vcf.gz", case.folder / "second.vcf.gz"
    assert command("--vcf", case.folder / "in.vcf", "--annotate", first)[0] == 0
    status, output = command("--vcf", first, "--annotate", second, "--overwrite")
    assert status == 2
    assert "has the INFO fields TEXCNN_STATUS, TEXCNN_DELTA" in output
    assert "bcftools annotate -x INFO/TEXCNN_STATUS" in output
    # The field without its line in the header is found too.
    path = vcf(case, line(case, 100)[:-1] + "AC=1;TEXCNN_DELTA=3")
    status, output = command("--vcf", path, "--annotate", second, "--overwrite")
    assert (status, "has TEXCNN_DELTA already" in output) == (2, True)


def test_what_is_in_a_vcf_stays_as_it_is(command: Command, case: Case) -> None:
    header = HEADER.replace("#CHROM", '##mystery=kept\n##INFO=<ID=AC,Number=A,Type=Float,Description="x">\n#CHROM')
    odd = line(case, case.genes[0][2]).rsplit("\t", 3)[0] + "\t30.50\tq10;s50\tAC=0.500;FLAG"
    path = vcf(case, odd, line(case, 1400), header=header)
    assert command("--vcf", path, "--annotate", case.folder / "o.vcf.gz")[0] == 0
    with pysam.BGZFile(str(case.folder / "o.vcf.gz")) as handle:
        written = [row.decode() for row in handle]
    assert "##mystery=kept" in written
    first = written[-2].split("\t")
    assert first[:7] == odd.split("\t")[:7]
    assert first[7].startswith("AC=0.500;FLAG;TEXCNN_STATUS=SCORED;TEXCNN_DELTA=")
    assert written[-1].endswith(
        "\tTEXCNN_STATUS=OUTSIDE_WINDOWS;TEXCNN_DELTA=.;TEXCNN_GENE=.;TEXCNN_CELL=.;TEXCNN_QUANTILE=."
    ) or ("TEXCNN_STATUS=SCORED" in written[-1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no variants, or variants twice"),
        (["--variant", "chr1:1:A>C", "--vcf", "in.vcf"], "no variants, or variants twice"),
        (["--variant", "chr1:1:A>C", "--annotate", "a.vcf.gz"], "no VCF to annotate"),
        (["--vcf", "in.vcf", "--annotate", "a.vcf"], "unknown format 'a.vcf'"),
        (["--vcf", "in.vcf", "--summary", "out.tsv"], "would be written twice"),
        (["--vcf", "in.vcf", "--samples", "s"], "allowed: with --phased"),
        (["--vcf", "in.vcf", "--phased"], "the VCF has no samples"),
        (["--vcf", "in.vcf", "--cell-type", "q"], "unknown cell type 'q'"),
        (["--vcf", "in.vcf", "--half-life"], "half-life|no features"),
        (["--vcf", "missing.vcf"], "No such file"),
        (["--vcf", "in.vcf", "--genes", "none.txt"], "no gene is left"),
    ],
)
def test_arguments_that_cannot_be_used(
    command: Command, case: Case, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(case.folder)
    Path("none.txt").write_text("nobody\n")
    status, output = command(*arguments, out=Path("out.tsv"))
    assert status in (1, 2)
    assert any(part in output for part in message.split("|")), output
    assert "Traceback" not in output
    assert not list(case.folder.glob("*.parts"))


def test_a_pipe_is_scored_but_not_annotated(command: Command, case: Case) -> None:
    import threading

    content = (case.folder / "in.vcf").read_bytes()
    for name, extra, expected in (("p1", [], 0), ("p2", ["--annotate", case.folder / "a.vcf.gz"], 2)):
        pipe = case.folder / name
        os.mkfifo(pipe)
        feeder = threading.Thread(target=lambda pipe=pipe: _feed(pipe, content), daemon=True)
        feeder.start()
        status, output = command("--vcf", pipe, *extra, "--overwrite")
        assert status == expected, output
    assert "a pipe cannot be read twice" in output


def _feed(pipe: Path, content: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):
        pipe.write_bytes(content)


def test_haplotypes_by_the_command(command: Command, case: Case) -> None:
    rows = [replace(row, genotypes=("0|1", "1|1")) for row in case.rows if len(row.ref) == len(row.alts[0])]
    path = write_vcf(case.folder / "p.vcf", rows, length=len(case.bases), samples=("s", "t"))
    status, output = command("--vcf", path, "--phased", "--samples", "t,s", out=case.folder / "h.tsv")
    assert status == 0, output
    assert "2 samples, 25 genes" in output
    table = pd.read_csv(case.folder / "h.tsv", sep="\t")
    assert table["sample"].unique().tolist() == ["t", "s"]
    unphased = [Row(row.start, row.ref, row.alts, ("0/1", "0|0")) for row in rows]
    path = write_vcf(case.folder / "u.vcf", unphased, length=len(case.bases), samples=("s", "t"))
    status, output = command("--vcf", path, "--phased", out=case.folder / "u.tsv")
    assert (status, "a heterozygous genotype has no phase" in output) == (2, True)
