"""The report page: what it says, what data it holds, and that a browser shows them."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from report_files import CELL_TYPES, VALUES, describe, write_skips, write_table
from tiny import write_genome, write_gtf

import texcnn
from texcnn.cli.main import main
from texcnn.errors import InputError
from texcnn.model.bundle import extend_bundle
from texcnn.model.make_reference import make_reference
from texcnn.report.model import find_model
from texcnn.report.report import write_report
from texcnn.tables.predictions import open_predictions, read_predictions


class Page(HTMLParser):
    """The text, the addresses and the packed data of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.blobs: dict[str, str] = {}
        self._blob = ""
        self.feed(self.source)
        self.text = re.sub(r"\s+", " ", self.text)
        assert self.open == [], "every tag is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.addresses += [values[name] or "" for name in ("src", "href") if name in values]
        self.ids += [values["id"] or ""] if "id" in values else []
        if tag not in ("meta", "br"):
            self.open.append(tag)
        if tag == "script":
            self._blob = (values.get("id") or "").removeprefix("blob-")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "script" in self.open and self._blob:
            self.blobs[self._blob] = data
        elif not {"style", "script"} & set(self.open):
            self.text += data + " "

    def unpacked(self, name: str) -> bytes:
        return gzip.decompress(base64.b64decode(self.blobs[name]))

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.unpacked("data"))
        return found

    def floats(self, name: str) -> np.ndarray:
        return np.frombuffer(self.unpacked(name), "<f4")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_table(tmp_path / "p.parquet", np.array(VALUES, np.float32), describe())


@pytest.fixture
def skipped(tmp_path: Path) -> Path:
    return write_skips(tmp_path / "p.parquet.skipped.tsv")


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "truth.tsv"
    path.write_text("gene_id\ttrue_expression\tmore\nG3\t-1\tx\nG0\t0\tx\nG1\t3\tx\nother\t7\tx\n")
    return path


def test_the_page_names_the_run_and_needs_nothing_else(table: Path, skipped: Path, truth: Path, tmp_path: Path) -> None:
    write_report(table, tmp_path / "r.html", skipped=skipped, truth=truth, run={"Command": "texcnn predict <all>"})
    page = Page(tmp_path / "r.html")
    facts = ["tiny-model", "f00d" * 16, "beef" * 16, "genome.fa.gz", "log10(RPKM + 0.1)", "9.8.7", "one per gene"]
    for fact in (*facts, "Command texcnn predict <all>", "must not be used for"):
        assert fact in page.text
    for term, number in (("genes predicted", "4"), ("skipped", "3"), ("cell types", "3")):
        assert f"{term} {number}" in page.text
    assert all(address.startswith("#") for address in page.addresses)
    assert {address[1:] for address in page.addresses} <= set(page.ids)
    assert "default-src 'none'" in page.source
    assert not re.search(r"""(?:src|href|url\()\s*=?\s*["']?https?:""", page.source)
    assert not list(tmp_path.glob(".texcnn-*"))


def test_the_data_come_back_exactly(table: Path, skipped: Path, tmp_path: Path) -> None:
    write_report(table, tmp_path / "r.html", skipped=skipped)
    page = Page(tmp_path / "r.html")
    np.testing.assert_array_equal(page.floats("values").reshape(4, 3), np.array(VALUES, np.float32))
    data = page.data
    assert data["genes"]["gene_id"] == ["G0", "G1", "G2", "G3"]
    assert data["genes"]["tss"] == [1000, 2000, 3000, 4000]
    assert [entry["id"] for entry in data["cellTypes"]] == list(CELL_TYPES)
    assert data["means"] == pytest.approx([0, 2, 6.5 / 3, -1], abs=1e-5)
    assert len(data["skipped"]) == 3
    assert data["quantiles"][0][2] == 0.5, "the median of -1, 0, 1 and 2"


def test_the_same_page_from_every_format(tmp_path: Path, tiny: Path) -> None:
    genome = {"fasta": write_genome(tmp_path), "gtf": write_gtf(tmp_path / "genes.gtf")}
    pages = []
    for ending in (".parquet", ".tsv", ".tsv.gz", ".h5ad"):
        out = tmp_path / f"p{ending}"
        texcnn.predict(tiny, **genome, out=out)
        write_report(out, tmp_path / f"{ending}.html")
        page = Page(tmp_path / f"{ending}.html")
        pages.append((page.data, page.floats("values").tolist()))
        frame = read_predictions(out)
        assert frame.attrs["unit"] == "fraction"
        assert frame.attrs["skipped"][0]["gene_id"] == "g3"
        expected = texcnn.predict(tiny, **genome)
        pd.testing.assert_frame_equal(frame, expected, check_flags=False, rtol=1e-5)
    for page in pages[1:]:
        assert page[0] == pages[0][0]
        assert page[1] == pytest.approx(pages[0][1], rel=1e-5)


