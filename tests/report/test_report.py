"""The report page: what it says about small tables whose numbers are known."""

from __future__ import annotations

import base64
import html
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from texcnn.errors import InputError
from texcnn.genome.skipped import read_skipped
from texcnn.report.report import write_report
from texcnn.report.summary import (
    compare_with_truth,
    count_reasons,
    highest_genes,
    most_specific_genes,
    read_predictions,
)
from texcnn.tables.columns import TableDescription

CELL_TYPES = ("liver", "brain", "T cell <CD4>")
VALUES = [[0.0, 0.0, 0.0], [1.0, 1.0, 4.0], [2.0, 2.5, 2.0], [-1.0, -1.0, -1.0]]


def describe(cell_types: tuple[str, ...] = CELL_TYPES, transcripts: bool = False) -> TableDescription:
    return TableDescription(
        cell_types=cell_types,
        unit="log10(RPKM + 0.1)",
        model="tiny-model",
        model_fingerprint="f00d" * 16,
        fasta="genome.fa.gz",
        fasta_fingerprint="beef" * 16,
        texcnn_version="9.8.7",
        transcripts=transcripts,
    )


def write_table(path: Path, values: np.ndarray, description: TableDescription) -> Path:
    n = len(values)
    columns = {
        "gene_id": [f"G{i}" for i in range(n)],
        "gene_name": [f"name{i}" for i in range(n)],
        "transcript_id": [f"T{i}" for i in range(n)],
        "chrom": ["chr1"] * n,
        "tss": np.arange(1, n + 1) * 1000,
        "strand": ["+", "-"] * (n // 2) + ["+"] * (n % 2),
        "n_fraction": np.arange(n) / max(n, 1),
    }
    columns.update({name: values[:, i] for i, name in enumerate(description.cell_types)})
    schema = description.schema()
    frame = pd.DataFrame({name: columns[name] for name in schema.names})
    pq.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False), path)
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_table(tmp_path / "p.parquet", np.array(VALUES, np.float32), describe())


@pytest.fixture
def skipped(tmp_path: Path) -> Path:
    path = tmp_path / "p.parquet.skipped.tsv"
    reasons = ["chromosome 'chrA' is not in the FASTA", "chromosome 'chrB' is not in the FASTA", "<b>odd</b> 0.75 of N"]
    path.write_text("gene_id\treason\n" + "".join(f"S{i}\t{reason}\n" for i, reason in enumerate(reasons)))
    return path


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "truth.tsv"
    path.write_text("gene_id\ttrue_expression\tmore\nG3\t-1\tx\nG0\t0\tx\nG1\t3\tx\nother\t7\tx\n")
    return path


