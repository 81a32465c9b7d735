"""Columns of numbers, of gaps and of text, in any mixture, against a reading cell by cell."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from texcnn.errors import InputError
from texcnn.text.numbers import LARGEST, NumberColumns, to_number
from texcnn.text.table import TextTable

NUMBERS = st.one_of(
    st.floats(-1e30, 1e30).map(repr), st.integers(-(10**9), 10**9).map(str), st.sampled_from(["1e-5", "-0", "+3", ".5"])
)
GAPS = st.sampled_from(["", "NA", "nan", "NaN", " ", "na"])
TEXTS = st.sampled_from(["protein_coding", "1_000", "0x10", "chr1"])
OTHER_NOTATIONS = ("٣", "1,5", "1 000", "5 %")
CELLS = st.one_of(NUMBERS, GAPS, TEXTS, st.sampled_from(OTHER_NOTATIONS))


def read(rows: list[list[str]], n_columns: int, *, text: bool) -> NumberColumns:
    columns = NumberColumns(Path("t.tsv"), [f"c{column}" for column in range(n_columns)], text=text)
    for number, cells in enumerate(rows, start=2):
        columns.add(number, cells)
    return columns


@given(data=st.data(), n_columns=st.integers(1, 4), n_rows=st.integers(0, 6), text=st.booleans())
def test_any_mixture(data: st.DataObject, n_columns: int, n_rows: int, text: bool) -> None:
    rows = [[data.draw(CELLS) for _ in range(n_columns)] for _ in range(n_rows)]
    numbers = [[to_number(cell) for cell in row] for row in rows]
    columns = list(zip(*numbers, strict=True)) if rows else [()] * n_columns
    of_text = [place for place, column in enumerate(columns) if None in column]
    mixed = [place for place in of_text if any(value is not None and not math.isnan(value) for value in columns[place])]
    if mixed or (of_text and not text):
        with pytest.raises(InputError) as refused:
            read(rows, n_columns, text=text)
        assert "is not a finite number" in str(refused.value)
        assert f"column c{mixed[0] if text else of_text[0]}" in str(refused.value) or len(mixed + of_text) > 1
        return
    found = read(rows, n_columns, text=text)
    in_other_notation = [
        place
        for place in of_text
        if {row[place] for row in rows if to_number(row[place]) is None} <= {*OTHER_NOTATIONS}
    ]
    if in_other_notation:
        with pytest.raises(InputError, match=rf"column c{in_other_notation[0]} .* digits 0 to 9 with a decimal point"):
            _ = found.of_text
        return
    assert found.of_text == of_text
    kept = [place for place in range(n_columns) if place not in of_text]
    expected = np.array([[row[place] for place in kept] for row in numbers], float).reshape(n_rows, len(kept))
    np.testing.assert_array_equal(found.values(), expected)


@pytest.mark.parametrize("cell", ["1e39", "-4e38", "inf", "-Infinity", "1e400"])
@pytest.mark.parametrize("others", [["1"], ["NA"], ["text"]])
def test_numbers_beyond_float32_are_never_taken(cell: str, others: list[str]) -> None:
    with pytest.raises(InputError, match=r"in t.tsv, line 2, column c0 – allowed: a finite number"):
        read([[cell, *others]], 2, text=True)


def test_the_largest_float32_is_a_number() -> None:
    assert read([[repr(LARGEST), repr(-LARGEST)]], 2, text=False).values().tolist() == [[LARGEST, -LARGEST]]


class TestTables:
    def table(self, folder: Path, text: str) -> TextTable:
        (folder / "t.tsv").write_text(text)
        return TextTable(folder / "t.tsv")

    def test_the_size_of_a_gct_is_no_row(self, tmp_path: Path) -> None:
        table = self.table(tmp_path, "#1.2\n2\t1\nName\tDescription\tx\ng1\td\t1\ng2\td\t2\n")
        assert table.names == ("Name", "Description", "x")
        assert table.header_line == 3
        assert [number for number, _ in table.rows()] == [4, 5]
        assert table.gene_column() == 0

    def test_metadata_of_gct_1_3_is_not_guessed_at(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"GCT 1.3, .* – allowed: GCT 1.2 – save it as GCT 1.2"):
            self.table(tmp_path, "#1.3\n1\t1\t1\t1\nid\tx\n")

    @pytest.mark.parametrize("header", ["#gene_id\tx", "#Gene\tx", "# gene_id\tx"])
    def test_a_header_behind_a_hash(self, tmp_path: Path, header: str) -> None:
        table = self.table(tmp_path, f"# made by hand\n{header}\ng1\t1\n# a comment\ng2\t2\n")
        assert table.names[0] in ("gene_id", "Gene")
        assert [fields for _, fields in table.rows()] == [["g1", "1"], ["g2", "2"]]

    def test_text_columns_with_their_lines(self, tmp_path: Path) -> None:
        found = self.table(tmp_path, "a\tb\n\n1\tx\n# no\n2\ty\n").text(["b", "a"])
        assert found.to_dict("index") == {3: {"b": "x", "a": "1"}, 5: {"b": "y", "a": "2"}}
        with pytest.raises(InputError, match=r"unknown column 'c' – in .*t.tsv, line 1 – allowed: a, b"):
            self.table(tmp_path, "a\tb\n1\t2\n").text(["c"])
        with pytest.raises(InputError, match="the column 'a' appears twice"):
            self.table(tmp_path, "a\ta\n1\t2\n").text(["a"])

    @pytest.mark.parametrize(
        ("header", "wanted", "place"),
        [
            ("x\tgene_id\tName", "gene_id", 1),
            ("x\tGeneID\tName", "gene_id", 1),
            ("x\tlocus\tName", "locus", 1),
            ("x\tlocus\tName", "gene_id", 2),
            ("\tx\ty", "gene_id", 0),
        ],
    )
    def test_the_column_of_genes(self, tmp_path: Path, header: str, wanted: str, place: int) -> None:
        assert self.table(tmp_path, f"{header}\n1\t2\t3\n").gene_column(wanted) == place

    def test_no_column_of_genes_lists_what_there_is(self, tmp_path: Path) -> None:
        table = self.table(tmp_path, "a\tb\tc\td\te\tf\n1\t2\t3\t4\t5\t6\n")
        with pytest.raises(InputError, match=r"no column 'gene_id' among a, b, c, d, e, \.\.\. – in .*, line 1"):
            table.gene_column()

    def test_commas_separate_where_the_header_has_no_tab(self, tmp_path: Path) -> None:
        table = self.table(tmp_path, 'gene_id,x\n"g,1",5\ng2,"6"\n')
        assert [fields for _, fields in table.rows()] == [["g,1", "5"], ["g2", "6"]]

    def test_rows_can_be_taken_once(self, tmp_path: Path) -> None:
        table = self.table(tmp_path, "a\n1\n")
        assert len(list(table.rows())) == 1
        assert list(table.rows()) == []