def test_equal_inputs_give_equal_pages(table: Path, skipped: Path, truth: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_report(table, tmp_path / f"{name}.html", skipped=skipped, truth=truth)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


class TestExpected:
    def test_the_page_begins_with_whether_it_came_out_as_expected(
        self, table: Path, skipped: Path, tmp_path: Path
    ) -> None:
        earlier = write_table(tmp_path / "earlier.parquet", np.array(VALUES, np.float32) + 0.0005, describe())
        write_skips(tmp_path / "earlier.parquet.skipped.tsv")
        found = write_report(
            table, tmp_path / "r.html", skipped=skipped, expected=earlier, comment="First.\n\nWhat to <expect>."
        )
        assert found is not None
        assert found.met
        page = Page(tmp_path / "r.html")
        assert 'data-met="yes"' in page.source
        assert "4 rows, the expected ones" in page.text
        assert "The 12 values differ by 0.0005 at most" in page.text
        assert page.text.index("First.") < page.text.index("What to <expect>.") < page.text.index("It came out as exp")

    def test_what_differs_is_reported(self, table: Path, skipped: Path, tmp_path: Path) -> None:
        values = np.array(VALUES, np.float32)
        values[1, 2] += 0.5
        earlier = write_table(tmp_path / "earlier.parquet", np.vstack([values, values[:1]]), describe())
        (tmp_path / "earlier.parquet.skipped.tsv").write_text("gene_id\treason\n")
        found = write_report(table, tmp_path / "r.html", skipped=skipped, expected=earlier)
        assert found is not None
        rows, skips, differences = found.differences
        assert rows == "4 rows, 5 expected; not expected: none; missing: G4."
        assert skips.startswith(
            "3 skipped, 0 expected, or for other reasons (S0: chromosome 'chrA' is not in the FASTA"
        )
        assert differences == "The 12 values differ by 0.5 at most; 0.001 is allowed."
        assert 'data-met="no"' in Page(tmp_path / "r.html").source


def test_what_was_run_names_command_annotation_and_date(tiny: Path, tmp_path: Path) -> None:
    genome = [f"--fasta={write_genome(tmp_path)}", f"--gtf={write_gtf(tmp_path / 'genes.gtf')}"]
    for ending in (".tsv", ".parquet", ".h5ad"):
        out = tmp_path / f"p{ending}"
        with pytest.raises(SystemExit):
            main(["predict", *genome, f"--model={tiny}", f"--out={out}", "--quiet"])
        write_report(out, tmp_path / "r.html", run={"Cluster": "ours"})
        text = Page(tmp_path / "r.html").text
        assert re.search(r"Written \d{4}-\d\d-\d\d \d\d:\d\d UTC", text)
        assert "Annotation genes.gtf" in text
        assert f"Command texcnn predict --fasta={tmp_path}" in text
        assert "Cluster ours" in text


def test_names_from_the_input_cannot_become_markup(table: Path, skipped: Path, tmp_path: Path) -> None:
    write_report(table, tmp_path / "r.html", skipped=skipped, run={"<i>": "</script><script>alert(1)</script>"})
    text = (tmp_path / "r.html").read_text()
    assert "<b>odd</b>" not in text
    assert "alert(1)</script>" not in text
    assert "&lt;b&gt;odd&lt;/b&gt;" in text


def test_reasons_with_their_numbers(table: Path, skipped: Path, tmp_path: Path) -> None:
    write_report(table, tmp_path / "r.html", skipped=skipped)
    assert "2 chromosome … is not in the FASTA (first: 'chrA')" in Page(tmp_path / "r.html").text
    skipped.unlink()
    write_report(table, tmp_path / "r.html")
    assert "The list of skipped rows was not given" in Page(tmp_path / "r.html").text
    skipped.write_text("gene_id\treason\n")
    write_report(table, tmp_path / "r.html", skipped=skipped)
    assert "None: every row of the input is in the table" in Page(tmp_path / "r.html").text


def test_agreement_with_the_truth(table: Path, truth: Path, tmp_path: Path) -> None:
    write_report(table, tmp_path / "r.html", truth=truth)
    page = Page(tmp_path / "r.html")
    assert "3 of the 4 predicted rows have a value in truth.tsv" in page.text
    assert "Squared Pearson correlation: 0.992" in page.text
    assert "the mean of these values: 0.885" in page.text
    assert page.data["truth"]["rows"] == [0, 1, 3]
    truth.write_text("gene_id\ttrue_expression\nX\t1\n")
    write_report(table, tmp_path / "r.html", truth=truth)
    assert "No predicted gene has a value in truth.tsv" in Page(tmp_path / "r.html").text


def test_figures_of_an_evaluation(table: Path, tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.tsv"
    metrics.write_text(
        "model\tcell_type\tn_genes\tsquared_pearson\tother\ntiny\tliver\t9\t0.5\tx\nmean\tliver\t9\t\tx\n"
    )
    write_report(table, tmp_path / "r.html", metrics=metrics)
    assert Page(tmp_path / "r.html").data["metrics"] == {
        "columns": ["model", "cell_type", "n_genes", "squared_pearson"],
        "rows": [["tiny", "liver", 9, 0.5], ["mean", "liver", 9, None]],
    }


def test_cell_types_that_do_not_differ_have_no_specific_genes(tmp_path: Path) -> None:
    base = np.linspace(-1, 3, 50)[:, None]
    alike = base + np.random.default_rng(0).normal(0, 0.01, (50, 3))
    write_report(write_table(tmp_path / "p.parquet", alike.astype(np.float32), describe()), tmp_path / "r.html")
    page = Page(tmp_path / "r.html")
    assert page.data["standOut"] is None
    assert "hardly tells the cell types apart" in page.text


def test_the_spread_of_members_is_not_mixed_up_with_intervals(tmp_path: Path) -> None:
    for endings in (("lower", "upper"), ("spread",), ("lower", "upper", "spread")):
        described = replace(describe(), spread="lower" in endings, member_spread="spread" in endings)
        values = np.arange(4 * len(described.value_columns), dtype=np.float32).reshape(4, -1)
        write_report(write_table(tmp_path / "p.parquet", values, described), tmp_path / "r.html")
        page = Page(tmp_path / "r.html")
        assert page.data["endings"] == list(endings)
        np.testing.assert_array_equal(page.floats("values").reshape(4, -1), values)
        assert ("Spread of members" in page.text) == ("spread" in endings)


def test_a_median_is_no_cell_type(tmp_path: Path) -> None:
    names = ("median", "liver", "brain")
    write_report(
        write_table(tmp_path / "p.parquet", np.array(VALUES, np.float32), describe(names)), tmp_path / "r.html"
    )
    page = Page(tmp_path / "r.html")
    assert "cell types 2" in page.text
    assert page.data["means"][1] == 2.5, "of liver and brain alone"
    assert 0 not in page.data["standOut"]["cellType"]


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (1, 3), (2, 2), (5, 1), (3, 61)])
def test_tables_of_few_rows_and_columns_and_of_many_cell_types(tmp_path: Path, shape: tuple[int, int]) -> None:
    names = tuple(f"type {i}" for i in range(shape[1]))
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    write_report(write_table(tmp_path / "p.parquet", values, describe(names)), tmp_path / "r.html")
    page = Page(tmp_path / "r.html")
    assert ("Nothing was predicted" in page.text) == (shape[0] == 0)
    assert (page.data["correlation"] is not None) == (shape[0] > 2 and shape[1] > 1)


