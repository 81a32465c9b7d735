"""Rows of a bench worked out from seconds that are made up, and figures as they are written."""

from __future__ import annotations

import time
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
import torch
from tiny import CompositionEncoder

import texcnn
from texcnn.bench import model as bench
from texcnn.bench import rounds
from texcnn.bench.flops import batch_flops
from texcnn.bench.rounds import Row, as_text, describe_machine, significant, skipped, time_rounds
from texcnn.embedding.options import ComputeOptions
from texcnn.genome.windows import WindowSpec
from texcnn.segments.segment import SegmentSpec

PIECES = ["ACGTACGT", "ACGTA", "AC"]
SECONDS = {"genes": [2.0, 4.0, 1.0], "tokens": [0.5, 0.5, 0.25]}


def rows_of(*encoders: object) -> dict[str, float | None]:
    found = bench._encoder_rows(encoders, PIECES, SECONDS, [1e6, 2e6, 1e6])  # type: ignore[arg-type]
    return {row.what: row.value for row in found}


def test_rates_are_medians_over_the_rounds() -> None:
    found = rows_of(CompositionEncoder())
    # 15 tokens in 2, 4 and 1 seconds; made in 0.5, 0.5 and 0.25.
    assert found == {
        "tokens embedded, tokenising included": 7.5,
        "tokens made": 30,
        "tokens made / tokens embedded": 4,
    }
    two = rows_of(CompositionEncoder(), CompositionEncoder())
    assert two["tokens made"] == 60, "of all encoders together"


def test_arithmetic_is_a_share_of_the_machines(tiny_dnabert2: Path) -> None:
    encoder = texcnn.load_model(tiny_dnabert2).segment_network().encoders[0]
    lengths = [len(row) for row in encoder.tokenize(PIECES)]
    flops = batch_flops(lengths, hidden=16, intermediate=24, layers=2, gated=True)
    found = rows_of(encoder)
    assert found["arithmetic of the encoders"] == pytest.approx(flops / 2 / 1e9)
    # In the three rounds 1/2, 1/4 and 1 of the operations per second, over peaks of 1, 2 and 1 million.
    assert found["arithmetic of the encoders / matrix product"] == pytest.approx(flops / 2 / 1e6)
    assert "arithmetic of the encoders" not in rows_of(encoder, CompositionEncoder()), "one of them is not known"


@pytest.mark.parametrize(("seconds", "expected"), [(1.0, 10), (0.2, 2), (0.01, 2), (1000.0, 256)])
def test_a_round_takes_about_the_seconds_asked_for(
    monkeypatch: pytest.MonkeyPatch, seconds: float, expected: int
) -> None:
    """A gene takes a tenth of a second on a clock that only the work moves."""
    now, asked = [0.0], []

    def run(windows: list[str]) -> None:
        asked.append(len(windows))
        now[0] += 0.1 * len(windows)

    def peak(device: torch.device, dtype: torch.dtype) -> float:
        now[0] += 1
        return 1e9 if now[0] % 2 < 1 else 4e9

    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(bench, "gemm_flops_per_second", peak)
    options = ComputeOptions(device="cpu")
    found = bench._measure(run, [], WindowSpec(20, 10), SegmentSpec(10), options, seconds)  # type: ignore[arg-type]
    assert asked == [1, 2, *[expected] * 3]
    values = {row.what: row.value for row in found}
    assert values[f"genes of 30 bp, {expected} at a time"] == pytest.approx(10)
    assert values["20,000 genes at this rate"] == pytest.approx(2000 / 60)
    assert not any("tokens" in what for what in values)


def test_windows_are_random_known_bases_of_the_length() -> None:
    windows = bench.random_windows(3, 50)
    assert [len(window) for window in windows] == [50] * 3
    assert set("".join(windows)) == set("ACGT")
    assert windows == bench.random_windows(3, 50)
    assert bench.random_windows(5, 50)[:3] == windows
    assert len(set(windows)) == 3


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.00"),
        (0.00123456, "0.00123"),
        (1, "1.00"),
        (12.345, "12.3"),
        (99.94, "99.9"),
        (-123.4, "-123"),
        (1234567.8, "1,234,568"),
    ],
)
def test_three_significant_digits_but_all_before_the_point(value: float, text: str) -> None:
    assert significant(value) == text


def test_text_is_aligned_and_says_what_was_not_measured() -> None:
    text = as_text([Row("a", 1234.5, "genes/s"), *skipped("no GPU", ["longer name"])])
    assert text.splitlines() == ["a            1,234  genes/s", "longer name      -  no GPU"]


def test_a_package_that_is_missing_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "torch":
            raise PackageNotFoundError(name)
        return "9"

    monkeypatch.setattr(rounds, "version", version)
    output = describe_machine(time.gmtime(86_400), 0.04)
    assert output.startswith("1970-01-02 00:00 UTC; ")
    assert "load average when it began 0.0;" in output
    assert "texcnn 9, no torch, transformers 9" in output


def test_seconds_are_those_of_each_function(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def take(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    found = time_rounds({"slow": lambda: take(3), "fast": lambda: take(0.5)}, 2)
    assert found == {"slow": [3, 3], "fast": [0.5, 0.5]}
    assert time_rounds({"none": lambda: None}, 0) == {"none": []}
