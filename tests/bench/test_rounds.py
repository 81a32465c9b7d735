"""Rounds, ratios and the rows they make."""

from __future__ import annotations

import time

import pytest

from texcnn.bench.rounds import (
    Goal,
    Row,
    as_text,
    describe_machine,
    median_ratio,
    peak_memory_mib,
    time_rounds,
    write_tsv,
)

PEER_OF_TABLE = {"texcnn": [4.0, 10.0, 6.0], "recipe": [8.0, 90.0, 12.0]}


def test_ratio_is_the_median_of_the_rounds_ratios():
    # Ratios 2, 9 and 2: one busy round changes nothing. The ratio of the medians would be the same only by chance.
    assert median_ratio(PEER_OF_TABLE["recipe"], PEER_OF_TABLE["texcnn"]) == 2
    assert median_ratio([1, 2, 9], [1, 4, 3]) == 1
    with pytest.raises(ValueError, match="zip"):
        median_ratio([1.0], [1.0, 2.0])


def test_rounds_are_interleaved():
    calls: list[str] = []
    seconds = time_rounds({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=3)
    assert calls == ["a", "b"] * 3
    assert {name: len(found) for name, found in seconds.items()} == {"a": 3, "b": 3}
    assert all(second >= 0 for found in seconds.values() for second in found)


def test_goals_count_their_bound_as_reached():
    assert [Goal(2).reached(value) for value in (1.99, 2.0, 3.0)] == [False, True, True]
    assert [Goal(1.05, at_least=False).reached(value) for value in (1.0, 1.05, 1.06)] == [True, True, False]
    assert (str(Goal(1.15)), str(Goal(15, at_least=False))) == ("≥ 1.15", "≤ 15")


def test_machine_is_described():
    output = describe_machine(time.gmtime(0), 1.26)
    assert output.startswith("1970-01-01 00:00 UTC; ")
    assert "load average when it began 1.3" in output
    assert "texcnn 0." in output
    assert 10 < peak_memory_mib() < 1e6


ROWS = [Row("fast", 1234.5678, "genes/s"), Row("share", 0.5, ""), Row("not there", None, "no GPU")]


def test_text_in_columns():
    assert as_text(ROWS).splitlines() == ["fast       1,235  genes/s", "share      0.500", "not there      -  no GPU"]


def test_tsv_keeps_every_digit(tmp_path):
    write_tsv(tmp_path / "table.tsv", ROWS)
    assert (tmp_path / "table.tsv").read_text() == (
        "measure\tvalue\tunit\nfast\t1234.5678\tgenes/s\nshare\t0.5\t\nnot there\t\tno GPU\n"
    )
