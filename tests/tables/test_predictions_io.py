"""Tables of predictions in every format and shape: written by one library, read by another, and back."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from descriptions import SAID, VARIANTS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from texcnn.errors import InputError
from texcnn.genome.gene import Gene
from texcnn.genome.skipped import Skipped
from texcnn.tables import writers
from texcnn.tables.columns import (
    TableDescription,
    prediction_frame,
)
from texcnn.tables.predictions import open_predictions, read_predictions
from texcnn.tables.writers import check_table_output, open_tables

ENDINGS = (".tsv", ".tsv.gz", ".parquet", ".h5ad")


def frame(output: TableDescription, n: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    genes = [
        Gene(f"g{place}", f"name, {place}", "chr1", 10 * place, "+-"[place % 2], f"t{place}") for place in range(n)
    ]
    names = output.value_columns
    values = rng.standard_normal((n, len(names))).astype(np.float32)
    extra: dict[str, Any] = {
        "features": ["given"] * n, "in_training": ["train"] * n, "percentile": np.round(rng.random(n) * 100, 1),
    }  # fmt: skip
    return prediction_frame(
        genes, rng.random(n).round(3).tolist(), values, names, transcripts=output.transcripts,
        extra={name: extra[name] for name in output.extra_columns},
    )  # fmt: skip


def write(path: Path, output: TableDescription, *frames: pd.DataFrame) -> Path:
    with open_tables([path], output) as table:
        for part in frames:
            table.write(part)
        table.write_skipped([Skipped("s", "no, place")])
    return path


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("kind", VARIANTS)
class TestRoundTrip:
    def test_rows_and_what_they_say_come_back(self, tmp_path: Path, kind: str, ending: str) -> None:
        output = VARIANTS[kind]
        rows = frame(output, 5)
        read = open_predictions(write(tmp_path / f"o{ending}", output, rows[:2], rows[2:2], rows[2:]))
        assert read.description == output
        assert list(read.frame) == [*output.gene_columns, *output.value_columns]
        rounded = {"rtol": 1e-5} if ending.startswith(".tsv") else {"rtol": 0}
        pd.testing.assert_frame_equal(read.frame.reset_index(drop=True), rows, check_dtype=ending != ".h5ad", **rounded)
        np.testing.assert_allclose(read.values, rows[list(output.cell_types)], rtol=1e-5)

    def test_a_frame_with_attributes_as_predict_returns_it(self, tmp_path: Path, kind: str, ending: str) -> None:
        output = VARIANTS[kind]
        path = write(tmp_path / f"o{ending}", output, frame(output, 2))
        found = read_predictions(str(path))
        assert found.attrs == {
            "unit": "TPM", "model": "m", "genome": "g.fa", "features": output.features,
            "skipped": [{"gene_id": "s", "reason": "no, place"}],
        }  # fmt: skip
        (tmp_path / f"o{ending}.skipped.tsv").unlink()
        assert "skipped" not in read_predictions(path).attrs

    def test_a_table_without_rows(self, tmp_path: Path, kind: str, ending: str) -> None:
        output = VARIANTS[kind]
        read = open_predictions(write(tmp_path / f"o{ending}", output))
        assert read.frame.empty
        assert read.values.shape == (0, 2)
        assert list(read.frame) == [*output.gene_columns, *output.value_columns]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.floats(-(2.0**60), 2.0**60, width=32), min_size=2, max_size=12))
def test_any_float32_is_kept_to_six_digits_in_text_and_exactly_elsewhere(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    folder = tmp_path_factory.mktemp("t")
    output = replace(SAID, cell_types=("x",))
    genes = [Gene(f"g{place}", "", "chr1", place, "+") for place in range(len(values))]
    column = np.array(values, np.float32)[:, None]
    rows = prediction_frame(genes, [0.0] * len(values), column, ["x"], transcripts=False)
    outs = [folder / f"o{ending}" for ending in (".tsv", ".parquet")]
    with open_tables(outs, output) as table:
        table.write(rows)
    text, binary = (read_predictions(out)["x"].to_numpy() for out in outs)
    assert np.array_equal(binary, column[:, 0])
    np.testing.assert_allclose(text, column[:, 0], rtol=5e-6)


@pytest.mark.parametrize(("rows_per_group", "groups"), [(1, 5), (2, 3), (100, 1)])
def test_row_groups_hold_as_many_rows_as_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_per_group: int, groups: int
) -> None:
    monkeypatch.setattr(writers, "ROWS_PER_GROUP", rows_per_group)
    rows = frame(SAID, 5)
    path = write(tmp_path / "o.parquet", SAID, *(rows[place : place + 1] for place in range(5)))
    assert pq.ParquetFile(path).num_row_groups == groups
    pd.testing.assert_frame_equal(pd.read_parquet(path), rows)


class TestAnnData:
    def test_layers_hold_the_ends_of_intervals(self, tmp_path: Path) -> None:
        output = VARIANTS["spread"]
        rows = frame(output, 3)
        data = anndata.read_h5ad(write(tmp_path / "o.h5ad", output, rows))
        assert data.shape == (2, 3)
        for end in ("lower", "upper"):
            expected = rows[[f"{name}.{end}" for name in output.cell_types]].to_numpy().T
            np.testing.assert_array_equal(data.layers[end], expected)

    def test_rows_of_transcripts_are_named_by_them(self, tmp_path: Path) -> None:
        data = anndata.read_h5ad(write(tmp_path / "o.h5ad", VARIANTS["transcripts"], frame(VARIANTS["transcripts"], 2)))
        assert list(data.var_names) == ["t0", "t1"]
        assert data.var["gene_id"].tolist() == ["g0", "g1"]
        assert json.loads(data.uns["texcnn"])["transcripts"] is True
        assert data.uns["unit"] == "TPM"


class TestReading:
    def test_what_is_not_a_table(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="the file does not exist"):
            open_predictions(tmp_path / "o.tsv")
        (tmp_path / "o.csv").touch()
        with pytest.raises(InputError, match=r"unknown table format 'o\.csv'"):
            open_predictions(tmp_path / "o.csv")

    @pytest.mark.parametrize("column", ["tss", "liver", "n_fraction"])
    def test_a_number_that_is_none(self, tmp_path: Path, column: str) -> None:
        path = write(tmp_path / "o.tsv", SAID, frame(SAID, 2))
        table = pd.read_csv(path, sep="\t", dtype=str)
        table.loc[1, column] = "high"
        table.to_csv(path, sep="\t", index=False)
        with pytest.raises(InputError, match=r"unreadable table: .* allowed: as texcnn predict writes it"):
            open_predictions(path)

    @pytest.mark.parametrize("ending", [".tsv", ".parquet"])
    def test_columns_that_were_lost(self, tmp_path: Path, ending: str) -> None:
        path = write(tmp_path / f"o{ending}", SAID, frame(SAID, 2))
        if ending == ".tsv":
            pd.read_csv(path, sep="\t").drop(columns=["strand", "liver"]).to_csv(path, sep="\t", index=False)
        else:
            pq.write_table(pq.read_table(path).drop_columns(["strand", "liver"]), path)
        with pytest.raises(InputError, match=r"missing columns: strand, liver .* predict again"):
            open_predictions(path)

    def test_a_text_table_that_was_cut_or_lost_its_description(self, tmp_path: Path) -> None:
        path = write(tmp_path / "o.tsv.gz", SAID, frame(SAID, 50))
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(InputError, match="unreadable table"):
            open_predictions(path)
        (tmp_path / "o.tsv.gz.meta.json").unlink()
        with pytest.raises(InputError, match=r"'o.tsv.gz.meta.json' is not next to the table .* copy both files"):
            open_predictions(path)

    def test_names_that_look_like_missing_values_stay(self, tmp_path: Path) -> None:
        genes = [Gene("NA", "nan", "NULL", 5, "+"), Gene("-", "None", "1", 6, "-")]
        rows = prediction_frame(genes, [0, 0], np.zeros((2, 2), np.float32), SAID.cell_types, transcripts=False)
        found = read_predictions(write(tmp_path / "o.tsv", SAID, rows))
        assert found[["gene_id", "gene_name", "chrom"]].to_numpy().tolist() == [
            ["NA", "nan", "NULL"],
            ["-", "None", "1"],
        ]


def test_gzip_has_neither_name_nor_time(tmp_path: Path) -> None:
    write(tmp_path / "a.tsv.gz", SAID, frame(SAID, 3))
    write(tmp_path / "other-name.tsv.gz", SAID, frame(SAID, 3))
    assert (tmp_path / "a.tsv.gz").read_bytes() == (tmp_path / "other-name.tsv.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.tsv.gz").read_bytes()).startswith(b"gene_id\t")


@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_next_to_a_table_is_replaced_unasked(tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"o{ending}"
    companions = [f"o{ending}", f"o{ending}.skipped.tsv", *([f"o{ending}.meta.json"] if "tsv" in ending else [])]
    for name in companions:
        (tmp_path / name).touch()
        with pytest.raises(InputError, match=f"{name}' already exists"):
            check_table_output(out, overwrite=False)
        check_table_output(out, overwrite=True)
        (tmp_path / name).unlink()
    (tmp_path / f"o{ending}.other").touch()
    check_table_output(out, overwrite=False)
