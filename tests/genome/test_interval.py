"""Intervals check themselves and round-trip through text."""

from __future__ import annotations

import dataclasses

import pytest

from texcnn.errors import InputError
from texcnn.genome.interval import Interval, reverse_complement


def test_interval_length_is_end_minus_start_also_across_zero() -> None:
    assert len(Interval("chr1", 10, 25)) == 15
    assert len(Interval("chr1", -5, 3)) == 8


@pytest.mark.parametrize("text", ["chr1:0-10:+", "chr1:0-10:-", "chr1:-20-10:.", "HLA-A*01:01:5-9:+"])
def test_interval_text_round_trip(text: str) -> None:
    assert str(Interval.from_str(text)) == text


def test_interval_from_str_reads_every_field() -> None:
    assert Interval.from_str("chrX:-7-12:-") == Interval("chrX", -7, 12, "-")
    assert Interval.from_str("chrX:3-12").strand == "+"


@pytest.mark.parametrize(
    "text", ["", "chr1", "chr1:5", "chr1:5-", "chr1:a-9", "chr1:1-9:x", ":1-9", "chr1:1,000-2,000"]
)
def test_interval_from_str_refuses_other_text(text: str) -> None:
    with pytest.raises(InputError, match="is not an interval"):
        Interval.from_str(text)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (("chr1", 10, 10, "+"), "start 10 is not below end 10"),
        (("chr1", 10, 9, "+"), "start 10 is not below end 9"),
        (("", 0, 9, "+"), "no chromosome name"),
        (("chr1", 0, 9, "*"), r"unknown strand '\*'.*\+, - or \."),
    ],
)
def test_interval_refuses_bad_fields(fields: tuple[str, int, int, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Interval(*fields)


def test_interval_is_a_value() -> None:
    interval = Interval("chr1", 1, 2)
    assert {interval, Interval("chr1", 1, 2, "+")} == {interval}
    with pytest.raises(dataclasses.FrozenInstanceError):
        interval.start = 0  # type: ignore[misc]


def test_reverse_complement() -> None:
    assert reverse_complement("ACGTN") == "NACGT"
    assert reverse_complement("aaCgt") == "acGtt"
    assert reverse_complement("") == ""
    assert reverse_complement(reverse_complement("GATTACA")) == "GATTACA"


def test_reverse_complement_refuses_other_letters() -> None:
    with pytest.raises(InputError, match="unusable letters in the bases: 'R'"):
        reverse_complement("ACR")
