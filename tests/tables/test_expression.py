import gzip
import logging
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from texcnn.errors import InputError
from texcnn.tables.expression import read_expression, transform_expression

EXPECTED = pd.DataFrame(
    {"liver": [1.5, np.nan], "brain | left": [0.0, 20.0]}, index=pd.Index(["ENSG00000000003.15", "g2"], name="gene_id")
)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "gene_id\tliver\tbrain | left\nENSG00000000003.15\t1.5\t0\ng2\tNA\t20\n",
        "gene_id\tliver\tbrain | left\nENSG00000000003.15\t1.5\t0\t\n\ng2\t\t2e1\t\n",
        "gene_id\tliver\tbrain | left\t\nENSG00000000003.15\t1.5\t0\t\ng2\tnan\t20\t\n",
        '"liver"\t"gene_id"\t"brain | left"\r\n1.5\t"ENSG00000000003.15"\t0\r\nNaN\t"g2"\t20\r\n',
    ],
    ids=["plain", "trailing tab in rows", "trailing tab everywhere", "quoted, gene ids in the middle"],
)
def test_text(tmp_path: Path, text: str) -> None:
    pd.testing.assert_frame_equal(read_expression(write(tmp_path / "e.tsv", text)), EXPECTED)


def test_gzip_parquet_and_h5ad_say_the_same(tmp_path: Path) -> None:
    text = EXPECTED.reset_index().to_csv(sep="\t", index=False)
    (tmp_path / "e.tsv.gz").write_bytes(gzip.compress(text.encode()))
    EXPECTED.reset_index().to_parquet(tmp_path / "column.parquet")
    EXPECTED.to_parquet(tmp_path / "index.parquet")
    genes = anndata.AnnData(EXPECTED)
    genes.write_h5ad(tmp_path / "genes.h5ad")
    genes.T.write_h5ad(tmp_path / "cell_types.h5ad")
    genes.obs = pd.DataFrame({"gene_id": EXPECTED.index.to_numpy()}, index=["0", "1"])
    genes.write_h5ad(tmp_path / "column.h5ad")
    for name in ("e.tsv.gz", "column.parquet", "index.parquet", "genes.h5ad", "cell_types.h5ad", "column.h5ad"):
        pd.testing.assert_frame_equal(read_expression(tmp_path / name), EXPECTED, obj=name)


def test_integers_of_parquet_become_floats(tmp_path: Path) -> None:
    pd.DataFrame({"gene_id": ["a", "b"], "x": pd.array([1, None], "Int64")}).to_parquet(tmp_path / "e.parquet")
    assert read_expression(tmp_path / "e.parquet")["x"].tolist() == pytest.approx([1.0, np.nan], nan_ok=True)


def test_gene_ids_under_another_name(tmp_path: Path) -> None:
    path = write(tmp_path / "e.tsv", "Gene\tliver\ng1\t1\n")
    assert read_expression(path, gene_column="Gene").loc["g1", "liver"] == 1
    with pytest.raises(InputError, match=r"no column 'gene_id' among Gene, liver .* line 1"):
        read_expression(path)


