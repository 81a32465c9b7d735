import gzip
import logging
from decimal import Decimal
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from texcnn.errors import InputError
from texcnn.tables.expression import read_expression
from texcnn.tables.plain_strings import plain_strings
from texcnn.tables.transform import transform_expression

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
    genes = anndata.AnnData(plain_strings(EXPECTED))
    genes.write_h5ad(tmp_path / "genes.h5ad")
    genes.T.write_h5ad(tmp_path / "cell_types.h5ad")
    genes.obs = plain_strings(pd.DataFrame({"gene_id": EXPECTED.index.to_numpy()}, index=["0", "1"]))
    genes.write_h5ad(tmp_path / "column.h5ad")
    for name in ("e.tsv.gz", "column.parquet", "index.parquet", "genes.h5ad", "cell_types.h5ad", "column.h5ad"):
        pd.testing.assert_frame_equal(read_expression(tmp_path / name), EXPECTED, obj=name)


def test_integers_of_parquet_become_floats(tmp_path: Path) -> None:
    pd.DataFrame({"gene_id": ["a", "b"], "x": pd.array([1, None], "Int64")}).to_parquet(tmp_path / "e.parquet")
    assert read_expression(tmp_path / "e.parquet")["x"].tolist() == pytest.approx([1.0, np.nan], nan_ok=True)


def test_gene_ids_under_another_name(tmp_path: Path) -> None:
    path = write(tmp_path / "e.tsv", "Gen\tliver\ng1\t1\n")
    assert read_expression(path, gene_column="Gen").loc["g1", "liver"] == 1
    with pytest.raises(InputError, match=r"no column 'gene_id' among Gen, liver .* line 1"):
        read_expression(path)
    with pytest.raises(InputError, match=r"no column 'gene' among Gen, liver .* line 1"):
        read_expression(path, gene_column="gene")