class Page(HTMLParser):
    """The visible text, the pictures and every address of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.pictures: dict[str, str] = {}
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.addresses += [values[name] or "" for name in ("src", "href") if name in values]
        if tag == "img":
            self.pictures[values["alt"] or ""] = values["src"] or ""
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data + " "


def read(path: Path) -> Page:
    page = Page(path.read_text(encoding="utf-8"))
    assert page.open == []  # every tag is closed
    return page


def test_page_names_the_run_and_needs_nothing_else(table: Path, skipped: Path, truth: Path, tmp_path: Path) -> None:
    write_report(table, skipped, tmp_path / "r.html", truth=truth)
    page = read(tmp_path / "r.html")
    for fact in ("tiny-model", "f00d" * 16, "beef" * 16, "genome.fa.gz", "log10(RPKM + 0.1)", "9.8.7", "one per gene"):
        assert fact in page.text
    assert "4 genes predicted" in page.text
    assert "3 skipped" in page.text
    assert "3 cell types" in page.text
    assert "must not be used for" in page.text
    assert all(address.startswith(("#", "data:image/svg+xml;base64,")) for address in page.addresses)
    anchors = set(re.findall(r'id="([^"]+)"', (tmp_path / "r.html").read_text()))
    assert {address[1:] for address in page.addresses if address.startswith("#")} <= anchors
    assert "http" not in html.unescape(page.text)
    assert not list(tmp_path.glob(".texcnn-*"))


def test_every_figure_is_a_picture_with_a_description(table: Path, skipped: Path, truth: Path, tmp_path: Path) -> None:
    write_report(table, skipped, tmp_path / "r.html", truth=truth)
    pictures = read(tmp_path / "r.html").pictures
    assert len(pictures) == 4
    for alt, source in pictures.items():
        assert len(alt) > 10
        root = ElementTree.fromstring(base64.b64decode(source.split(",", 1)[1]))
        assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_equal_inputs_give_equal_pages(table: Path, skipped: Path, truth: Path, tmp_path: Path) -> None:
    write_report(table, skipped, tmp_path / "a.html", truth=truth)
    write_report(table, skipped, tmp_path / "b.html", truth=truth)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_names_from_the_input_cannot_become_markup(table: Path, skipped: Path, tmp_path: Path) -> None:
    write_report(table, skipped, tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text()
    assert "<b>odd</b>" not in text
    assert "&lt;b&gt;odd&lt;/b&gt; 0.75 of N" in text
    assert "T cell &lt;CD4&gt;" in text


def test_reasons_are_counted_without_their_names_and_numbers(skipped: Path) -> None:
    assert count_reasons(read_skipped(skipped)) == [("chromosome … is not in the FASTA", 2), ("<b>odd</b> … of N", 1)]


def test_highest_genes_are_ordered_by_their_mean(table: Path) -> None:
    best = highest_genes(read_predictions(table), 2)
    assert best["gene_id"].tolist() == ["G2", "G1"]
    assert best["mean"].tolist() == pytest.approx([6.5 / 3, 2.0])
    assert "liver" not in best


def test_specific_gene_is_the_one_that_neither_gene_nor_cell_type_explains(table: Path) -> None:
    best = most_specific_genes(read_predictions(table), 1)
    # G1: mean 2; T cell: mean 5/4; grand mean 9.5/12. 4 - 2 - 1.25 + 0.791667
    assert best[["gene_id", "cell_type", "value"]].to_numpy().tolist() == [["G1", "T cell <CD4>", 4.0]]
    assert best["excess"].tolist() == pytest.approx([4 - 2 - 1.25 + 9.5 / 12])


def test_agreement_with_the_truth_by_hand(table: Path, truth: Path) -> None:
    found = compare_with_truth(read_predictions(table), truth)
    assert found.gene_ids == ["G0", "G1", "G3"]
    assert found.true.tolist() == [0, 3, -1]
    assert found.predicted.tolist() == [0, 2, -1]
    # deviations: true (-2/3, 7/3, -5/3), predicted (-1/3, 5/3, -4/3); SSE 1
    assert found.squared_pearson == pytest.approx((57 / 9) ** 2 / ((78 / 9) * (42 / 9)))
    assert found.explained == pytest.approx(1 - 1 / (78 / 9))


def test_agreement_stands_in_the_page(table: Path, truth: Path, tmp_path: Path) -> None:
    write_report(table, None, tmp_path / "r.html", truth=truth)
    text = read(tmp_path / "r.html").text
    assert "3 of the 4 predicted rows have a value in truth.tsv" in text
    assert "Squared Pearson correlation: 0.992" in text
    assert "offset: 0.885" in text


def test_constant_truth_has_no_correlation(table: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("gene_id\ttrue_expression\nG0\t1\nG1\t1\n")
    found = compare_with_truth(read_predictions(table), path)
    assert (found.squared_pearson, found.explained) == (None, None)
    write_report(table, None, tmp_path / "r.html", truth=path)
    assert read(tmp_path / "r.html").text.count("not defined") == 2


def test_truth_of_other_genes_is_said(table: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("gene_id\ttrue_expression\nX\t1\n")
    write_report(table, None, tmp_path / "r.html", truth=path)
    assert "No predicted gene has a value in t.tsv" in read(tmp_path / "r.html").text


def test_table_without_rows(tmp_path: Path, skipped: Path, truth: Path) -> None:
    empty = write_table(tmp_path / "e.parquet", np.zeros((0, 3), np.float32), describe())
    write_report(empty, skipped, tmp_path / "r.html", truth=truth)
    page = read(tmp_path / "r.html")
    assert "0 genes predicted" in page.text
    assert "3 skipped" in page.text
    assert "Nothing was predicted" in page.text
    assert page.pictures == {}


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (2, 2), (5, 1), (3, 61)])
def test_tables_of_few_rows_and_columns_and_of_many_cell_types(tmp_path: Path, shape: tuple[int, int]) -> None:
    names = tuple(f"type {i}" for i in range(shape[1]))
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    path = write_table(tmp_path / "p.parquet", values, describe(names))
    write_report(path, None, tmp_path / "r.html")
    page = read(tmp_path / "r.html")
    assert ("Heat map of correlations between cell types" in page.pictures) == (shape[0] > 2 and shape[1] > 1)
    assert ("first 60 of 61 cell types" in page.text) == (shape[1] == 61)
    assert "not given skipped" in page.text


def test_constant_cell_type_does_not_break_the_correlation(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    values = np.array([[1, 0, 2], [1, 1, 1], [1, 2, 5]], np.float32)
    write_report(write_table(tmp_path / "p.parquet", values, describe()), None, tmp_path / "r.html")
    assert "Heat map of correlations between cell types" in read(tmp_path / "r.html").pictures
    assert not [warning for warning in recwarn if issubclass(warning.category, RuntimeWarning)]


def test_transcript_rows_name_their_transcript(tmp_path: Path) -> None:
    path = write_table(tmp_path / "p.parquet", np.array(VALUES, np.float32), describe(transcripts=True))
    write_report(path, None, tmp_path / "r.html")
    text = read(tmp_path / "r.html").text
    assert "4 transcripts predicted" in text
    assert "G2 name2 T2 chr1" in text


def test_long_skipped_list_is_cut_and_says_so(table: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.tsv"
    path.write_text("gene_id\treason\n" + "".join(f"S{i:04}\tlost\n" for i in range(1200)))
    write_report(table, path, tmp_path / "r.html")
    text = read(tmp_path / "r.html").text
    assert "The first 50 of 1,200" in text
    assert "S0049" in text
    assert "S0050" not in text


def test_empty_skipped_list_is_not_an_unknown_one(table: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.tsv"
    path.write_text("gene_id\treason\n")
    write_report(table, path, tmp_path / "r.html")
    assert "None: every row of the input is in the table" in read(tmp_path / "r.html").text


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("truth", None, "does not exist"),
        ("truth", "", "the file is empty"),
        ("truth", "gene_id\tvalue\nG0\t1\n", "missing columns: true_expression"),
        ("truth", "gene_id\ttrue_expression\nG0\t1\nG0\t2\n", "gene 'G0' stands twice"),
        ("truth", "gene_id\ttrue_expression\nG0\t1\nG1\thigh\n", "'high' is no number .* line 3"),
        ("skipped", None, "does not exist"),
        ("skipped", "gene\nG0\n", "not a list of skipped genes.*gene_id and reason"),
        ("predictions", None, "does not exist"),
        ("predictions", "gene_id\n", "unreadable Parquet"),
    ],
)
def test_unusable_files(table: Path, tmp_path: Path, name: str, content: str | None, message: str) -> None:
    path = tmp_path / "bad"
    if content is not None:
        path.write_text(content)
    files = {"predictions": table, "skipped": None, "truth": None, name: path}
    with pytest.raises(InputError, match=message):
        write_report(files["predictions"], files["skipped"], tmp_path / "r.html", truth=files["truth"])
    assert not (tmp_path / "r.html").exists()


def test_parquet_of_another_program_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"gene_id": ["G0"]}), tmp_path / "p.parquet")
    with pytest.raises(InputError, match="not a table of predictions"):
        write_report(tmp_path / "p.parquet", None, tmp_path / "r.html")
