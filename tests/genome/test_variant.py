"""Variants as text, and alleles that no genome can make scorable."""

from __future__ import annotations

import pytest

from texcnn.errors import InputError
from texcnn.genome.variant import Variant, VariantStatus, allele_problem, parse_variant


@pytest.mark.parametrize(
    ("text", "variant"),
    [
        ("chr17:7674220:G>A", Variant("chr17", 7674219, "G", "A")),
        ("chr17:7674220G>A", Variant("chr17", 7674219, "G", "A")),
        (" chr17:7674220:g:at ", Variant("chr17", 7674219, "G", "AT")),
        ("chr17 :7674220:G>A", Variant("chr17", 7674219, "G", "A")),
        ("17-7674220-G-A", Variant("17", 7674219, "G", "A")),
        ("17_7674220_G_A", Variant("17", 7674219, "G", "A")),
        ("chrUn_KI270742v1-5-AC-A", Variant("chrUn_KI270742v1", 4, "AC", "A")),
        ("HLA-A*01:01:5:A>C", Variant("HLA-A*01:01", 4, "A", "C")),
        ("NC_000017.11:7674219:G:A", Variant("NC_000017.11", 7674219, "G", "A")),
        ("NC_000023.11:9:G:", Variant("NC_000023.11", 9, "G", "")),
        ("NC_001133.9:9::TT", Variant("NC_001133.9", 9, "", "TT")),
        ("chr1:9:3:", Variant("chr1", 9, "nnn", "")),
        ("chr1:9:A:<DEL>", Variant("chr1", 8, "A", "<DEL>")),
        ("chr1:9:A>*", Variant("chr1", 8, "A", "*")),
    ],
)
def test_parse_variant(text: str, variant: Variant) -> None:
    assert parse_variant(text) == variant


@pytest.mark.parametrize("text", ["", "chr1:123", "chr1:x:A>G", "chr1:-3:A>G", "chr1:12:A>", "rs123", "chr1:9::"])
def test_parse_variant_refuses_other_text(text: str) -> None:
    with pytest.raises(InputError, match=r"is not a variant|has no allele"):
        parse_variant(text)


def test_parse_variant_refuses_position_0_unless_spdi() -> None:
    with pytest.raises(InputError, match="position 0"):
        parse_variant("chr1:0:A>C")
    assert parse_variant("NC_000001.11:0:A:C").pos == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"chr1:{10**20}:A>C", "position 10+ is beyond any chromosome"),
        ("chr1:\u0662\u0661:A>C", "is not a variant"),
        ("chr1:9:99999999:", "more bases than any window"),
        ("chr1:9:1" + "0" * 5000 + ":A", "more bases than any window"),
    ],
)
def test_numbers_of_a_variant_are_ascii_and_have_bounds(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_variant(text)


def test_variant_text_round_trip() -> None:
    variant = Variant("chr1", 122, "A", "GT")
    assert str(variant) == "chr1:123:A>GT"
    assert parse_variant(str(variant)) == variant
    assert variant.end == 123
    with pytest.raises(InputError, match="no chromosome name"):
        Variant("", 1, "A", "C")


@pytest.mark.parametrize(
    ("ref", "alt", "status"),
    [
        ("A", ".", "NO_ALT"),
        ("A", "a", "NO_ALT"),
        ("A", "*", "SPANNING_DELETION"),
        ("A", "<DEL>", "SYMBOLIC"),
        ("A", "<NON_REF>", "SYMBOLIC"),
        ("A", "<*>", "SYMBOLIC"),
        ("A", "A[chr2:5[", "BREAKEND"),
        ("A", "]chr2:5]A", "BREAKEND"),
        ("A", "A.", "BREAKEND"),
        ("A", ".A", "BREAKEND"),
        ("A", "R", "NOT_ACGT"),
        ("N", "A", "NOT_ACGT"),
        ("A", "AN", "NOT_ACGT"),
        ("A", "ACGTA", "TOO_LONG"),
        ("ACGTA", "C", "TOO_LONG"),
    ],
)
def test_allele_problem_has_a_status_for_each_kind(ref: str, alt: str, status: str) -> None:
    problem = allele_problem(ref, alt, longest=4)
    assert problem is not None
    assert problem.status is VariantStatus(status)
    assert problem.reason


@pytest.mark.parametrize(("ref", "alt"), [("A", "c"), ("acgt", "A"), ("", "AC"), ("AC", "")])
def test_alleles_of_bases_have_no_problem(ref: str, alt: str) -> None:
    assert allele_problem(ref, alt, longest=4) is None