def test_columns_that_are_no_cell_types(tmp_path: Path) -> None:
    frame = pd.DataFrame({"symbol": ["A", "B"], "gene_id": ["a", "b"], "x": [1.0, 2.0]})
    frame.to_parquet(tmp_path / "e.parquet")
    frame.to_csv(tmp_path / "e.tsv", sep="\t", index=False)
    for name in ("e.parquet", "e.tsv"):
        read = read_expression(tmp_path / name, ignore=["symbol", "chrom"])
        assert read.to_dict() == {"x": {"a": 1, "b": 2}}, name
        found = read_expression(tmp_path / name)
        assert (list(found.columns), found.attrs["passed_over"]) == (["x"], ("symbol",)), name


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
        ("gene_id\tx\ty\ng1\t1\t2\ng2\t1\thigh\n", "'high' is not a finite number .*line 3, column y"),
        ("gene_id\tx\ng1\t-inf\n", "'-inf' is not a finite number .*line 2, column x"),
        ("gene_id\tx\ng1\t1\t2\n", "3 fields, the header 2 .*line 2 .*column of gene ids a name"),
        ("gene_id\tx\ty\ng1\t1\n", "2 fields, the header 3"),
        ("gene_id;x;y\ng1;1,5;2\n", "'1,5' is not a finite number .*column x .*decimal point"),
        ('gene_id,x,y\ng1,"1,234",2\n', "'1,234' is not a finite number .*column x .*separators of thousands"),
    ],
)
def test_bad_text(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_expression(write(tmp_path / "e.tsv", text))


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not exist .*none.tsv"):
        read_expression(tmp_path / "none.tsv")
    for name, kind in (("e.parquet", "Parquet"), ("e.h5ad", "AnnData")):
        with pytest.raises(InputError, match=f"unreadable {kind}"):
            read_expression(write(tmp_path / name, "text"))
    (tmp_path / "cut.tsv.gz").write_bytes(gzip.compress(b"gene_id\tx\ng1\t1\n")[:-6])
    with pytest.raises(InputError, match="truncated or damaged"):
        read_expression(tmp_path / "cut.tsv.gz")
    pd.DataFrame({"gene_id": ["a"], "x": ["1"], "symbol": ["A"]}).to_parquet(tmp_path / "text.parquet")
    with pytest.raises(InputError, match="no cell types; passed over are symbol, x"):
        read_expression(tmp_path / "text.parquet")
    anndata.AnnData(plain_strings(EXPECTED).rename_axis(None)).write_h5ad(tmp_path / "unnamed.h5ad")
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


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("gene_id\tgene_name\tliver\ng1\tA\t1.5\ng2\tB\t2\n", ("gene_name",)),
        ("Name\tLength\tEffectiveLength\tTPM\tNumReads\ng1\t9\t8\t1.5\t7\ng2\t9\t8\t2\t7\n",
         ("Length", "EffectiveLength", "NumReads")),
        ("gene_id\ttranscript_id(s)\tlength\teffective_length\texpected_count\tTPM\tFPKM\n"
         "g1\tt1,t2\t9\t8\t3\t1.5\t4\ng2\tt3\t9\t8\t3\t2\t4\n",
         ("transcript_id(s)", "length", "effective_length", "expected_count", "FPKM")),
        ('# Program:featureCounts v2.0.3; Command:"featureCounts"\nGeneid\tChr\tStart\tEnd\tStrand\tLength\ta.bam\n'
         "g1\tchr1;chr1\t1;5\t3;9\t+;+\t8\t1.5\ng2\tchr1\t20\t30\t+\t11\t2\n",
         ("Chr", "Start", "End", "Strand", "Length")),
        ("#1.2\n2\t1\nName\tDescription\tliver\ng1\tA\t1.5\ng2\tB\t2\n", ("Description",)),
        ("id\tName\tDescription\tliver\n0\tg1\tA\t1.5\n1\tg2\tB\t2\n", ("id", "Description")),
        ("gene_id\tlength\teff_length\test_counts\ttpm\ng1\t9\t8\t3\t1.5\ng2\t9\t8\t3\t2\n",
         ("length", "eff_length", "est_counts")),
        ("Gene ID\tGene Name\tReference\tStrand\tStart\tEnd\tCoverage\tFPKM\tTPM\ng1\tA\tchr1\t+\t1\t9\t5\t2.5\t1.5\n"
         "g2\tB\tchr1\t+\t1\t9\t5\t2.5\t2\n",
         ("Gene Name", "Reference", "Strand", "Start", "End", "Coverage", "FPKM")),
        ("tracking_id\tgene_id\tlocus\tFPKM\tFPKM_conf_lo\tFPKM_conf_hi\tFPKM_status\ng1\tg1\tc:1-5\t1.5\t1\t2\tOK\n"
         "g2\tg2\tc:1-5\t2\t1\t2\tOK\n",
         ("locus", "FPKM_conf_lo", "FPKM_conf_hi", "tracking_id", "FPKM_status")),
        ("gene_id\tgene_type\tunstranded\tstranded_first\tstranded_second\ttpm_unstranded\tfpkm_unstranded\n"
         "g1\tx\t5\t5\t5\t1.5\t2\ng2\tx\t5\t5\t5\t2\t2\n",
         ("gene_type", "unstranded", "stranded_first", "stranded_second", "fpkm_unstranded")),
        ("gene_id;gene_name;liver\r\ng1;A;1.5\r\ng2;B;2\r\n", ("gene_name",)),
        ('"liver"\n"g1"\t1.5\n"g2"\t2\n', ()),
        ("\tliver\ng1\t1.5\ng2\t2\n", ()),
        ("gene_id\tnote\tliver\ng1\tsee below\t1.5\ng2\t\t2\n", ("note",)),
    ],
    ids=[
        "nf-core", "salmon", "RSEM", "featureCounts", "GCT", "GCT of GTEx", "kallisto", "StringTie", "Cufflinks", "GDC",
        "semicolons", "R", "pandas index", "a note",
    ],
)  # fmt: skip
def test_tables_of_other_programs_as_they_are(
    tmp_path: Path, text: str, passed: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "texcnn"):
        frame = read_expression(write(tmp_path / "e.tsv", text))
    assert frame.to_numpy().tolist() == [[1.5], [2]]
    assert frame.index.tolist() == ["g1", "g2"]
    assert frame.attrs["passed_over"] == passed
    assert all(name in caplog.text for name in passed)


def test_a_unit_that_is_asked_for_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "e.tsv", "gene_id\tTPM\tFPKM\ng1\t1\t2\n")
    assert read_expression(path, only="FPKM").to_numpy().tolist() == [[2]]
    path = write(tmp_path / "e.tsv", "gene_id\tliver\tFPKM\ng1\t1\t2\n")
    assert list(read_expression(path).columns) == ["liver", "FPKM"], "no other unit: it may well be a sample"


def test_text_in_columns_that_are_asked_for_is_not_passed_over(tmp_path: Path) -> None:
    frame = pd.DataFrame({"gene_id": ["a"], "x": [1.0], "note": ["high"]})
    frame.to_csv(tmp_path / "e.tsv", sep="\t", index=False)
    frame.to_parquet(tmp_path / "e.parquet")
    for name in ("e.tsv", "e.parquet"):
        with pytest.raises(InputError, match="no numbers in the columns note"):
            read_expression(tmp_path / name, only=["x", "note"])
    with pytest.raises(InputError, match="'high' is not a finite number"):
        read_expression(tmp_path / "e.tsv", only="note")


