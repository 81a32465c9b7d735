"""Whatever a table holds, the ways of writing it read the same."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from texcnn.features.table import FeatureTable
from texcnn.text.lines import numbered_lines
from texcnn.text.numbers import to_number
from texcnn.text.table import TextTable

# Without blanks at the ends, which are stripped, line ends, and control characters.
CELL = st.text(st.characters(exclude_categories=("C", "Zl", "Zp", "Zs")), min_size=1, max_size=8)
NAME = CELL.filter(lambda text: text[0] not in '#"')
FLOAT = st.floats(width=32, allow_nan=False, allow_infinity=False)
PACKERS = {"plain": lambda data: data, "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("text") / "table"


@given(
    lines=st.lists(st.text(st.characters(exclude_categories=("C", "Zl", "Zp"))), min_size=1),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    packer=st.sampled_from(list(PACKERS)),
    mark=st.booleans(),
)
def test_lines(path: Path, lines: list[str], end: str, packer: str, mark: bool) -> None:
    text = ("\ufeff" if mark else "") + "".join(line + end for line in lines)
    path.write_bytes(PACKERS[packer](text.encode()))
    assert list(numbered_lines(path)) == list(enumerate(lines, start=1))


@given(
    rows=st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(CELL, min_size=n, max_size=n), min_size=1)),
    tabs=st.integers(0, 2),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_rows_that_csv_wrote(path: Path, rows: list[list[str]], tabs: int, quoting: int) -> None:
    rows = [["c" + "x" * place for place in range(len(rows[0]))], *([f"r{cells[0]}", *cells[1:]] for cells in rows)]
    text = io.StringIO()
    csv.writer(text, delimiter="\t", quoting=quoting, lineterminator="\n").writerows(rows)
    path.write_text(text.getvalue().replace("\n", "\t" * tabs + "\n"), encoding="utf-8")
    if len(rows[0]) > 1:
        assert [fields for _, fields in TextTable(path).rows()] == rows[1:]


@given(number=FLOAT, form=st.sampled_from(["{!r}", "{:.9g}", " {!r} ", "{:+.9e}"]))
def test_a_float32_comes_back(number: float, form: str) -> None:
    read = to_number(form.format(number))
    assert read is not None
    assert np.float32(read) == np.float32(number)


@given(text=st.text() | st.text("01٢３_.e+- ", min_size=1, max_size=5))
def test_what_is_read_as_a_number_is_ascii_and_one_for_python_too(text: str) -> None:
    read = to_number(text)
    if read is not None and not np.isnan(read):
        assert text.strip().isascii()
        assert "_" not in text, "Python's own digit groups are no data"
        assert read == float(text)


@given(
    table=st.dictionaries(NAME, st.tuples(FLOAT, FLOAT), min_size=1, max_size=20),
    names=st.permutations(["x", "y", "gene_id", "note"]),
    note=NAME.filter(lambda text: '"' not in text),
)
@settings(max_examples=60)
def test_features_find_their_genes_whatever_the_order_of_columns(
    path: Path, table: dict[str, tuple[float, float]], names: list[str], note: str
) -> None:
    def line(gene_id: str, x: float, y: float) -> str:
        cells = {"gene_id": f'"{gene_id}"' if '"' not in gene_id else gene_id, "x": repr(x), "y": repr(y), "note": note}
        return "\t".join(cells[name] for name in names) + "\n"

    rows = "".join(line(gene_id, *values) for gene_id, values in table.items())
    path.write_text("\t".join(names) + "\n" + rows, encoding="utf-8")
    found = FeatureTable.read(path, ["y", "x"]).lookup(table)
    assert np.array_equal(found, np.array([values[::-1] for values in table.values()], np.float32))
