"""texcnn bench: on this machine, for models of both kinds and for encoders."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import texcnn.bench.model
from texcnn.cli.bench import bench
from texcnn.errors import InputError

ALWAYS = {
    "20,000 genes at this rate": "min",
    "matrix product, float32": "GFLOP/s",
    "drift of the machine: fastest round's matrix product / slowest's": "x",
    "peak memory, process": "MiB",
}
OF_ENCODERS = {
    "tokens embedded, tokenising included": "tokens/s",
    "tokens made": "tokens/s",
    "tokens made / tokens embedded": "x",
}
OF_KNOWN_ENCODERS = {"arithmetic of the encoders": "GFLOP/s", "arithmetic of the encoders / matrix product": ""}


@pytest.fixture(autouse=True)
def _short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texcnn.bench.model, "SECONDS", 0.01)
    monkeypatch.setattr(texcnn.bench.model, "_ROUNDS", 1)


def measured(out: Path, *arguments: str) -> dict[str, tuple[float, str]]:
    options = ["--device", "cpu", "--dtype", "float32", "--out", str(out), *arguments]
    result = CliRunner().invoke(bench, options, catch_exceptions=False)
    assert result.exit_code == 0
    rows = [line.split("\t") for line in out.read_text().splitlines()]
    assert rows[0] == ["measure", "value", "unit"]
    assert all(row[0] in result.output for row in rows[1:])
    assert "cpu in float32" in result.output
    return {what: (float(value), unit) for what, value, unit in rows[1:]}


def check(found: dict[str, tuple[float, str]], *wanted: dict[str, str]) -> None:
    units = {what: unit for part in wanted for what, unit in part.items()}
    genes = next(what for what in found if what.startswith("genes of "))
    assert {what: unit for what, (_, unit) in found.items() if what != genes} == units
    assert all(value > 0 for value, _ in found.values())
    per_second, unit = found[genes]
    assert unit == "genes/s"
    assert found["20,000 genes at this rate"][0] == pytest.approx(20_000 / per_second / 60)


def test_a_language_model(tiny_dnabert2: Path, tmp_path: Path) -> None:
    found = measured(tmp_path / "table.tsv", "--model", str(tiny_dnabert2))
    check(found, ALWAYS, OF_ENCODERS, OF_KNOWN_ENCODERS)


def test_an_encoder_of_unknown_arithmetic(tiny: Path, tmp_path: Path) -> None:
    check(measured(tmp_path / "table.tsv", "--model", str(tiny)), ALWAYS, OF_ENCODERS)


def test_what_cannot_be_measured_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="both a model and encoders"):
        CliRunner().invoke(bench, ["--model", "a", "--encoder", "b"], catch_exceptions=False)
    (tmp_path / "there.tsv").write_text("")
    with pytest.raises(InputError, match="already exists"):
        CliRunner().invoke(bench, ["--out", str(tmp_path / "there.tsv")], catch_exceptions=False)


@pytest.mark.data
def test_a_model_that_reads_bases(data: Path, tmp_path: Path) -> None:
    from texcnn.model.xpresso_bundle import import_xpresso

    import_xpresso(data / "xpresso" / "human_trainepoch.11-0.426.h5", tmp_path / "xpresso")
    check(measured(tmp_path / "table.tsv", "--model", str(tmp_path / "xpresso")), ALWAYS)


def test_windows_are_the_same_each_time() -> None:
    first = texcnn.bench.model.random_windows(2, 50)
    assert first == texcnn.bench.model.random_windows(2, 50)
    assert [len(window) for window in first] == [50, 50]
    assert first[0] != first[1]
    assert set(first[0]) == set("ACGT")
