"""Gene x TF tables of both layouts, and every one that is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from texcnn.errors import InputError
from texcnn.features.tf_table import TfTable, read_tf_table


def read(folder: Path, text: str, **options: str) -> TfTable:
    (folder / "tf.tsv").write_text(text)
    return read_tf_table(folder / "tf.tsv", **options)


def content(table: TfTable) -> tuple[tuple[str, ...], tuple[str, ...], list[list[float]]]:
    return table.gene_ids, table.tfs, table.values.tolist()


MATRIX = (("b", "a"), ("T1", "T2"), [[1.0, 0.0], [0.5, -2.0]])


@pytest.mark.parametrize(
    "text",
    [
        "SystematicName\tT1\tT2\nb\t1\t0\na\t0.5\t-2\n",
        "gene,T1,T2\nb,1,0\na,5e-1,-2\n",
        'gene,"T1",T2\r\n"b",1,0\r\na,5e-1,-2\r\n',
        "symbol\tensembl_id\tT1\tT2\nSYM\tb\t1\t0\nNA\ta\t0.5\t-2\n",
        "GENE_ID\tname\tT1\tT2\n\nb\tx\t1\t0\n\na\ty\t0.5\t-2\n\n",
    ],
)
def test_matrices(tmp_path: Path, text: str) -> None:
    assert content(read(tmp_path, text)) == MATRIX


def test_gzip(tmp_path: Path) -> None:
    (tmp_path / "tf.gz").write_bytes(gzip.compress(b"gene\tT1\tT2\nb\t1\t0\na\t0.5\t-2\n"))
    assert content(read_tf_table(tmp_path / "tf.gz")) == MATRIX


def test_ids_that_look_like_numbers(tmp_path: Path) -> None:
    assert content(read(tmp_path, "entrez\tT1\n7157\t1\n0042\t0\n")) == (("7157", "0042"), ("T1",), [[1], [0]])


def test_missing_values_stay_missing(tmp_path: Path) -> None:
    values = read(tmp_path, "gene\tT1\tT2\ta b\na\tNA\t1\t\nb\tnan\t0\t3\n").values
    assert np.array_equal(values, [[np.nan, 1, np.nan], [np.nan, 0, 3]], equal_nan=True)


def test_the_gene_column_is_chosen(tmp_path: Path) -> None:
    text = "symbol\tensembl_id\tT1\nS\tE\t1\n"
    assert read(tmp_path, text, layout="wide").gene_ids == ("E",)
    assert read(tmp_path, text, layout="wide", gene_column="symbol").gene_ids == ("S",)


PAIRS = (("g2", "g1"), ("T1", "T2"), [[1.0, 0.0], [1.0, 1.0]])


@pytest.mark.parametrize("text", ["gene\ttf\ng2\tT1\ng1\tT2\ng1\tT1\n", "source,target\nT1,g2\nT2,g1\nT1,g1\n"])
def test_lists_of_pairs_have_zero_where_a_pair_is_not_listed(tmp_path: Path, text: str) -> None:
    table = read(tmp_path, text)
    assert (set(table.gene_ids), set(table.tfs)) == ({"g1", "g2"}, {"T1", "T2"})
    assert content(table) == PAIRS


def test_weights_of_pairs(tmp_path: Path) -> None:
    table = read(tmp_path, "TF\ttarget\tmor\nT1\tg1\t-1\nT2\tg1\tNA\nT1\tg2\t0.25\n")
    assert (table.gene_ids, table.tfs) == (("g1", "g2"), ("T1", "T2"))
    assert np.array_equal(table.values, [[-1, np.nan], [0.25, 0]], equal_nan=True)


def test_columns_of_pairs_named_by_the_user(tmp_path: Path) -> None:
    table = read(tmp_path, "x\ty\nT1\tg2\nT2\tg1\nT1\tg1\n", gene_column="y", tf_column="x")
    assert content(table) == PAIRS


def test_numbered_ids_in_a_list(tmp_path: Path) -> None:
    table = read(tmp_path, "gene\ttf\n1\t10\n2\t20\n", layout="long")
    assert content(table) == (("1", "2"), ("10", "20"), [[1, 0], [0, 1]])


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "the file is empty"),
        ("gene\tT1\n", {}, "the table has no rows"),
        ("gene\tT1\tT1\na\t1\t0\n", {}, "column 'T1' appears twice.*line 1"),
        ("gene\t\tT1\na\t1\t0\n", {}, "a column has no name.*line 1"),
        ("gene\tT1\na\t1\nb\t0\t1\n", {}, "3 fields, the header 2.*line 3"),
        ("gene\tT1\tT2\na\t1\t0\nb\t0\n", {}, "2 fields, the header 3.*line 3"),
        ("T1\tT2\na\t1\t0\n", {}, "3 fields, the header 2.*gene ids a name too"),
        ("gene\tT1\na\t1\n\nb\tlots\n", {}, "'lots' is not a finite number.*line 4, column T1"),
        ("gene\tT1\tT2\na\tx\t1\nb\t1\t0\n", {}, "'x' is not a finite number.*line 2, column T1"),
        ("gene\tT1\na\tinf\n", {}, "'inf' is not a finite number.*line 2, column T1"),
        ("gene\tT1\tT2\na\tNA\t-inf\n", {}, "'-inf' is not a finite number.*line 2, column T2"),
        ("gene\tT1\na\t1\nb\t0\na\t1\n", {}, "gene 'a' appears in lines 2 and 4.*keep one row a gene"),
        ("gene\tT1\n\t1\n", {}, "a name is empty.*line 2, column gene"),
        ("gene\nb\n", {}, "no column of numbers"),
        ("p\tq\tT1\tT2\na\tb\t1\t0\n", {}, "it is not clear which column holds the gene ids.*gene_column"),
        ("p\ttf\na\tT\n", {}, "it is not clear which column holds the gene ids.*allowed: p, tf"),
        ("gene\tq\na\tT\n", {}, "it is not clear which column holds the TFs.*tf_column"),
        ("gene\ttf\na\tT\nb\tT\na\tT\n", {}, "pair of 'a' and 'T' appears twice.*line 4"),
        ("gene\ttf\tw\na\tT\t1\nb\tT\tbig\n", {}, "'big' is not a finite number.*line 3, column w"),
        ("gene\ttf\tw\tx\na\tT\t1\t2\n", {"layout": "long"}, "has 4 columns"),
        ("gene\ttf\na\tT\n", {"gene_column": "gen"}, "unknown column 'gen'.*did you mean 'gene'"),
        ("gene\ttf\na\tT\n", {"tf_column": "gene"}, "both gene and TF"),
        ("gene\tT1\na\t1\n", {"tf_column": "T1"}, "wide table has no column of TFs"),
        ("gene\tT1\na\t1\n", {"layout": "tall"}, "unknown layout 'tall'.*auto, wide, long"),
    ],
)
def test_refused(tmp_path: Path, text: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, text, **options)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_tf_table(tmp_path / "none.tsv")
