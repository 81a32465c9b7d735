"""Every format holds the same rows, says its unit, appears whole or not at all."""

from __future__ import annotations

import errno
import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from texcnn import files
from texcnn.errors import InputError, RunError
from texcnn.files import description_path, skipped_path
from texcnn.genome.gene import Annotation, Gene
from texcnn.genome.skipped import Skipped, read_skipped, write_skipped
from texcnn.genome.windows import WindowSpec
from texcnn.tables.columns import TableDescription, gene_columns, prediction_frame
from texcnn.tables.merge import merge_tables
from texcnn.tables.windows_bed import write_windows_bed
from texcnn.tables.writers import open_tables, table_format
from texcnn.text.names import read_names

DESCRIPTION = TableDescription(
    cell_types=("liver", "brain"),
    unit="log10(RPKM + 0.1)",
    model="tiny",
    model_fingerprint="abc",
    fasta="genome.fa",
    fasta_fingerprint="def",
    texcnn_version="1",
)
ENDINGS = (".tsv", ".tsv.gz", ".parquet", ".h5ad")


def frame(start: int, n: int) -> pd.DataFrame:
    genes = [Gene(f"g{place}", f"G{place}", "chr1", 10 * place, "+-"[place % 2]) for place in range(start, start + n)]
    values = np.array([[place / 3, -place / 7] for place in range(start, start + n)], np.float32).reshape(n, 2)
    return prediction_frame(genes, [place / 10 for place in range(n)], values, ("liver", "brain"), transcripts=False)


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".h5ad":
        data = anndata.read_h5ad(path)
        return pd.concat([data.var.reset_index(drop=True), data.to_df().T.reset_index(drop=True)], axis=1)
    return pd.read_csv(path, sep="\t", float_precision="round_trip")