def test_columns_that_are_no_cell_types(tmp_path: Path) -> None:
    frame = pd.DataFrame({"symbol": ["A", "B"], "gene_id": ["a", "b"], "x": [1.0, 2.0]})
    frame.to_parquet(tmp_path / "e.parquet")
    frame.to_csv(tmp_path / "e.tsv", sep="\t", index=False)
    for name in ("e.parquet", "e.tsv"):
        read = read_expression(tmp_path / name, ignore=["symbol", "chrom"])
        assert read.to_dict() == {"x": {"a": 1, "b": 2}}, name
    with pytest.raises(InputError, match="'A' is not a number"):
        read_expression(tmp_path / "e.tsv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("gene_id\tx\n", "no genes"),
        ("gene_id\ng1\n", "no cell types"),
        ("gene_id\tx\ng1\t1\ng1\t2\n", "1 duplicate names of a gene, such as 'g1'"),
        ("gene_id\tx\tx\ng1\t1\t2\n", "duplicate names of a cell type, such as 'x'"),
        ("gene_id\tx\t\ty\ng1\t1\t2\t3\n", "a cell type has no name"),
        ("gene_id\tx\n\t1\n", "a gene has no name"),
        ("gene_id\tx\ty\ng1\t1\t2\ng2\t1\thigh\n", "'high' is not a number .*line 3, column y"),
        ("gene_id\tx\ng1\t-inf\n", "infinite .*gene g1, column x"),
        ("gene_id\tx\ng1\t1\t2\n", "3 fields, the header 2 .*line 2 .*column of gene ids a name"),
        ("gene_id\tx\ty\ng1\t1\n", "2 fields, the header 3"),
    ],
)
def test_bad_text(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_expression(write(tmp_path / "e.tsv", text))


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not exist .* expression matrix '.*none.tsv'"):
        read_expression(tmp_path / "none.tsv")
    for name, kind in (("e.parquet", "Parquet"), ("e.h5ad", "AnnData")):
        with pytest.raises(InputError, match=f"unreadable {kind}"):
            read_expression(write(tmp_path / name, "text"))
    (tmp_path / "cut.tsv.gz").write_bytes(gzip.compress(b"gene_id\tx\ng1\t1\n")[:-6])
    with pytest.raises(InputError, match="truncated or damaged"):
        read_expression(tmp_path / "cut.tsv.gz")
    pd.DataFrame({"gene_id": ["a"], "x": ["1"], "symbol": ["A"]}).to_parquet(tmp_path / "text.parquet")
    with pytest.raises(InputError, match="no numbers in the columns x, symbol"):
        read_expression(tmp_path / "text.parquet")
    anndata.AnnData(EXPECTED.rename_axis(None)).write_h5ad(tmp_path / "unnamed.h5ad")
    with pytest.raises(InputError, match="neither obs nor var has 'gene_id'"):
        read_expression(tmp_path / "unnamed.h5ad")


def test_logarithm(caplog: pytest.LogCaptureFixture) -> None:
    frame = pd.DataFrame({"x": [0.0, 9.9, np.nan, 999.9]}, index=["a", "b", "c", "d"])
    with caplog.at_level(logging.WARNING, "texcnn"):
        logged = transform_expression(frame, "log10p0.1", where="e.tsv")
    assert logged["x"].tolist() == pytest.approx([-1, 1, np.nan, 3], nan_ok=True)
    assert transform_expression(frame, "none", where="e.tsv") is frame
    assert not caplog.records


def test_what_looks_logged_is_warned_of_and_what_is_negative_refused(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "texcnn"):
        transform_expression(pd.DataFrame({"x": [0.0, 4.5]}), "log10p0.1", where="e.tsv")
    assert "e.tsv: the highest value is 4.5" in caplog.text
    frame = pd.DataFrame({"x": [0.5, 2], "y": [1, -1.25]}, index=["a", "b"])
    with pytest.raises(InputError, match=r"1 negative values, such as -1.25 of gene b in 'y' .*e.tsv .*'none'"):
        transform_expression(frame, "log10p0.1", where="e.tsv")
    with pytest.raises(InputError, match=r"unknown unit transform 'log2' .*log10p0.1, none"):
        transform_expression(frame, "log2", where="e.tsv")


@pytest.mark.data
def test_roadmap(data: Path) -> None:
    frame = read_expression(data / "human" / "expression_roadmap57_rpkm.tsv.gz")
    assert frame.shape == (19_795, 57)
    assert frame.loc["ENSG00000000003", ["E000", "E003"]].tolist() == [23.265, 43.985]
    assert not frame.isna().to_numpy().any()
    assert frame.columns[-1] == "E128"


@pytest.mark.data
def test_protein_atlas_has_gaps(data: Path) -> None:
    frame = read_expression(data / "human" / "expression_hpa21_consensus_ntpm.tsv.gz", gene_column="Gene")
    assert frame.shape == (20_090, 54)
    assert frame.isna().to_numpy().sum() == 652