def test_a_value_beyond_float32_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"gene_id": ["a", "b"], "x": [1.0, 1e300]}).to_parquet(tmp_path / "e.parquet")
    with pytest.raises(InputError, match=r"too large.*gene b, column x"):
        read_expression(tmp_path / "e.parquet")


def test_faults_of_h5ad_files(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "plain.h5ad", "w") as file:
        file["matrix"] = np.ones((2, 2))
    with pytest.raises(InputError, match=r"unreadable AnnData.*plain\.h5ad"):
        read_expression(tmp_path / "plain.h5ad")
    table = anndata.AnnData(plain_strings(EXPECTED))
    table.layers["tpm"] = table.X
    table.X = None
    table.write_h5ad(tmp_path / "no_x.h5ad")
    with pytest.raises(InputError, match=r"no X; its layers are tpm .*no_x\.h5ad.*copy the layer"):
        read_expression(tmp_path / "no_x.h5ad")
    anndata.AnnData(plain_strings(EXPECTED)).write_h5ad(tmp_path / "future.h5ad")
    with h5py.File(tmp_path / "future.h5ad", "r+") as file:
        file["obs"].attrs["encoding-version"] = "99.0"
    with pytest.raises(InputError, match=r"unreadable AnnData.*update anndata"):
        read_expression(tmp_path / "future.h5ad")


def test_types_of_parquet(tmp_path: Path) -> None:
    """Decimals are numbers, yes and no are none; an index may have no name, but a gene must have one."""
    path = tmp_path / "e.parquet"
    columns = {"x": [Decimal("1.5"), Decimal(2)], "expressed": [True, False]}
    pd.DataFrame(columns, index=["a", "b"]).to_parquet(path)
    found = read_expression(path)
    assert (found.to_dict(), found.attrs["passed_over"]) == ({"x": {"a": 1.5, "b": 2}}, ("expressed",))
    pd.DataFrame({"Name": ["a", "b"], "x": [1.5, 2]}, index=[5, 3]).to_parquet(path)
    assert read_expression(path).to_dict() == {"x": {"a": 1.5, "b": 2}}
    pd.DataFrame({"gene_id": ["a", None], "x": [1.5, 2]}).to_parquet(path)
    with pytest.raises(InputError, match="a gene has no name"):
        read_expression(path)


def test_where_anndata_has_its_gene_ids(tmp_path: Path) -> None:
    path = tmp_path / "e.h5ad"
    plain = anndata.AnnData(plain_strings(EXPECTED).rename_axis(None)).T
    genes = anndata.AnnData(
        plain.X, plain.obs, plain_strings(pd.DataFrame({"gene_ids": ["g1", "g2"]}, index=["A", "B"]))
    )
    genes.write_h5ad(path)
    assert read_expression(path).index.tolist() == ["g1", "g2"]
    genes.obs["gene_ids"] = ["x", "y"]
    genes.write_h5ad(path)
    with pytest.raises(InputError, match="obs and var both have 'gene_ids'"):
        read_expression(path)
    anndata.AnnData(np.array([[True, False]]), var=plain_strings(pd.DataFrame({"gene_id": ["a", "b"]}))).write_h5ad(
        path
    )
    with pytest.raises(InputError, match="X holds no matrix of numbers: its type is bool"):
        read_expression(path)


@pytest.mark.parametrize("name", ["a\tb", "a\nb", "a\x1bb", "a\u2028b"])
@pytest.mark.parametrize("of", ["cell type", "gene"])
def test_names_that_no_text_table_can_hold_are_refused(tmp_path: Path, name: str, of: str) -> None:
    """A table of predictions with such a column could not be read again."""
    cell_type, gene = (name, "g") if of == "cell type" else ("a", name)
    pd.DataFrame({"gene_id": [gene], cell_type: [1.0]}).to_parquet(tmp_path / "e.parquet")
    with pytest.raises(InputError, match=rf"the name of a {of} has a tab, a line end") as refused:
        read_expression(tmp_path / "e.parquet")
    assert "\n" not in str(refused.value)


def test_blanks_around_names_go_in_every_format(tmp_path: Path) -> None:
    frame = pd.DataFrame({"gene_id": [" g"], " a ": [1.0]})
    frame.to_parquet(tmp_path / "e.parquet")
    frame.to_csv(tmp_path / "e.tsv", sep="\t", index=False)
    for name in ("e.parquet", "e.tsv"):
        read = read_expression(tmp_path / name)
        assert (list(read.index), list(read.columns)) == (["g"], ["a"])
