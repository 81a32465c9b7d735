"""Features join by gene id, and a missing one is never made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from texcnn.errors import InputError
from texcnn.features.table import FeatureTable


def write(folder: Path, text: str) -> Path:
    (folder / "features.tsv").write_text(text)
    return folder / "features.tsv"


def test_columns_in_the_order_asked_for(tmp_path: Path) -> None:
    table = FeatureTable.read(write(tmp_path, "x\tgene_id\ty\n1\ta\t2.5\n3\tb\t-4e2\n"), ["y", "x"])
    assert table.names == ("y", "x")
    assert table.lookup(["b", "a", "b"]).tolist() == [[-400, 3], [2.5, 1], [-400, 3]]


def test_missing_genes_and_values_are_nan(tmp_path: Path) -> None:
    table = FeatureTable.read(write(tmp_path, "gene_id\tx\ty\na\tNA\t1\nb\t\t2\nc\tnan\t3\n"), ["x", "y"])
    found = table.lookup(["a", "b", "c", "d"])
    assert np.isnan(found[:, 0]).all()
    assert found[:3, 1].tolist() == [1, 2, 3]
    assert np.isnan(found[3]).all()


def test_version_suffixes_are_understood_but_exact_ids_win(tmp_path: Path) -> None:
    e1, e2, e3 = (f"ENSMUSG0000000000{number}" for number in (1, 2, 3))
    text = f"gene_id\tx\n{e1}.4\t1\n{e2}\t2\n{e3}.1\t3\n{e3}.2\t4\n"
    table = FeatureTable.read(write(tmp_path, text), ["x"])
    assert table.lookup([e1, f"{e1}.9", f"{e2}.7", f"{e3}.2", e3]).ravel().tolist() == [1, 1, 2, 4, 3]


def test_a_dot_in_another_id_is_no_version(tmp_path: Path) -> None:
    # 2L52.1 and 2L52.2 are two genes of C. elegans; AT1G01010.1 is a transcript.
    table = FeatureTable.read(write(tmp_path, "gene_id\tx\n2L52.1\t1\nAT1G01010\t2\n"), ["x"])
    assert table.lookup(["2L52.1", "AT1G01010"]).ravel().tolist() == [1, 2]
    assert np.isnan(table.lookup(["2L52.2", "2L52", "AT1G01010.1"])).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gene_id\tz\na\t1\n", "lacks the columns x.*allowed: gene_id and x"),
        ("gene_id\ty\tz\na\t1\t2\n", "lacks the columns x .*whose columns are y, z"),
        ("id\tx\na\t1\n", "no column 'gene_id' among id, x .*line 1"),
        ("gene_id\tx\na\t1\na\t2\n", "1 duplicate gene ids, such as 'a'"),
        ("gene_id\tx\na\t1\nb\tlong\n", "'long' is not a finite number.*line 3, column x"),
        ("", "the file is empty"),
    ],
)
def test_unusable_tables(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        FeatureTable.read(write(tmp_path, text), ["x"])


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not exist"):
        FeatureTable.read(tmp_path / "none.tsv", ["x"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gene_id\tx\na\tinf\n", "'inf' is not a finite number.*line 2, column x"),
        ("gene_id\tx\na\t1\nb\t1e300\n", "'1e300' is too large.*line 3, column x"),
        ("gene_id\tx\na\t1_0\n", "'1_0' is not a finite number.*line 2, column x"),
        ("gene_id\tx\na\t1\0\n", "NUL byte.*line 2"),
        ("gene_id\tx\n", "the feature table has no rows"),
        ("gene_id\tx\n\t1\n", "a gene has no id.*line 2"),
        ("gene_id\tx\tx\na\t1\t2\n", "column 'x' appears twice"),
    ],
)
def test_numbers_that_would_pass_for_others_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        FeatureTable.read(write(tmp_path, text), ["x"])


@pytest.mark.parametrize(
    "text",
    [
        "gene_id\tx\na\t1\t\nb\t3\t\n",
        'gene_id\tx\tnote\na\t1\t"5\' end\nb\t3\t3"\n',
        "gene_id\tx\na \t1\n b\t3\n",
        "gene_id\tx\tbroken\na\t1\tinf\nb\t3\t1e999\n",
    ],
    ids=["trailing tabs", "quotes", "blanks round ids", "a column nobody asked for"],
)
def test_rows_keep_their_genes(tmp_path: Path, text: str) -> None:
    assert FeatureTable.read(write(tmp_path, text), ["x"]).lookup(["a", "b"]).ravel().tolist() == [1, 3]


def test_every_column_of_numbers(tmp_path: Path) -> None:
    table = FeatureTable.read(write(tmp_path, "gene_id\tsymbol\tx\ny\tA\t1\n"))
    assert (table.names, table.values.tolist()) == (("x",), [[1]])


def test_a_table_of_other_genes_is_refused_with_an_id_of_each_side(tmp_path: Path) -> None:
    table = FeatureTable.read(write(tmp_path, "gene_id\tx\nTP53\t1\n"), ["x"])
    table.require_any(["b", "TP53"], "genes.gtf")
    table.require_any([], "genes.gtf")
    with pytest.raises(InputError, match=r"none of the 2 genes.*'TP53'.*such as 'ENSG1', as in genes\.gtf"):
        table.require_any(["ENSG1", "ENSG2"], "genes.gtf")
