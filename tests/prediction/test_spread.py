"""How far the members of an ensemble differ: a column of its own, in every way to a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save
from tiny import save_tiny_ensemble, write_genome, write_gtf

import texcnn
from texcnn.model.bundle import extend_bundle
from texcnn.prediction.rows import spread_endings, spread_of_members
from texcnn.tables.predictions import open_predictions, read_predictions

GENES = (
    ("g1", "chr1", 41, 60, "+"),
    ("g2", "chr2", 1, 70, "-"),
    ("g4", "chr1", 111, 120, "+"),
    ("g3", "chr1", 160, 180, "+"),
)
"""The members predict of g1 (1, 3) and (0.5, 1), of g2 (0.3, 1.6) and (0.2, 1); g4's middle is N, all of g3 is."""

PER_DIFFERENCE = (0.75 * 0.25) ** 0.5
"""Standard deviation of two numbers with the weights 3/4 and 1/4, as a share of their difference."""

SPREAD = pd.DataFrame({"gc": [0.5, 0.1], "a": [2.0, 0.6]}) * PER_DIFFERENCE


@pytest.fixture
def genome(tmp_path: Path) -> dict[str, Any]:
    return {"fasta": write_genome(tmp_path), "gtf": write_gtf(tmp_path / "genes.gtf", GENES)}


@pytest.fixture
def ensemble(tmp_path: Path, composition: object) -> Path:
    return save_tiny_ensemble(tmp_path / "ensemble")


def intervals(folder: Path) -> None:
    """Adds the intervals -0.25 to 0.5."""
    at = np.zeros((1, 2), np.float32)
    arrays = {"interval_at": at, "interval_lower": at - 0.25, "interval_upper": at + 0.5}
    extend_bundle(folder, {"reference.safetensors": save(arrays)})


def test_weighted_deviation_of_members() -> None:
    members = np.array([[[1.0], [1], [1], [np.nan]], [[3], [np.nan], [1], [np.nan]], [[5], [3], [1], [2]]], np.float32)
    found = spread_of_members(members, [0.5, 0.25, 0.25])
    # Around the mean 2.5: 0.5 x 1.5² + 0.25 x 0.5² + 0.25 x 2.5² = 2.75. Of 1 and 3 the weights are 2/3 and 1/3.
    np.testing.assert_allclose(found[:3, 0], [2.75**0.5, 2 * (2 / 9) ** 0.5, 0], rtol=1e-6)
    assert np.isnan(found[3, 0]), "one member alone says nothing"
    same = spread_of_members(np.full((3, 1, 1), 1e4 / 3, np.float32), [0.5, 0.25, 0.25])
    assert same.tolist() == [[0]]


def test_a_column_of_its_own_behind_each_cell_type(ensemble: Path, genome: dict[str, Any]) -> None:
    plain = texcnn.predict(ensemble, **genome)
    assert list(plain)[6:] == ["gc", "a"]
    assert plain["gene_id"].tolist() == ["g1", "g2", "g4"]
    np.testing.assert_allclose(plain[["gc", "a"]], [[0.875, 2.5], [0.275, 1.45], [0, 1]], rtol=1e-6)
    table = texcnn.predict(ensemble, **genome, spread=True)
    assert list(table)[6:] == ["gc", "a", "gc.spread", "a.spread"]
    pd.testing.assert_frame_equal(table[list(plain)], plain, check_flags=False)
    np.testing.assert_allclose(table[["gc.spread", "a.spread"]][:2], SPREAD, rtol=1e-5)
    assert table.loc[2, ["gc.spread", "a.spread"]].isna().all(), "one member has nothing to read"
    one = texcnn.predict(ensemble, **genome, spread=True, cell_types="a")
    pd.testing.assert_series_equal(one["a.spread"], table["a.spread"])


def test_next_to_intervals(ensemble: Path, genome: dict[str, Any]) -> None:
    assert spread_endings(texcnn.load_model(ensemble)) == ("spread",)
    intervals(ensemble)
    table = texcnn.predict(ensemble, **genome, spread=True, cell_types=["a", "gc"])
    assert list(table)[6:] == [
        "a",
        "gc",
        *(f"{name}.{end}" for name in ("a", "gc") for end in ("lower", "upper", "spread")),
    ]
    np.testing.assert_allclose(table[["gc.spread", "a.spread"]][:2], SPREAD, rtol=1e-5)
    np.testing.assert_allclose(table["a.lower"], table["a"] - 0.25, rtol=1e-6)
    np.testing.assert_allclose(table["gc.upper"], table["gc"] + 0.5, rtol=1e-6)


def test_linear_spread_is_that_of_linear_members(tmp_path: Path, composition: object, genome: dict[str, Any]) -> None:
    logged = save_tiny_ensemble(tmp_path / "logged", unit="log10(TPM + 0.1)")
    table = texcnn.predict(logged, **genome, spread=True, linear=True)
    assert table.attrs["unit"] == "TPM"
    assert table["a"][0] == pytest.approx(10**2.5 - 0.1)
    np.testing.assert_allclose(
        table["a.spread"][:2], [990 * PER_DIFFERENCE, (10**1.6 - 10) * PER_DIFFERENCE], rtol=1e-5
    )


@pytest.mark.parametrize("ending", [".tsv", ".tsv.gz", ".parquet", ".h5ad"])
@pytest.mark.parametrize("with_intervals", [False, True])
def test_every_format_holds_it(
    ensemble: Path, genome: dict[str, Any], tmp_path: Path, ending: str, with_intervals: bool
) -> None:
    if with_intervals:
        intervals(ensemble)
    table = texcnn.predict(ensemble, **genome, spread=True)
    out = tmp_path / f"out{ending}"
    assert texcnn.predict(ensemble, **genome, spread=True, out=out).rows == 3
    output = open_predictions(out).description
    assert (output.spread, output.member_spread) == (with_intervals, True)
    read = read_predictions(out)
    assert list(read) == list(table)
    np.testing.assert_allclose(read.iloc[:, 6:].astype(float), table.iloc[:, 6:].astype(float), rtol=1e-5)


def test_a_store_gives_the_same(ensemble: Path, genome: dict[str, Any], tmp_path: Path) -> None:
    table = texcnn.predict(ensemble, **genome, spread=True)
    texcnn.embed(out=tmp_path / "store", model=ensemble, **genome)
    stored = texcnn.predict(ensemble, embeddings=tmp_path / "store", spread=True)
    pd.testing.assert_frame_equal(stored, table, check_flags=False)


def test_a_run_without_a_row_has_the_columns(ensemble: Path, genome: dict[str, Any]) -> None:
    table = texcnn.predict(ensemble, **genome, genes=["g3"], spread=True, allow_empty=True)
    assert table.empty
    assert list(table)[6:] == ["gc", "a", "gc.spread", "a.spread"]


def test_members_are_left_alone_unless_asked_for(
    ensemble: Path, genome: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = texcnn.load_model(ensemble)

    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(type(model.network.head), "with_members", never)
    assert len(texcnn.predict(model, **genome)) == 3
    with pytest.raises(AssertionError):
        texcnn.predict(model, **genome, spread=True)
