"""Rows of variant effects as text, Parquet and tabix, read back by other libraries."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pysam
import pytest

from texcnn.effects.table import DETAIL_SCHEMA
from texcnn.effects.write import write_described, write_tabix, write_table
from texcnn.errors import InputError

ROW: dict[str, Any] = {
    "chrom": "chr1", "pos": 10, "id": ".", "ref": "A", "alt": "C", "status": "SCORED", "gene_id": "g", "gene_name": "G",
    "transcript_id": "", "tss": 12, "distance_to_tss": -2, "strand": "-", "cell_type": "x", "ref_prediction": 1.0,
    "alt_prediction": 1.5, "delta": 0.5, "quantile": None, "n_fraction": 0.0,
}  # fmt: skip
SCHEMA = pa.schema([("name", pa.string()), ("number", pa.float32()), ("count", pa.int64())])


def rows(*changes: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist([{**ROW, **change} for change in changes], schema=DETAIL_SCHEMA)


def table(*values: tuple[str | None, float | None, int]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(SCHEMA.names, value, strict=True)) for value in values], schema=SCHEMA)


@pytest.mark.parametrize("ending", [".tsv", ".tsv.gz", ".parquet"])
def test_parts_become_one_table(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"o{ending}"
    parts = [table(("a", 0.1, 1)), table(), table(("b", None, 2), (None, -1e-9, 3))]
    assert write_table(path, SCHEMA, iter(parts), {"unit": "u"}) == 3
    found = pd.read_parquet(path) if ending == ".parquet" else pd.read_csv(path, sep="\t")
    assert found["count"].tolist() == [1, 2, 3]
    assert found["number"].isna().tolist() == [False, True, False]
    np.testing.assert_array_equal(found["number"].dropna().astype(np.float32), np.float32([0.1, -1e-9]))
    if ending == ".parquet":
        assert json.loads(pq.read_schema(path).metadata[b"texcnn"]) == {"unit": "u"}


@pytest.mark.parametrize("ending", [".tsv", ".tsv.gz", ".parquet"])
def test_no_part_gives_a_table_of_columns(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"o{ending}"
    assert write_table(path, SCHEMA, []) == 0
    found = pd.read_parquet(path) if ending == ".parquet" else pd.read_csv(path, sep="\t")
    assert list(found) == SCHEMA.names
    assert found.empty


def test_equal_rows_are_equal_gzip_files(tmp_path: Path) -> None:
    for name in ("one.tsv.gz", "two.tsv.gz"):
        write_table(tmp_path / name, SCHEMA, [table(("a", 0.1, 1))])
    assert (tmp_path / "one.tsv.gz").read_bytes() == (tmp_path / "two.tsv.gz").read_bytes()
    assert gzip.decompress((tmp_path / "one.tsv.gz").read_bytes()) == b"name\tnumber\tcount\na\t0.1\t1\n"


@pytest.mark.parametrize("name", ['5" end', 'tab\tin "it"', "it's"])
def test_names_with_quotes_come_back(tmp_path: Path, name: str) -> None:
    write_table(tmp_path / "o.tsv", SCHEMA, [table(("a", 1, 1)), table((name, 0.123456789, 2))])
    found = pd.read_csv(tmp_path / "o.tsv", sep="\t")
    assert found["name"].tolist() == ["a", name]
    assert np.float32(found["number"][1]) == np.float32(0.123456789)


@pytest.mark.parametrize(("ending", "described"), [(".tsv", True), (".tsv.gz", True), (".parquet", False)])
def test_only_text_has_its_description_next_to_it(tmp_path: Path, ending: str, described: bool) -> None:
    placed: list[str] = []

    def place(path: Path) -> Path:
        placed.append(path.name)
        return path

    assert write_described(tmp_path / f"o{ending}", SCHEMA, [table(("a", 1, 1))], {"unit": "u"}, place) == 1
    assert placed == [f"o{ending}", *([f"o{ending}.meta.json"] if described else [])]
    if described:
        assert json.loads((tmp_path / f"o{ending}.meta.json").read_text()) == {"unit": "u"}


class TestTabix:
    def fetch(self, path: Path, *place: Any) -> list[dict[str, str]]:
        with pysam.TabixFile(str(path)) as file:
            names = file.header[0].removeprefix("#").split("\t")
            return [dict(zip(names, line.split("\t"), strict=True)) for line in file.fetch(*place)]

    def test_rows_by_place(self, tmp_path: Path) -> None:
        path, index = tmp_path / "t.tsv.gz", tmp_path / "t.tsv.gz.tbi"
        first = rows({}, {"pos": 10, "cell_type": "y"})
        write_tabix(path, index, [first, rows({"pos": 40}), rows({"chrom": "chr2", "pos": 3})])
        assert [row["pos"] for row in self.fetch(path, "chr1", 9, 10)] == ["10", "10"]
        assert [row["pos"] for row in self.fetch(path, "chr1", 10, 39)] == []
        assert [row["pos"] for row in self.fetch(path, "chr1", 39, 40)] == ["40"]
        ((row),) = self.fetch(path, "chr2")
        assert row == {
            "chrom": "chr2", "pos": "3", "ref": "A", "alt": "C", "gene": "G", "gene_id": "g", "transcript_id": ".",
            "strand": "1", "tss_pos": "12", "delta": "0.5", "quantile": ".", "cell_type": "x",
        }  # fmt: skip

    def test_rows_without_a_prediction_are_left_out(self, tmp_path: Path) -> None:
        path = tmp_path / "t.tsv.gz"
        write_tabix(path, tmp_path / "t.tsv.gz.tbi", [rows({"delta": None}, {"pos": 11})])
        assert [row["pos"] for row in self.fetch(path, "chr1")] == ["11"]

    def test_alleles_out_of_order_are_refused(self, tmp_path: Path) -> None:
        for second in ({"pos": 9}, {"chrom": "chr0"}, {"chrom": "chr2"}):
            parts = [rows({}), rows(second), rows({"pos": 10})]
            with pytest.raises(InputError, match="sorted"):
                write_tabix(tmp_path / "t.tsv.gz", tmp_path / "t.tsv.gz.tbi", parts[: 2 if "pos" in second else 3])
