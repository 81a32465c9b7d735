"""Tracks for genome browsers, read back by pybigtools and line by line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pybigtools
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from texcnn.effects.tracks import write_bedgraph, write_bigwig
from texcnn.genome.interval import Interval

PLACE = Interval("chr1", 95, 100, "-")
VALUES = np.array([0.1, np.nan, -2.5, 0, np.nan], np.float32)


def lines(path: Path) -> list[tuple[str, int, int, np.float32]]:
    rows = [line.split("\t") for line in path.read_text().splitlines()[1:]]
    return [(chrom, int(start), int(end), np.float32(value)) for chrom, start, end, value in rows]


def records(path: Path) -> list[tuple[str, int, int, np.float32]]:
    with pybigtools.open(str(path)) as track:
        return [
            (chrom, start, end, np.float32(value))
            for chrom in track.chroms()
            for start, end, value in track.records(chrom)
        ]


EXPECTED = [
    ("chr1", 95, 96, np.float32(0.1)),
    ("chr1", 97, 98, np.float32(-2.5)),
    ("chr1", 98, 99, np.float32(0)),
]  # fmt: skip


def test_a_line_per_base_with_a_value(tmp_path: Path) -> None:
    write_bedgraph(tmp_path / "t.bedgraph", PLACE, VALUES, name="G x ism")
    assert (tmp_path / "t.bedgraph").read_text().startswith('track type=bedGraph name="G x ism"\nchr1\t95\t96\t0.1')
    assert lines(tmp_path / "t.bedgraph") == EXPECTED


def test_bigwig_says_the_same_and_knows_the_chromosome(tmp_path: Path) -> None:
    write_bigwig(tmp_path / "t.bw", PLACE, VALUES, length=100)
    assert records(tmp_path / "t.bw") == EXPECTED
    with pybigtools.open(str(tmp_path / "t.bw")) as track:
        assert track.chroms() == {"chr1": 100}


def test_without_a_value_there_is_no_bigwig_and_an_empty_bedgraph(tmp_path: Path) -> None:
    nothing = np.full(5, np.nan, np.float32)
    write_bigwig(tmp_path / "t.bw", PLACE, nothing, length=100)
    assert not (tmp_path / "t.bw").exists()
    write_bedgraph(tmp_path / "t.bedgraph", PLACE, nothing, name="n")
    assert lines(tmp_path / "t.bedgraph") == []


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=arrays(np.float32, st.integers(1, 40), elements=st.floats(-(2.0**99), 2.0**99, width=32)),
    start=st.integers(0, 50),
)
def test_every_float32_comes_back_from_both(tmp_path: Path, values: np.ndarray, start: int) -> None:
    place = Interval("chr1", start, start + len(values))
    expected = [("chr1", start + row, start + row + 1, value) for row, value in enumerate(values)]
    write_bedgraph(tmp_path / "t.bedgraph", place, values, name="n")
    assert lines(tmp_path / "t.bedgraph") == expected
    write_bigwig(tmp_path / "t.bw", place, values, length=200)
    assert records(tmp_path / "t.bw") == expected


@pytest.mark.parametrize("start", [0, 99])
def test_the_chromosomes_first_and_last_base(tmp_path: Path, start: int) -> None:
    write_bigwig(tmp_path / "t.bw", Interval("chr1", start, start + 1), np.ones(1, np.float32), length=100)
    assert records(tmp_path / "t.bw") == [("chr1", start, start + 1, 1)]
