"""``texcnn embed``: types, the grid and room, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from tiny import write_genome, write_gtf

from texcnn.cli.main import main


@pytest.fixture
def texcnn(tmp_path: Path, tiny_dnabert2: Path, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    genome, gtf = write_genome(tmp_path), write_gtf(tmp_path / "genes.gtf")
    inputs = ["--fasta", str(genome), "--gtf", str(gtf)]

    def run(command: str, *options: object, genes: bool = True) -> tuple[int, str]:
        given = [command, *(inputs if genes else []), "--model", str(tiny_dnabert2), "--device", "cpu"]
        with pytest.raises(SystemExit) as leaving:
            main([*given, *map(str, options)])
        return int(leaving.value.code or 0), capsys.readouterr().err

    return run


@pytest.mark.parametrize(("store_dtype", "tolerance"), [("float32", 1e-6), ("float16", 0.01), ("bfloat16", 0.1)])
def test_predictions_from_rounded_stores(texcnn, tmp_path: Path, store_dtype: str, tolerance: float) -> None:  # type: ignore[no-untyped-def]
    store, plain, stored = tmp_path / "store", tmp_path / "plain.tsv", tmp_path / "stored.tsv"
    status, output = texcnn("embed", "--store-dtype", store_dtype, "--dtype", "float32", "--out", store)
    assert status == 0, output
    # Two genes of three have a base; each has three segments of 16 numbers, a mask and a fraction.
    size = 3 * (3 * (16 * (4 if store_dtype == "float32" else 2) + 1) + 8)
    assert f"3 genes, {size / 1e9:.3g} GB in {store_dtype}, " in output
    assert texcnn("predict", "--dtype", "float32", "--out", plain)[0] == 0
    assert texcnn("predict", "--embeddings", store, "--out", stored, genes=False)[0] == 0
    expected, found = (pd.read_csv(path, sep="\t") for path in (plain, stored))
    pd.testing.assert_frame_equal(found, expected, rtol=0, atol=tolerance)
    if store_dtype != "float32":
        assert not found.equals(expected)


def test_the_grid_goes_with_the_store(texcnn, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    store, out = tmp_path / "store", tmp_path / "out.tsv"
    assert texcnn("embed", "--grid-segments", "--out", store)[0] == 0
    assert json.loads((store / "store.json").read_text())["window"]["grid"] == 10
    status, output = texcnn("predict", "--embeddings", store, "--out", out, genes=False)
    assert (status, "window.grid: 10 in the store, none now" in output) == (2, True)
    status, output = texcnn("predict", "--embeddings", store, "--grid-segments", "--out", out, genes=False)
    assert status == 0, output
    assert texcnn("predict", "--grid-segments", "--out", tmp_path / "direct.tsv")[0] == 0
    assert (tmp_path / "direct.tsv").read_text() == out.read_text()


def test_another_type_of_store_is_named(texcnn, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert texcnn("embed", "--out", tmp_path / "store")[0] == 0
    status, output = texcnn("embed", "--store-dtype", "float16", "--out", tmp_path / "store")
    assert status == 2
    assert "store_dtype: float32 in the store, float16 now" in output
    assert texcnn("embed", "--store-dtype", "float16", "--overwrite", "--out", tmp_path / "store")[0] == 0