@pytest.mark.parametrize("ending", ENDINGS)
def test_rows_come_back_exactly(tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"out{ending}"
    with open_tables([out], DESCRIPTION) as table:
        for start, n in ((0, 3), (3, 0), (3, 4)):
            table.write(frame(start, n))
    expected = pd.concat([frame(0, 3), frame(3, 4)], ignore_index=True)
    found = read(out)
    assert list(found.columns) == [*gene_columns(transcripts=False), "liver", "brain"]
    assert found["tss"].tolist() == [1, 11, 21, 31, 41, 51, 61], "1-based"
    for name in ("gene_id", "gene_name", "chrom", "strand"):
        assert found[name].astype(str).tolist() == expected[name].tolist()
    for name in ("liver", "brain"):
        np.testing.assert_allclose(found[name], expected[name], rtol=5e-6 if ending.startswith(".tsv") else 0)
    np.testing.assert_allclose(found["n_fraction"], expected["n_fraction"], rtol=1e-9)


def test_text_has_six_significant_digits(tmp_path: Path) -> None:
    out = tmp_path / "out.tsv"
    with open_tables([out], DESCRIPTION) as table:
        table.write(frame(2, 1))
    assert out.read_text().splitlines()[1] == "g2\tG2\tchr1\t21\t+\t0\t0.666667\t-0.285714"


def test_rows_share_a_row_group_of_parquet(tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    with open_tables([out], DESCRIPTION) as table:
        for start in range(0, 25_000, 500):
            table.write(frame(start, 500))
    found = pq.ParquetFile(out).metadata
    assert [found.row_group(place).num_rows for place in range(found.num_row_groups)] == [10_000, 10_000, 5_000]
    assert pd.read_parquet(out)["gene_id"].tolist() == [f"g{place}" for place in range(25_000)]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_table_without_rows_still_has_its_columns(tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"out{ending}"
    with open_tables([out], DESCRIPTION):
        pass
    assert list(read(out).columns) == [*gene_columns(transcripts=False), "liver", "brain"]
    assert len(read(out)) == 0


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_format_says_its_unit_and_origin(tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"out{ending}"
    with open_tables([out], DESCRIPTION) as table:
        table.write(frame(0, 2))
    if ending == ".parquet":
        assert TableDescription.from_parquet(pq.read_schema(out), out) == DESCRIPTION
    elif ending == ".h5ad":
        uns = anndata.read_h5ad(out).uns
        assert uns["unit"] == DESCRIPTION.unit
        assert json.loads(uns["texcnn"])["model_fingerprint"] == "abc"
    else:
        described = json.loads((tmp_path / f"out{ending}.meta.json").read_text())
        assert described["unit"] == DESCRIPTION.unit
        assert described["cell_types"] == ["liver", "brain"]


def test_h5ad_is_a_plain_anndata_of_cell_types_by_genes(tmp_path: Path) -> None:
    out = tmp_path / "out.h5ad"
    with open_tables([out], DESCRIPTION) as table:
        table.write(frame(0, 300))
        table.write(frame(300, 300))
    data = anndata.read_h5ad(out)
    assert data.shape == (2, 600)
    assert list(data.obs_names) == ["liver", "brain"]
    assert data["brain", "g599"].X.item() == np.float32(-599 / 7)
    with h5py.File(out) as handle:
        assert handle["X"].chunks[1] < 600, "written in pieces"


SPREAD = replace(DESCRIPTION, extra_columns=("in_training", "percentile"), spread=True, max_n_fraction=0.5)


@pytest.mark.parametrize("ending", ENDINGS)
def test_extra_columns_and_intervals(tmp_path: Path, ending: str) -> None:
    names = list(SPREAD.value_columns)
    assert names == ["liver", "brain", "liver.lower", "liver.upper", "brain.lower", "brain.upper"]
    extra = {"in_training": ["train"], "percentile": np.array([12.5])}
    values = np.array([[1, 2, 0, 3, 1.5, 2.5]], np.float32)
    rows = prediction_frame([Gene("g1", "G1", "chr1", 0, "+")], [0.0], values, names, transcripts=False, extra=extra)
    out = tmp_path / f"out{ending}"
    with open_tables([out], SPREAD) as table:
        table.write(rows)
    found = read(out)
    assert list(found)[6:8] == ["in_training", "percentile"]
    assert found.loc[0, ["in_training", "percentile"]].tolist() == ["train", 12.5]
    if ending == ".h5ad":
        layers = anndata.read_h5ad(out).layers
        assert layers["lower"][:, 0].tolist() == [0, 1.5]
        assert layers["upper"][:, 0].tolist() == [3, 2.5]
    else:
        assert found.loc[0, names].tolist() == values[0].tolist()


def test_a_description_comes_back_from_a_text_table(tmp_path: Path) -> None:
    out = tmp_path / "out.tsv"
    with open_tables([out], SPREAD, remarks=lambda: {"segments": 3}):
        pass
    assert TableDescription.from_json(description_path(out).read_text(), out) == SPREAD


def test_equal_tables_are_equal_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with open_tables([tmp_path / f"{name}.tsv.gz"], DESCRIPTION) as table:
            table.write(frame(0, 5))
    assert (tmp_path / "one.tsv.gz").read_bytes() == (tmp_path / "two.tsv.gz").read_bytes()
    assert gzip.decompress((tmp_path / "one.tsv.gz").read_bytes()).count(b"\n") == 6


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_failed_run_leaves_nothing_and_keeps_the_old(tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"out{ending}"
    out.write_bytes(b"the old table")

    def fail() -> None:
        with open_tables([out], DESCRIPTION) as table:
            table.write(frame(0, 2))
            raise RuntimeError("the power went")

    with pytest.raises(RuntimeError, match=r"the power went"):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
    assert out.read_bytes() == b"the old table"


def test_endings_decide_the_format() -> None:
    assert [table_format(Path(f"a.b{ending}")) for ending in ENDINGS] == list(ENDINGS)
    for wrong in ("out.csv", "out", ".tsv", "out.gz"):
        with pytest.raises(InputError, match=r"unknown table format.*\.tsv, \.tsv\.gz, \.parquet, \.h5ad"):
            table_format(Path(wrong))


def test_skipped_genes_are_listed(tmp_path: Path) -> None:
    out = skipped_path(tmp_path / "out.tsv")
    assert out.name == "out.tsv.skipped.tsv"
    write_skipped(out, [Skipped("g1", "no place")])
    assert out.read_text() == "gene_id\treason\ng1\tno place\n"
    write_skipped(out, [])
    assert out.read_text() == "gene_id\treason\n"


@pytest.mark.parametrize("name", ["p.tsv", "p.tsv.gz", "p.parquet", "p.h5ad"])
def test_a_table_that_fails_leaves_nothing_next_to_it(tmp_path: Path, name: str) -> None:
    def write(error: Exception | None) -> None:
        with open_tables([tmp_path / name], DESCRIPTION) as table:
            table.write_skipped([Skipped("g9", "no place")])
            if error is not None:
                raise error

    with pytest.raises(RunError, match="the disk is full"):
        write(OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(ValueError, match="other"):
        write(ValueError("other"))
    assert list(tmp_path.iterdir()) == []
    write(None)
    assert {path.name for path in tmp_path.iterdir()} >= {name, f"{name}.skipped.tsv"}


def test_of_two_runs_into_one_table_one_fails_and_its_lists_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "p.tsv"
    # Both began in the same moment: neither saw the other.
    monkeypatch.setattr(files, "refuse_other_writer", lambda *_: None)

    def run(name: str, then: Callable[[], None]) -> None:
        with open_tables([out], DESCRIPTION, remarks=lambda: {"run": name}) as table:
            table.write_skipped([Skipped(name, "no place")])
            then()

    with pytest.raises(RunError, match="another process has written"):
        run("slow", lambda: run("quick", lambda: None))
    assert [row.gene_id for row in read_skipped(skipped_path(out))] == ["quick"]
    assert json.loads(description_path(out).read_text())["run"] == "quick"
    assert len(list(tmp_path.iterdir())) == 3


class TestMerge:
    def parts(self, folder: Path, *descriptions: TableDescription) -> list[Path]:
        paths = []
        for place, description in enumerate(descriptions):
            paths.append(folder / f"part{place}.parquet")
            with open_tables([paths[-1]], description) as table:
                table.write(frame(3 * place, 3))
            write_skipped(skipped_path(paths[-1]), [Skipped(f"s{place}", "why")])
        return paths

    def test_parts_in_the_order_given(self, tmp_path: Path) -> None:
        parts = self.parts(tmp_path, DESCRIPTION, DESCRIPTION, DESCRIPTION)
        outs = [tmp_path / "all.parquet", tmp_path / "all.tsv"]
        assert merge_tables([parts[1], parts[0], parts[2]], outs[0], also=outs[1]) == (9, 3)
        for out in outs:
            assert read(out)["gene_id"].tolist() == ["g3", "g4", "g5", "g0", "g1", "g2", "g6", "g7", "g8"]
        assert [row.gene_id for row in read_skipped(skipped_path(outs[0]))] == ["s1", "s0", "s2"]
        assert TableDescription.from_parquet(pq.read_schema(outs[0]), outs[0]) == DESCRIPTION

    @pytest.mark.parametrize("change", [{"model_fingerprint": "x"}, {"unit": "TPM"}, {"fasta_fingerprint": "y"}])
    def test_parts_of_different_runs_are_refused(self, tmp_path: Path, change: dict[str, str]) -> None:
        other = TableDescription(**{**DESCRIPTION.__dict__, **change})
        parts = self.parts(tmp_path, DESCRIPTION, other)
        with pytest.raises(InputError, match=f"different runs: {next(iter(change))} differ.*part0.*part1"):
            merge_tables(parts, tmp_path / "all.parquet")
        assert not list(tmp_path.glob("all*")), "nor a list of skipped genes"

    def test_no_row_is_counted_twice(self, tmp_path: Path) -> None:
        first, second = self.parts(tmp_path, DESCRIPTION, DESCRIPTION)
        again = first.parent / "." / ".." / first.parent.name / first.name
        out, more = tmp_path / "all.parquet", skipped_path(first)
        for parts, outs, lists, kind in (
            ([first, second, again], [out], [], "table to merge"),
            ([first], [out, out], [], "output"),
            ([first], [out], [more, more], "list of skipped genes"),
        ):
            with pytest.raises(InputError, match=f"the same {kind} is given twice"):
                merge_tables(parts, outs[0], also=outs[1:], more_skipped=lists)
        assert not list(tmp_path.glob("all*"))

    def test_outputs_on_different_disks_cannot_appear_together(self, tmp_path: Path) -> None:
        memory = Path("/dev/shm")
        if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("one disk only")
        parts = self.parts(tmp_path, DESCRIPTION)
        with pytest.raises(InputError, match=r"different disks.*`out` and `also`"):
            merge_tables(parts, tmp_path / "all.parquet", also=memory / f"{tmp_path.name}.tsv")
        assert not list(tmp_path.glob("all*"))

    def test_nothing_is_replaced_unasked(self, tmp_path: Path) -> None:
        parts, out = self.parts(tmp_path, DESCRIPTION), tmp_path / "all.parquet"
        out.write_text("mine")
        with pytest.raises(InputError, match="already exists"):
            merge_tables(parts, out)
        assert merge_tables(parts, out, overwrite=True) == (3, 1)

    def test_what_is_no_table_of_predictions(self, tmp_path: Path) -> None:
        (tmp_path / "a.parquet").write_text("no")
        pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "b.parquet")
        for name, message in (
            ("a", "unreadable Parquet"),
            ("b", "not a table of predictions"),
            ("c", "does not exist"),
        ):
            with pytest.raises(InputError, match=message):
                merge_tables([tmp_path / f"{name}.parquet"], tmp_path / "all.parquet")
        with pytest.raises(InputError, match=r"no tables to merge"):
            merge_tables([], tmp_path / "all.parquet")

    def test_skipped_lists_join_and_none_may_be_missing(self, tmp_path: Path) -> None:
        parts = self.parts(tmp_path, DESCRIPTION, DESCRIPTION)
        out, more = tmp_path / "all.parquet", tmp_path / "more.tsv"
        write_skipped(more, [Skipped("s9", "no place")])
        assert merge_tables(parts, out, more_skipped=[more]) == (6, 3)
        assert skipped_path(out).read_text() == "gene_id\treason\ns9\tno place\ns0\twhy\ns1\twhy\n"
        skipped_path(parts[1]).unlink()
        with pytest.raises(InputError, match=r"does not exist .*part1.parquet.skipped.tsv"):
            merge_tables(parts, tmp_path / "again.parquet")
        assert not list(tmp_path.glob("again*"))

    @pytest.mark.parametrize(("text", "message"), [("a\tb\n", "not a list"), ("", "the file is empty")])
    def test_what_is_no_list_of_skipped_genes(self, tmp_path: Path, text: str, message: str) -> None:
        (tmp_path / "wrong.tsv").write_text(text)
        with pytest.raises(InputError, match=f"{message}.*wrong.tsv"):
            read_skipped(tmp_path / "wrong.tsv")


def test_names_from_a_list(tmp_path: Path) -> None:
    path = tmp_path / "genes.txt"
    path.write_text("# mine\ng1\n\n g2 \ng3\tother column\n")
    assert read_names(path) == ["g1", "g2", "g3"]
    path.write_text("\ufeffg1\r\ng2\r\n")
    assert read_names(path) == ["g1", "g2"], "as spreadsheets write it"
    path.write_text("# none\n\n")
    with pytest.raises(InputError, match=r"list of genes is empty"):
        read_names(path)
    with pytest.raises(InputError, match=r"does not exist"):
        read_names(tmp_path / "nowhere")
    for nameless in ("\tg2", '""\tg2'):
        path.write_text(f'"g1"\t1\n{nameless}\n')
        with pytest.raises(InputError, match=r"no name in its first column .*genes.txt, line 2"):
            read_names(path)
    path.write_text("g1\n#N/A\n")
    with pytest.raises(InputError, match=r"'#N/A' is a spreadsheet's error, not a name .*genes.txt, line 2"):
        read_names(path)
    path.write_bytes(gzip.compress(b'"g1"\t1\ng2'))
    assert read_names(str(path)) == ["g1", "g2"]


def test_windows_are_clipped_but_bring_the_tss(tmp_path: Path) -> None:
    genes = [Gene("g1", "G1", "chr1", 5, "+"), Gene("g2", "G2", "chr1", 98, "-", "t2")]
    annotation = Annotation(genes, [Skipped("g3", "no place")], tmp_path / "g.gtf")
    write_windows_bed(tmp_path / "w.bed", annotation, WindowSpec(20, 10), {"chr1": 100})
    assert skipped_path(tmp_path / "w.bed").read_text() == "gene_id\treason\ng3\tno place\n"
    assert (tmp_path / "w.bed").read_text().splitlines() == [
        "#chrom\tstart\tend\tgene_id\tscore\tstrand\tgene_name\ttss\ttranscript_id",
        "chr1\t0\t15\tg1\t0\t+\tG1\t6\t",
        "chr1\t89\t100\tg2\t0\t-\tG2\t99\tt2",
    ]
