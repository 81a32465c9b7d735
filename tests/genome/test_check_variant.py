"""Variants against a genome: each status, chromosome names of another style, and a genome of another assembly."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from variant_files import TextReference

from texcnn.errors import InputError
from texcnn.genome.builds import find_build
from texcnn.genome.cached_bases import CachedBases
from texcnn.genome.check_variant import VariantCheck
from texcnn.genome.normalize import Edit
from texcnn.genome.variant import NotScored, Variant, VariantStatus, parse_variant

BASES = "ACGTTTGCANNACGTACGTA"


def check(text: str, **options: bool) -> Edit | NotScored:
    checker = VariantCheck(CachedBases(TextReference(BASES)), "test", longest=6, **options)
    return checker.check(parse_variant(text))


@pytest.mark.parametrize(
    ("text", "edit"),
    [
        ("chr1:1:A>C", Edit("chr1", 0, 1, "C")),
        ("chr1:5:t>g", Edit("chr1", 4, 5, "G")),
        ("chr1:4:TT>T", Edit("chr1", 4, 5, "", 1, 1)),
        ("chr1:20:A>AC", Edit("chr1", 20, 20, "C", 0, 0)),
    ],
)
def test_what_a_variant_changes(text: str, edit: Edit) -> None:
    assert check(text) == edit


@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        ("chr1:1:C>A", "REF_MISMATCH", "REF is C, the FASTA has A"),
        ("chr1:21:A>C", "REF_MISMATCH", "position 21 is beyond chromosome 'chr1', which has 1 to 20"),
        ("chr1:19:TAC>T", "REF_MISMATCH", "beyond chromosome"),
        ("chr1:9999999999:A>C", "REF_MISMATCH", "beyond chromosome"),
        ("chrZ:1:A>C", "CONTIG_MISSING", "no chromosome 'chrZ'"),
        ("chr1:10:A>C", "NO_KNOWN_BASES", "the FASTA has N at chr1:10"),
        ("chr1:9:AC>A", "NO_KNOWN_BASES", "the FASTA has N"),
        ("chr1:1:A>*", "SPANNING_DELETION", "earlier deletion"),
        ("chr1:1:A>AACGTAC", "TOO_LONG", "the window has 6"),
        ("chr1:1:A>N", "NOT_ACGT", "ALT 'N'"),
    ],
)
def test_why_a_variant_is_not_scored(text: str, status: str, reason: str) -> None:
    problem = check(text)
    assert isinstance(problem, NotScored)
    assert problem.status is VariantStatus(status)
    assert reason in problem.reason


@pytest.mark.parametrize(
    ("text", "stated", "edit"),
    [
        ("chr1:3:2:", "chr1:3:GTT>G", Edit("chr1", 3, 5, "", 0, 1)),
        ("NC_000001.11:3:TT:", "NC_000001.11:3:GTT>G", Edit("chr1", 3, 5, "", 0, 1)),
        ("chr1:0::G", "chr1:1:A>GA", Edit("chr1", 0, 0, "G")),
        ("chr1:2::C", "chr1:2:C>CC", Edit("chr1", 2, 2, "C", 1, 0)),
        ("chr1:1:A:C", "chr1:1:A>C", Edit("chr1", 0, 1, "C")),
        ("chr1:3:2:A", "chr1:4:TT>A", Edit("chr1", 3, 5, "A")),
        ("chrZ:3:2:", "chrZ:4:nn>", None),
    ],
)
def test_spdi_gets_a_base_where_it_leaves_an_allele_empty(text: str, stated: str, edit: Edit | None) -> None:
    checker = VariantCheck(CachedBases(TextReference(BASES)), "test", longest=6)
    variant = checker.as_in_vcf(parse_variant(text))
    assert str(variant) == stated
    found = checker.check(variant)
    assert found == edit if edit is not None else isinstance(found, NotScored)


def test_position_0_is_outside() -> None:
    checker = VariantCheck(CachedBases(TextReference(BASES)), "test", longest=6)
    problem = checker.check(Variant("chr1", -1, "A", "C"))
    assert isinstance(problem, NotScored)
    assert (problem.status, checker.compared, checker.mismatches) == ("REF_MISMATCH", 1, 1)


def test_names_of_the_other_style_are_an_error_or_mapped() -> None:
    with pytest.raises(InputError, match=r"name the chromosomes differently \('1' and 'chr1'\).*map_chrom_names"):
        check("1:1:A>C")
    assert check("1:1:A>C", map_chrom_names=True) == Edit("chr1", 0, 1, "C")
    # Where other chromosomes are known by their own names, one that is not is listed.
    checker = VariantCheck(CachedBases(TextReference(BASES)), "test", longest=6, declared={"chr1": 20, "1": 20})
    problem = checker.check(parse_variant("1:1:A>C"))
    assert isinstance(problem, NotScored)
    assert problem.status is VariantStatus.CONTIG_MISSING
    assert "'chr1'" in problem.reason


def test_more_than_5_percent_of_100_stop_the_run_with_the_assembly() -> None:
    reference = TextReference(BASES)
    reference.lengths["chr2"] = 242193529
    declared = {"chr1": 249250621, "chr2": 243199373}
    checker = VariantCheck(CachedBases(reference), Path("a.vcf"), longest=6, declared=declared)
    good, bad = parse_variant("chr1:1:A>C"), parse_variant("chr1:1:C>A")
    for number in range(99):
        checker.check(bad if number < 5 else good)
    assert isinstance(checker.check(good), Edit)
    with pytest.raises(InputError, match=r"6 of the first 101 REF.*header are of GRCh37/hg19.*a\.vcf"):
        checker.check(bad)


def test_few_mismatches_are_logged_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="texcnn")
    checker = VariantCheck(CachedBases(TextReference(BASES)), "test", longest=6)
    checker.finish()
    assert caplog.text == ""
    for text in ("chr1:1:C>A", "chr1:1:A>C", "chr1:6:T>TT"):
        checker.check(parse_variant(text))
    checker.finish()
    assert "1 of 3 REF alleles differ from the FASTA and are not scored" in caplog.text
    assert "no assembly known here" in caplog.text
    assert "1 alleles were trimmed or left-aligned" in caplog.text


@pytest.mark.parametrize(
    ("lengths", "build"),
    [
        ({"chr1": 248956422, "chrM": 16569}, "GRCh38/hg38"),
        ({"1": 249250621, "X": 155270560}, "GRCh37/hg19"),
        ({"chr2": 242696752}, "T2T-CHM13v2.0"),
        ({"chr19": 61431566}, "GRCm38/mm10"),
        ({"chr19": 61420004}, "GRCm39/mm39"),
        ({"IV": 1531933}, "R64-1-1/sacCer3"),
        ({"chr1": 248956422, "chr2": 243199373}, None),
        ({"scaffold_1": 100}, None),
        ({}, None),
    ],
)
def test_find_build(lengths: dict[str, int], build: str | None) -> None:
    assert find_build(lengths) == build