def test_transcript_rows_name_their_transcript(tmp_path: Path) -> None:
    path = write_table(tmp_path / "p.parquet", np.array(VALUES, np.float32), describe(transcripts=True))
    write_report(path, tmp_path / "r.html")
    page = Page(tmp_path / "r.html")
    assert "transcripts predicted 4" in page.text
    assert page.data["genes"]["transcript_id"] == ["T0", "T1", "T2", "T3"]


class TestModel:
    @pytest.fixture
    def made(self, tmp_path: Path, tiny: Path) -> Path:
        header = "cell_type\tsplit\tn_genes\tsquared_pearson\n"
        metrics = f"{header}gc\ttest\t9\t0.1\na\ttest\t9\t0.6\n"
        genes = np.linspace(0, 3, 40)[:, None] * [1, 1]
        content = make_reference(genes, np.stack([genes, genes + 0.5]))
        extend_bundle(tiny, {"metrics.tsv": metrics.encode(), "reference.safetensors": content})
        out = tmp_path / "p.parquet"
        texcnn.predict(tiny, write_genome(tmp_path), gtf=write_gtf(tmp_path / "genes.gtf"), out=out)
        return out

    def test_names_figures_and_intervals_come_from_the_model(self, made: Path, tiny: Path, tmp_path: Path) -> None:
        write_report(made, tmp_path / "r.html", model=tiny)
        page = Page(tmp_path / "r.html")
        write_report(made, tmp_path / "same.html", model=texcnn.load_model(tiny))
        assert (tmp_path / "same.html").read_bytes() == (tmp_path / "r.html").read_bytes()
        assert page.data["cellTypes"] == [
            {"id": "gc", "name": "G plus C", "group": "", "heldOut": 0.1, "weak": True, "summary": False},
            {"id": "a", "name": "adenine", "group": "", "heldOut": 0.6, "weak": False, "summary": False},
        ]
        assert page.data["interval"]["lower"] == [[0.5, 0.5]]
        assert "percentile" in page.data["genes"]
        assert "20 bp upstream and 10 bp downstream" in page.text
        assert "Genes 15:1593" in page.text

    def test_another_model_of_the_name_says_nothing(
        self, made: Path, tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        extend_bundle(tiny, {}, max_n_fraction=0.4)
        assert find_model(open_predictions(made).description, tiny) is None
        assert "made by another model than 'tiny' here" in caplog.text
        assert find_model(open_predictions(made).description) is None, "no model of this name is bundled"
        for model in (None, tiny, texcnn.load_model(tiny)):
            write_report(made, tmp_path / "r.html", model=model)
            assert Page(tmp_path / "r.html").data["interval"] is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("truth", None, "does not exist"),
        ("truth", "gene_id\tvalue\nG0\t1\n", "missing columns: true_expression"),
        ("truth", "gene_id\ttrue_expression\nG0\t1\nG0\t2\n", "gene 'G0' appears twice"),
        ("truth", "gene_id\ttrue_expression\nG0\t1\nG1\thigh\n", "'high' is not a number .* line 3"),
        ("skipped", None, "does not exist"),
        ("skipped", "gene\nG0\n", "not a list of skipped genes.*gene_id and reason"),
        ("variants", None, "does not exist"),
        ("variants", "chrom\tpos\nchr1\t5\n", "missing columns: ref, alt, gene_id"),
    ],
)
def test_unusable_files(table: Path, tmp_path: Path, name: str, content: str | None, message: str) -> None:
    path = tmp_path / "bad"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message):
        write_report(table, tmp_path / "r.html", **{name: path})
    assert not (tmp_path / "r.html").exists()


