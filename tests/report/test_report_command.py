"""``texcnn report``: each option adds what it says to the page."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_files import VALUES, describe, write_skips, write_table
from tiny import write_genome, write_gtf

import texcnn
from texcnn.cli.main import main
from texcnn.report.payload import packed_floats, packed_json


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as leaving:
        main([str(argument) for argument in arguments])
    return int(leaving.value.code or 0)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_table(tmp_path / "p.parquet", np.array(VALUES, np.float32), describe())


@pytest.fixture
def page(tmp_path: Path, table: Path) -> Callable[..., tuple[str, dict[str, Any]]]:
    """Runs the command; gives the page's source and its data."""
    out = tmp_path / "r.html"

    def build(*options: object, predictions: Path = table) -> tuple[str, dict[str, Any]]:
        assert run("report", "--predictions", predictions, "--out", out, "--overwrite", *options) == 0
        source = out.read_text()
        found = re.search(r'id="blob-data"[^>]*>([^<]+)<', source)
        assert found is not None
        return source, json.loads(gzip.decompress(base64.b64decode(found[1])))

    return build


def test_without_an_option_there_is_the_table_alone(page: Callable[..., tuple[str, dict[str, Any]]]) -> None:
    _, data = page()
    assert data["genes"]["gene_id"] == ["G0", "G1", "G2", "G3"]
    assert [data[name] for name in ("truth", "metrics", "skipped", "variants", "interval")] == [None] * 5


def test_the_list_of_skipped_genes_next_to_the_table_or_another(
    page: Callable[..., tuple[str, dict[str, Any]]], tmp_path: Path
) -> None:
    elsewhere = write_skips(tmp_path / "elsewhere.tsv")
    assert len(page("--skipped", elsewhere)[1]["skipped"]) == 3
    (tmp_path / "p.parquet.skipped.tsv").write_text("gene_id\treason\nS\tno place\n")
    assert page()[1]["skipped"] == [["S", "no place"]]
    assert len(page("--skipped", elsewhere)[1]["skipped"]) == 3, "the one that is named goes first"


def test_truth_and_metrics(page: Callable[..., tuple[str, dict[str, Any]]], tmp_path: Path) -> None:
    (tmp_path / "truth.tsv").write_text("gene_id\ttrue_expression\nG0\t0\nG1\t3\nG3\t-1\n")
    (tmp_path / "metrics.tsv").write_text("cell_type\tn_genes\tsquared_pearson\tother\nliver\t3\t0.5\tx\n")
    source, data = page("--truth", tmp_path / "truth.tsv", "--metrics", tmp_path / "metrics.tsv")
    assert data["truth"]["rows"] == [0, 1, 3]
    assert "truth.tsv" in source
    assert data["metrics"] == {"columns": ["cell_type", "n_genes", "squared_pearson"], "rows": [["liver", 3, 0.5]]}


def test_lines_on_the_run_are_kept_with_their_equals_signs(page: Callable[..., tuple[str, dict[str, Any]]]) -> None:
    source, _ = page("--run", "Command=texcnn predict --x=1", "--run", "Date=today")
    for text in ("Command", "texcnn predict --x=1", "Date", "today"):
        assert text in source


def test_the_model_gives_names_of_cell_types(
    page: Callable[..., tuple[str, dict[str, Any]]], tmp_path: Path, tiny: Path
) -> None:
    table = tmp_path / "t.parquet"
    texcnn.predict(tiny, write_genome(tmp_path), gtf=write_gtf(tmp_path / "g.gtf"), out=table)
    _, data = page("--model", tiny, predictions=table)
    assert [entry["name"] for entry in data["cellTypes"]] == ["G plus C", "adenine"]
    _, unnamed = page(predictions=table)
    assert [entry["name"] for entry in unnamed["cellTypes"]] == ["gc", "a"]


def test_variants(page: Callable[..., tuple[str, dict[str, Any]]], tmp_path: Path, tiny: Path) -> None:
    genome, gtf = write_genome(tmp_path), write_gtf(tmp_path / "g.gtf")
    texcnn.variant_effects(tiny, genome, variants=["chr1:21:G>A"], gtf=gtf, out=tmp_path / "v.tsv")
    source, data = page("--variants", tmp_path / "v.tsv")
    assert data["variants"]["records"]["pos"] == [21]
    assert data["variants"]["cellTypes"] == ["gc", "a"]
    found = re.search(r'id="blob-variants-delta"[^>]*>([^<]+)<', source)
    assert found is not None
    np.testing.assert_allclose(np.frombuffer(gzip.decompress(base64.b64decode(found[1])), "<f4"), [-0.1, 0], atol=1e-6)


