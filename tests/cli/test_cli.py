"""The command line: exit status, messages, files; everything else is the library's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anndata
import pandas as pd
import pytest
from tiny import CHR1, save_tiny, write_genome, write_gtf

from texcnn.cli.main import main
from texcnn.features.spec import FeatureSpec


class Run:
    """What one run of the command line gave."""

    def __init__(self, capsys: pytest.CaptureFixture[str], arguments: tuple[object, ...]) -> None:
        with pytest.raises(SystemExit) as leaving:
            main([str(argument) for argument in arguments])
        self.status = leaving.value.code
        self.out, self.err = capsys.readouterr()


@pytest.fixture
def texcnn(capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    return lambda *arguments: Run(capsys, arguments)


@pytest.fixture
def files(tmp_path: Path, tiny: Path) -> dict[str, Path]:
    return {
        "fasta": write_genome(tmp_path),
        "gtf": write_gtf(tmp_path / "genes.gtf"),
        "model": tiny,
        "out": tmp_path / "out.tsv",
    }


def given(files: dict[str, Path], **changes: object) -> list[object]:
    options = {**files, **changes}
    return [part for name, value in options.items() if value is not None for part in (f"--{name}", value)]


def test_predict_writes_the_table_and_what_was_skipped(texcnn: Callable[..., Run], files: dict[str, Path]) -> None:
    run = texcnn("predict", *given(files))
    assert (run.status, run.out) == (0, "")
    assert "2 genes predicted, 1 skipped" in run.err
    assert "        1 no segment of the window has enough known bases, 100.00% are N\n" in run.err
    table = pd.read_csv(files["out"], sep="\t")
    assert list(table.columns) == ["gene_id", "gene_name", "chrom", "tss", "strand", "n_fraction", "gc", "a"]
    assert table["gene_id"].tolist() == ["g1", "g2"]
    assert table["gc"].tolist() == [1.0, 0.5]
    skipped = pd.read_csv(f"{files['out']}.skipped.tsv", sep="\t")
    assert skipped["gene_id"].tolist() == ["g3"]
    described = json.loads(Path(f"{files['out']}.meta.json").read_text())
    assert (described["unit"], described["model"], described["fasta"]) == ("fraction", "tiny", "genome.fa")


@pytest.mark.parametrize("ending", [".tsv.gz", ".parquet", ".h5ad"])
def test_endings(texcnn: Callable[..., Run], files: dict[str, Path], tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"out{ending}"
    assert texcnn("predict", *given(files, out=out)).status == 0
    if ending == ".h5ad":
        assert anndata.read_h5ad(out)["gc", "g1"].X.item() == 1.0
    else:
        table = pd.read_parquet(out) if ending == ".parquet" else pd.read_csv(out, sep="\t")
        assert table["gc"].tolist() == [1.0, 0.5]


def test_quiet_says_nothing(texcnn: Callable[..., Run], files: dict[str, Path]) -> None:
    run = texcnn("predict", *given(files), "--quiet")
    assert (run.status, run.out, run.err) == (0, "", "")


def test_chosen_cell_types_genes_and_features(
    texcnn: Callable[..., Run], files: dict[str, Path], tmp_path: Path
) -> None:
    save_tiny(files["model"], features=[FeatureSpec("utr", default=0.0)])
    (tmp_path / "list.txt").write_text("g2\nnobody\n")
    (tmp_path / "features.tsv").write_text("gene_id\tutr\ng2\t4\n")
    run = texcnn(
        "predict", *given(files, genes=tmp_path / "list.txt", features=tmp_path / "features.tsv"), "--cell-type", "gc"
    )
    assert run.status == 0
    table = pd.read_csv(files["out"], sep="\t")
    assert table[["gene_id", "gc"]].to_numpy().tolist() == [["g2", 4.5]]
    assert "a" not in table


def written(folder: Path) -> set[str]:
    """What lies in a folder, but for the index that a FASTA gets when it is first opened."""
    return {path.name for path in folder.iterdir() if path.suffix not in (".fai", ".gzi")}


class TestBadInput:
    """Each mistake ends with status 2 and a message that says what, where, what is allowed and what to do."""

    @pytest.fixture
    def refused(self, texcnn: Callable[..., Run], files: dict[str, Path]) -> Callable[..., str]:
        def refuse(*more: object, **changes: object) -> str:
            before = written(files["out"].parent)
            run = texcnn("predict", *given(files, **changes), *more)
            assert run.status == 2, run.err
            assert "Traceback" not in run.err
            assert written(files["out"].parent) == before, "nothing was written"
            return run.err

        return refuse

    def test_missing_files(self, refused: Callable[..., str], tmp_path: Path) -> None:
        assert "nowhere.fa" in refused(fasta=tmp_path / "nowhere.fa")
        assert "nowhere.gtf" in refused(gtf=tmp_path / "nowhere.gtf")
        assert "nowhere.bed" in refused(gtf=None, bed=tmp_path / "nowhere.bed")
        assert "nowhere.txt" in refused(genes=tmp_path / "nowhere.txt")
        assert "no genome" in refused(fasta=None)

    def test_empty_files(self, refused: Callable[..., str], tmp_path: Path) -> None:
        (tmp_path / "empty").touch()
        for name in ("fasta", "gtf"):
            message = refused(**{name: tmp_path / "empty"})
            assert "empty" in message.replace(str(tmp_path / "empty"), "")
        assert "empty" in refused(gtf=None, bed=tmp_path / "empty").replace(str(tmp_path / "empty"), "")

    def test_truncated_fasta(self, refused: Callable[..., str], files: dict[str, Path], tmp_path: Path) -> None:
        import pysam

        pysam.faidx(str(files["fasta"]))
        content = files["fasta"].read_bytes()
        files["fasta"].write_bytes(content[: len(content) // 2])
        assert "truncated" in refused()

    def test_truncated_gtf(self, refused: Callable[..., str], files: dict[str, Path], tmp_path: Path) -> None:
        import gzip

        packed = gzip.compress(files["gtf"].read_bytes() * 50)
        (tmp_path / "cut.gtf.gz").write_bytes(packed[: len(packed) // 2])
        assert "truncated" in refused(gtf=tmp_path / "cut.gtf.gz")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("chr1\t10\n", "line 1"),
            ("chr1\t10\t20\nchr1\t30\t20\n", "line 2"),
            ("chr1\tten\t20\n", "line 1"),
            ("chr1\t10\t20\ta\t0\t+\nchr1\t30\t40\n", "line 2"),
            ("chr1\t10\t20\ta\t0\t+\nchr1\t30\t40\ta\t0\t+\n", "'a'"),
        ],
    )
    def test_unusable_bed(self, refused: Callable[..., str], tmp_path: Path, text: str, message: str) -> None:
        (tmp_path / "bad.bed").write_text(text)
        assert message in refused(gtf=None, bed=tmp_path / "bad.bed")

    def test_unusable_gtf(self, refused: Callable[..., str], tmp_path: Path) -> None:
        (tmp_path / "bad.gtf").write_text("chr1\ttest\texon\t5\n")
        assert "line 1" in refused(gtf=tmp_path / "bad.gtf")
        (tmp_path / "bad.gtf").write_text('chr1\tt\texon\t9\t5\t.\t+\t.\tgene_id "a"; transcript_id "b";\n')
        assert "line 1" in refused(gtf=tmp_path / "bad.gtf")

    def test_chromosome_names_of_another_style(
        self, refused: Callable[..., str], texcnn: Callable[..., Run], files: dict[str, Path], tmp_path: Path
    ) -> None:
        gtf = write_gtf(tmp_path / "ensembl.gtf", [("g1", "1", 41, 60, "+")])
        message = refused(gtf=gtf)
        assert "--map-chrom-names" in message
        assert "ensembl.gtf" in message
        assert "genome.fa" in message
        run = texcnn("predict", *given(files, gtf=gtf), "--map-chrom-names")
        assert run.status == 0
        assert pd.read_csv(files["out"], sep="\t")["gc"].tolist() == [1.0]

    def test_unknown_names_list_the_valid_ones(self, refused: Callable[..., str]) -> None:
        assert "unknown cell type 'liver' – in --cell-type – allowed: gc, a" in refused("--cell-type", "liver")
        assert "unknown model 'texcnn-maxi'" in refused(model="texcnn-maxi")
        assert "five-prime" in refused("--bed-anchor", "middle")

    def test_a_missing_gpu(self, refused: Callable[..., str]) -> None:
        import torch

        if torch.cuda.is_available():
            pytest.skip("this machine has a GPU")
        assert "this machine has 0 usable GPUs" in refused("--device", "cuda")
        assert "allowed: auto, cpu" in refused("--device", "cuda:3")
        assert "unknown device 'tpu'" in refused("--device", "tpu")

    def test_a_model_that_was_changed(self, refused: Callable[..., str], files: dict[str, Path]) -> None:
        (files["model"] / "cell_types.tsv").write_text("cell_type\nb\nc\n")
        assert "wrong checksum" in refused()

    def test_a_model_of_another_format(self, refused: Callable[..., str], files: dict[str, Path]) -> None:
        path = files["model"] / "config.json"
        path.write_text(path.read_text().replace('"format_version": 1', '"format_version": 2'))
        assert "format version 2" in refused()

    def test_outputs(self, refused: Callable[..., str], files: dict[str, Path], tmp_path: Path) -> None:
        assert "unknown table format 'out.csv'" in refused(out=tmp_path / "out.csv")
        assert "does not exist" in refused(out=tmp_path / "nowhere" / "out.tsv")
        files["out"].write_text("mine")
        assert "--overwrite" in refused()
        assert files["out"].read_text() == "mine"

    def test_output_folder_not_writable(
        self, refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Root may write anywhere, so that permissions alone cannot show this.
        monkeypatch.setattr(os, "access", lambda path, mode, **options: not mode & os.W_OK)
        assert "is not writable" in refused()

    def test_no_gene_of_the_list_is_known(
        self, texcnn: Callable[..., Run], files: dict[str, Path], tmp_path: Path
    ) -> None:
        (tmp_path / "list.txt").write_text("nobody\n")
        run = texcnn("predict", *given(files, genes=tmp_path / "list.txt"))
        assert (run.status, "no gene can be predicted" in run.err, "no gene of this id" in run.err) == (2, True, True)
        assert not files["out"].exists()
        run = texcnn("predict", *given(files, genes=tmp_path / "list.txt"), "--allow-empty")
        assert run.status == 0
        assert len(pd.read_csv(files["out"], sep="\t")) == 0
        assert pd.read_csv(f"{files['out']}.skipped.tsv", sep="\t")["gene_id"].tolist() == ["nobody"]

    def test_unknown_options_and_commands(self, texcnn: Callable[..., Run]) -> None:
        run = texcnn("predict", "--fsta", "x")
        assert (run.status, "--fasta" in run.err) == (2, True)
        assert texcnn("predcit").status == 2


@pytest.mark.parametrize("companion", ["out.tsv.skipped.tsv", "out.tsv.meta.json"])
def test_companions_are_not_replaced_unasked(
    texcnn: Callable[..., Run], files: dict[str, Path], tmp_path: Path, companion: str
) -> None:
    (tmp_path / companion).write_text("mine")
    run = texcnn("predict", *given(files))
    assert (run.status, f"{companion}' already exists" in run.err) == (2, True)
    assert (tmp_path / companion).read_text() == "mine"
    assert not files["out"].exists()
    assert texcnn("predict", *given(files), "--overwrite").status == 0


def test_overwrite_replaces(texcnn: Callable[..., Run], files: dict[str, Path]) -> None:
    files["out"].write_text("mine")
    assert texcnn("predict", *given(files), "--overwrite").status == 0
    assert files["out"].read_text().startswith("gene_id\t")


def test_debug_shows_where(texcnn: Callable[..., Run], files: dict[str, Path]) -> None:
    wrong = given(files, fasta="nowhere.fa")
    for arguments in (("predict", *wrong, "--debug"), ("--debug", "predict", *wrong)):
        run = texcnn(*arguments)
        assert run.status == 2
        assert "Traceback" in run.err


def test_a_run_that_fails_leaves_with_1(
    texcnn: Callable[..., Run], files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from texcnn.prediction import table as library

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(library, "predict_genes", fail)
    run = texcnn("predict", *given(files))
    assert run.status == 1
    assert "No space left on device" in run.err
    assert "Traceback" not in run.err
    assert not files["out"].exists()


def test_windows_can_be_given_back(texcnn: Callable[..., Run], files: dict[str, Path], tmp_path: Path) -> None:
    bed = tmp_path / "windows.bed"
    run = texcnn("windows", *given(files, out=bed))
    assert run.status == 0
    lines = bed.read_text().splitlines()
    assert lines[0].startswith("#chrom\tstart\tend\tgene_id")
    assert lines[2].split("\t")[:3] == ["chr2", "60", "80"], "clipped to the chromosome's 80 bases"
    texcnn("predict", *given(files))
    direct = pd.read_csv(files["out"], sep="\t")
    run = texcnn("predict", *given(files, gtf=None, bed=bed, out=tmp_path / "again.tsv"), "--bed-anchor", "window")
    assert run.status == 0, run.err
    pd.testing.assert_frame_equal(direct, pd.read_csv(tmp_path / "again.tsv", sep="\t"))


def test_windows_of_other_sizes(texcnn: Callable[..., Run], files: dict[str, Path], tmp_path: Path) -> None:
    bed = tmp_path / "windows.bed"
    run = texcnn("windows", *given(files, out=bed, model=None, upstream=5, downstream=7))
    assert run.status == 0
    assert bed.read_text().splitlines()[1].split("\t")[:3] == ["chr1", "35", "47"]


def test_embed_then_predict_equals_predict(texcnn: Callable[..., Run], files: dict[str, Path], tmp_path: Path) -> None:
    store = tmp_path / "store"
    run = texcnn("embed", *given(files, out=store))
    assert run.status == 0, run.err
    assert "3 genes" in run.err
    assert "GB" in run.err
    assert texcnn("predict", *given(files)).status == 0
    again = tmp_path / "again.tsv"
    run = texcnn("predict", "--embeddings", store, "--model", files["model"], "--out", again)
    assert run.status == 0, run.err
    assert again.read_text() == files["out"].read_text()
    assert Path(f"{again}.skipped.tsv").read_text() == Path(f"{files['out']}.skipped.tsv").read_text()
    run = texcnn("predict", *given(files, out=tmp_path / "x.tsv"), "--embeddings", store)
    assert (run.status, "so --gtf cannot be given" in run.err) == (2, True)
    of_genes = ["--transcripts", "all", "--map-chrom-names", "--bed-anchor", "window"]
    run = texcnn("predict", "--embeddings", store, "--model", files["model"], "--out", tmp_path / "x.tsv", *of_genes)
    assert (run.status, "--bed-anchor, --transcripts, --map-chrom-names cannot be given" in run.err) == (2, True)


def test_embed_checks_its_options(texcnn: Callable[..., Run], files: dict[str, Path], tmp_path: Path) -> None:
    store = tmp_path / "store"
    run = texcnn("embed", *given(files, out=store), "--upstream", 5)
    assert (run.status, "--upstream need --encoder" in run.err) == (2, True)
    run = texcnn("embed", *given(files, out=store), "--encoder", "dnabert2")
    assert (run.status, "both a model and encoders" in run.err) == (2, True)
    run = texcnn("embed", *given(files, out=store, model=None), "--encoder", "dnabert7")
    assert (run.status, "unknown encoder 'dnabert7'" in run.err, "did you mean" in run.err) == (2, True, True)
    run = texcnn("embed", *given(files, out=store, model=None), "--encoder", "dnabert2")
    assert (run.status, "texcnn models fetch dnabert2" in run.err) == (2, True)
    assert not store.exists()


def test_embed_never_removes_a_folder_that_is_no_store(
    texcnn: Callable[..., Run], files: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").touch()
    run = texcnn("embed", *given(files, out=tmp_path / "home"), "--overwrite")
    assert (run.status, "a folder with store.json" in run.err) == (2, True)
    assert (tmp_path / "home" / "thesis.txt").exists()
    assert texcnn("embed", *given(files, out=tmp_path / "store")).status == 0
    assert texcnn("embed", *given(files, out=tmp_path / "store"), "--overwrite").status == 0


def test_a_mistake_never_costs_a_store(texcnn: Callable[..., Run], files: dict[str, Path], tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert texcnn("embed", *given(files, out=store)).status == 0
    for mistake in ({"fasta": tmp_path / "typo.fa"}, {"gtf": tmp_path / "typo.gtf"}, {"device": "cuda:99"}):
        assert texcnn("embed", *given(files, out=store, **mistake), "--overwrite").status == 2
    assert texcnn("predict", *given({"model": files["model"], "out": files["out"]}, embeddings=store)).status == 0


def test_merge(texcnn: Callable[..., Run], files: dict[str, Path], tmp_path: Path) -> None:
    parts = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for gene, part in zip(("g2", "g1"), parts, strict=True):
        (tmp_path / "list.txt").write_text(gene)
        texcnn("predict", *given(files, out=part, genes=tmp_path / "list.txt"))
    out = tmp_path / "all.parquet"
    run = texcnn("merge", *parts, "--out", out, "--also", tmp_path / "all.tsv.gz")
    assert run.status == 0, run.err
    assert pd.read_parquet(out)["gene_id"].tolist() == ["g2", "g1"]
    assert pd.read_csv(tmp_path / "all.tsv.gz", sep="\t")["gene_id"].tolist() == ["g2", "g1"]
    assert Path(f"{out}.skipped.tsv").read_text() == "gene_id\treason\n"


def test_models(texcnn: Callable[..., Run], files: dict[str, Path], tmp_path: Path) -> None:
    run = texcnn("models", "list")
    assert run.status == 0
    assert "dnabert2\tzhihan1996/DNABERT-2-117M" in run.out
    assert texcnn("models", "show", files["model"], "--card").out == "# tiny\n\n"
    short = texcnn("models", "show", files["model"]).out
    assert short.startswith("Model           tiny, version 1\n")
    assert len(short.splitlines()) <= 13
    shown = json.loads(texcnn("models", "show", files["model"], "--json").out)
    assert (shown["name"], shown["kind"], len(shown["fingerprint"])) == ("tiny", "segments", 64)
    assert texcnn("models", "show", files["model"], "--cell-types").out.startswith("cell_type\teid\tname\ngc\tE1")
    assert texcnn("models", "export", files["model"], "--out", tmp_path / "copy").status == 0
    assert (tmp_path / "copy" / "config.json").read_bytes() == (files["model"] / "config.json").read_bytes()
    run = texcnn("models", "export", files["model"], "--out", tmp_path / "copy")
    assert (run.status, "already exists" in run.err) == (2, True)
    run = texcnn("models", "fetch", "dnabert9")
    assert (run.status, "unknown model 'dnabert9'" in run.err) == (2, True)


def test_import_of_a_file_that_is_not_xpresso(texcnn: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "x.h5").write_text(CHR1)
    run = texcnn("models", "import", "xpresso", tmp_path / "x.h5", "--out", tmp_path / "xpresso")
    assert (run.status, "not HDF5" in run.err) == (2, True)
    assert not (tmp_path / "xpresso").exists()


@pytest.mark.slow
def test_the_installed_program() -> None:
    for command in ([sys.executable, "-m", "texcnn"], [str(Path(sys.executable).with_name("texcnn"))]):
        helped = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout
        assert "predict" in helped
        assert "kipoi" in helped
        failed = subprocess.run([*command, "predict", "--out", "x.csv"], capture_output=True, text=True)
        assert failed.returncode == 2
        assert failed.stderr.startswith("error: unknown table format 'x.csv'")


def test_a_reader_that_stops_early_is_no_error(
    texcnn: Callable[..., Run], files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*arguments: object, **options: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    from texcnn.model import catalog

    monkeypatch.setattr(catalog, "bundled_models", closed)
    run = texcnn("models", "list")
    assert (run.status, run.err) == (1, "")


def test_help_does_not_load_torch() -> None:
    code = """import sys; from texcnn.cli.main import main
try: main(["predict", "--help"])
except SystemExit: print("torch" in sys.modules)"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "False"
    assert "[default: five-prime]" in ran.stdout
