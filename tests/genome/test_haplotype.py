"""Genotypes as text, and which of overlapping alleles count."""

from __future__ import annotations

import pytest

from texcnn.errors import InputError
from texcnn.genome.haplotype import ABSENT, MISSING, Call, FirstWins, carried, parse_genotype, phase
from texcnn.genome.vcf import VcfRecord


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("0|1", Call((0, 1), False)),
        ("2|1", Call((2, 1), False)),
        ("1/1", Call((1, 1), False)),
        ("0/1", Call((0, 1), True)),
        ("./1", Call((MISSING, 1), True)),
        (".|1", Call((MISSING, 1), False)),
        ("./.", Call((MISSING, MISSING), False)),
        (".", Call((MISSING, MISSING), False)),
        ("1", Call((1, ABSENT), False)),
        ("0", Call((0, ABSENT), False)),
        ("|0|1", Call((0, 1), False)),
        ("/0/1", Call((0, 1), True)),
    ],
)
def test_parse_genotype(text: str, call: Call) -> None:
    assert parse_genotype(text) == call


@pytest.mark.parametrize(
    ("text", "message"), [("0/1/1", "has 3 alleles"), ("a|1", "is not a genotype"), ("", "not a genotype")]
)
def test_parse_genotype_refuses(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_genotype(text)


def test_phase_of_unphased_heterozygous_calls() -> None:
    het, two = Call((0, 1), True), Call((2, 1), True)
    assert phase(het, "skip") == (0, 0)
    assert phase(het, "as-is") == (0, 1)
    assert phase(het, "merge") == (1, 1)
    assert phase(two, "merge") == (2, 2)
    assert phase(Call((MISSING, 3), True), "merge") == (3, 3)
    with pytest.raises(InputError, match=r"has no phase.*skip, as-is or merge"):
        phase(het, "error")
    assert phase(Call((0, 1), False), "error") == (0, 1)


def test_carried_names_sample_and_record() -> None:
    record = VcfRecord(7, "chr1", 9, ".", "A", ("C",), ("0|1", "0/1"))
    assert list(carried(record, "as-is", ["a", "b"])) == [(0, (0, 1)), (1, (0, 1))]
    with pytest.raises(InputError, match=r"no phase \('0/1'\).*sample 'b', record 7 \(chr1:10\)"):
        list(carried(record, "error", ["a", "b"]))
    assert list(carried(VcfRecord(1, "chr1", 9, ".", "A", ("C",), ("0|0", "0/0", "0")), "error", "abc")) == [
        (2, (0, ABSENT))
    ]
    with pytest.raises(InputError, match=r"names allele 2.*sample 'a'.*0 to 1"):
        list(carried(VcfRecord(1, "chr1", 9, ".", "A", ("C",), ("0|2",)), "error", ["a"]))


def test_first_wins_and_an_insertion_does_not_overlap_the_base_after_it() -> None:
    def taken(*rows: tuple[int, str, str]) -> list[bool]:
        first = FirstWins()
        return [first.takes(VcfRecord(1, "chr1", start, ".", ref, (alt,)), alt) for start, ref, alt in rows]

    assert taken((10, "A", "AT"), (11, "C", "G")) == [True, True]
    assert taken((10, "A", "G"), (10, "A", "AT")) == [True, True]
    assert taken((10, "A", "AT"), (10, "A", "AC")) == [True, False]
    assert taken((10, "ACG", "A"), (11, "C", "T"), (12, "G", "GT"), (13, "T", "A")) == [True, False, True, True]
    assert taken((10, "A", "C"), (10, "A", "G")) == [True, False]
    assert taken((10, "AC", "A"), (11, "CG", "CT")) == [True, False]