def test_unusable_tables(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("gene_id\n")
    pq.write_table(pa.table({"gene_id": ["G0"]}), tmp_path / "b.parquet")
    (tmp_path / "c.tsv").write_text("gene_id\tliver\nG0\t1\n")
    (tmp_path / "d.h5ad").write_text("no")
    for name, message in (
        ("a.parquet", "unreadable Parquet"),
        ("b.parquet", "not a table of predictions"),
        ("c.tsv", "'c.tsv.meta.json' is not next to the table"),
        ("d.h5ad", "unreadable h5ad"),
        ("e.parquet", "does not exist"),
        ("f.csv", "does not exist"),
    ):
        with pytest.raises(InputError, match=message):
            read_predictions(tmp_path / name)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
def test_a_browser_shows_the_tables(table: Path, skipped: Path, truth: Path, tmp_path: Path) -> None:
    write_report(table, tmp_path / "r.html", skipped=skipped, truth=truth)
    browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'browser'}"]
    address = (tmp_path / "r.html").as_uri()
    shown = subprocess.run(
        [*browser, "--virtual-time-budget=20000", "--enable-logging=stderr", "--dump-dom", address],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "data-ready=" in shown.stdout
    rows = re.findall(r"<tr[^>]*><td><button[^>]*>([^<]+)</button></td><td>(G\d)</td>", shown.stdout)
    assert rows == [("name2", "G2"), ("name1", "G1"), ("name0", "G0"), ("name3", "G3")], "highest mean first"
    assert "T cell <CD4>" in html.unescape(shown.stdout)
    assert "CONSOLE" not in shown.stderr
