"""What a table says of itself, and the columns that it has."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pytest
from descriptions import SAID, VARIANTS

from texcnn.errors import InputError
from texcnn.tables.columns import TableDescription, gene_columns, spread_columns, without_summaries


class TestDescription:
    @pytest.mark.parametrize("kind", VARIANTS)
    def test_it_comes_back_from_json_and_parquet(self, kind: str) -> None:
        output = VARIANTS[kind]
        assert TableDescription.from_json(output.to_json(), "here") == output
        assert TableDescription.from_parquet(output.schema(), "here") == output
        assert output.schema().names == [*output.gene_columns, *output.value_columns]

    def test_what_else_a_run_says_is_passed_over(self) -> None:
        text = json.dumps({**asdict(SAID), "segments": 5, "date": "today"})
        assert TableDescription.from_json(text, "here") == SAID

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"cell_types": None}, "unusable entries: cell_types"),
            ({"cell_types": [1]}, r"unusable entries: cell_types\[0\]"),
            ({"unit": 5}, "unusable entries: unit"),
            ({"spread": "no"}, "unusable entries: spread"),
            ({"max_n_fraction": "half"}, "unusable entries: max_n_fraction"),
        ],
    )
    def test_entries_of_other_types(self, change: dict[str, Any], message: str) -> None:
        with pytest.raises(InputError, match=f"{message}.* – in here"):
            TableDescription.from_json(json.dumps({**asdict(SAID), **change}), "here")

    @pytest.mark.parametrize("missing", ["unit", "model", "fasta", "fasta_fingerprint", "texcnn_version"])
    def test_entries_that_are_missing(self, missing: str) -> None:
        values = asdict(SAID)
        del values[missing]
        with pytest.raises(InputError, match=f"unusable entries: {missing}: field required"):
            TableDescription.from_json(json.dumps(values), "here")

    @pytest.mark.parametrize("text", ["", "no", "[]", "{}", '{"unit": "TPM"}'])
    def test_other_texts(self, text: str) -> None:
        with pytest.raises(InputError, match="in here"):
            TableDescription.from_json(text, "here")

    def test_parquet_of_another_program(self) -> None:
        for schema in (pa.schema([("a", pa.int8())]), pa.schema([("a", pa.int8())], metadata={"pandas": "{}"})):
            with pytest.raises(InputError, match="not a table of predictions – in here – allowed: Parquet written by"):
                TableDescription.from_parquet(schema, "here")


class TestColumns:
    def test_in_their_order(self) -> None:
        assert gene_columns(transcripts=False) == ("gene_id", "gene_name", "chrom", "tss", "strand", "n_fraction")
        assert gene_columns(transcripts=True, extra=["percentile"])[2:] == (
            "transcript_id", "chrom", "tss", "strand", "n_fraction", "percentile",
        )  # fmt: skip
        assert spread_columns(["a", "b"], ["lower", "upper"]) == ("a.lower", "a.upper", "b.lower", "b.upper")
        assert spread_columns(["a", "b"]) == ("a.lower", "a.upper", "a.spread", "b.lower", "b.upper", "b.spread")

    @pytest.mark.parametrize(
        ("names", "places"),
        [(["a", "b"], [0, 1]), (["median", "a"], [1]), (["a", "Mean", "MEDIAN"], [0]), (["median"], [0]), ([], [])],
    )
    def test_summaries_are_no_cell_types_unless_there_is_nothing_else(
        self, names: list[str], places: list[int]
    ) -> None:
        assert without_summaries(names) == places