@pytest.mark.parametrize("ending", [".tsv", ".tsv.gz", ".parquet"])
def test_variants_alone(tmp_path: Path, tiny: Path, ending: str) -> None:
    genome, gtf = write_genome(tmp_path), write_gtf(tmp_path / "g.gtf")
    given = ["chr1:21:G>A", "chr1:150:A>C"]
    texcnn.variant_effects(tiny, genome, variants=given, gtf=gtf, out=tmp_path / f"v{ending}")
    out = tmp_path / "r.html"
    assert run("report", "--variants", tmp_path / f"v{ending}", "--model", tiny, "--out", out) == 0
    source = out.read_text()
    data = json.loads(gzip.decompress(base64.b64decode(re.search(r'id="blob-data"[^>]*>([^<]+)<', source)[1])))  # type: ignore[index]
    assert data["variants"]["records"]["gene_id"] == ["g1"]
    assert data["genes"]["gene_id"] == []
    assert [entry["name"] for entry in data["cellTypes"]] == ["G plus C", "adenine"]
    assert [allele for allele, _ in data["skippedAlleles"]] == ["chr1:150:A>C"]
    assert "<h1>Predicted effects of variants</h1>" in source
    assert "genes predicted" not in source
    for place in re.findall(r'href="#([^"]+)"', source):
        assert f'id="{place}"' in source
    for fact in (f"<dd>v{ending}</dd>", "<dd>genome.fa</dd>", "minus that with the reference allele"):
        assert fact in source


def test_something_to_report_is_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("report", "--out", tmp_path / "r.html") == 2
    assert (
        "nothing to report – in --predictions – allowed: --predictions, --variants, or both" in capsys.readouterr().err
    )
    (tmp_path / "v.tsv").write_text("chrom\tpos\tref\talt\tgene_id\tcell_type\tref_prediction\tdelta\n")
    assert run("report", "--variants", tmp_path / "v.tsv", "--out", tmp_path / "r.html") == 2
    assert "neither the table nor 'v.tsv.meta.json' next to it describes the run" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["p.tsv", "v.tsv"])
def test_a_table_is_read_once_so_it_may_come_through_a_pipe(tmp_path: Path, tiny: Path, name: str) -> None:
    genome, gtf = write_genome(tmp_path), write_gtf(tmp_path / "g.gtf")
    texcnn.predict(tiny, genome, gtf=gtf, out=tmp_path / "p.tsv")
    texcnn.variant_effects(tiny, genome, variants=["chr1:21:G>A"], gtf=gtf, out=tmp_path / "v.tsv")
    option = {"p.tsv": "--predictions", "v.tsv": "--variants"}[name]
    assert run("report", option, tmp_path / name, "--model", tiny, "--out", tmp_path / "file.html") == 0
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    writer = threading.Thread(target=(tmp_path / name).write_bytes, args=[content], daemon=True)
    writer.start()
    assert run("report", option, tmp_path / name, "--model", tiny, "--out", tmp_path / "pipe.html") == 0
    writer.join(timeout=5)
    assert not writer.is_alive()
    pages = [(tmp_path / f"{source}.html").read_text() for source in ("file", "pipe")]
    found = [re.findall(r'id="blob-[^>]*>([^<]+)<', page) for page in pages]
    assert found[0] == found[1]


def test_a_pipe_of_parquet_is_refused(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = tmp_path / "pipe.parquet"
    os.mkfifo(pipe)
    threading.Thread(target=pipe.write_bytes, args=[table.read_bytes()], daemon=True).start()
    assert run("report", "--predictions", pipe, "--out", tmp_path / "r.html") == 2
    assert "the path is a pipe" in capsys.readouterr().err


def test_a_page_is_not_replaced_unasked(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.html").write_text("mine")
    assert run("report", "--predictions", table, "--out", tmp_path / "r.html") == 2
    assert "set --overwrite" in capsys.readouterr().err
    assert (tmp_path / "r.html").read_text() == "mine"


class TestPayload:
    def unpack(self, text: str) -> bytes:
        return gzip.decompress(base64.b64decode(text))

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ({"a": float("nan"), "b": [float("inf"), 1.23456789]}, '{"a":null,"b":[null,1.23457]}'),
            ([np.float32(0.1), np.int64(3), True, None, "é"], '[0.1,3,true,null,"\\u00e9"]'),
            (np.array([[1.5, np.nan]]), "[[1.5,null]]"),
            ((1, 2), "[1,2]"),
        ],
    )
    def test_json_has_finite_numbers_of_six_digits(self, value: object, text: str) -> None:
        assert self.unpack(packed_json(value)).decode() == text

    def test_floats_are_little_endian_row_by_row(self) -> None:
        values = np.arange(6, dtype=np.float64).reshape(2, 3)
        for given in (values, np.asfortranarray(values), values.astype(">f8")):
            assert np.frombuffer(self.unpack(packed_floats(given)), "<f4").tolist() == [0, 1, 2, 3, 4, 5]

    def test_equal_data_are_equal_bytes(self) -> None:
        assert packed_json({"a": 1}) == packed_json({"a": 1})
