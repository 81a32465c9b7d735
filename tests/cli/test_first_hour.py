"""What a user meets first: help in groups, completion, models, the doctor, hints; all of it quick."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from tiny import write_genome, write_gtf

import texcnn
from texcnn.cli.help import GROUPS
from texcnn.cli.main import cli, main
from texcnn.errors import InputError, unknown_name


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as leaving:
        main([str(argument) for argument in arguments])
    return int(leaving.value.code or 0)


def in_process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "texcnn", *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120)


def test_help_shows_options_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("predict", "--help") == 0
    page = capsys.readouterr().out
    headings = [line.rstrip(":") for line in page.splitlines() if line and not line.startswith(" ") and line[-1] == ":"]
    assert headings == ["Genome and genes", "Model and its inputs", "Computing", "Output"]
    assert page.index("Output:") < page.index("--help"), "whatever name click gives it"
    assert page.index("Genome and genes:") < page.index("--gtf PATH") < page.index("Computing:")
    assert run("models", "show", "--help") == 0
    assert "Computing:" not in capsys.readouterr().out, "few options need no groups"


def test_groups_name_parameters_that_commands_have() -> None:
    context = cli.make_context("texcnn", ["predict"], resilient_parsing=True)
    known = {"debug", "help", "threads"}
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        known |= {
            parameter.name
            for each in (command, *getattr(command, "commands", {}).values())
            for parameter in each.params
        }
    grouped = [name for names in GROUPS.values() for name in names]
    assert set(grouped) <= known
    assert len(grouped) == len(set(grouped))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("texcnn mod", ["plain,models"]),
        ("texcnn predict --model texcnn-y", ["plain,texcnn-yeast"]),
        ("texcnn predict --model texcnn-mini --cell-type liv.a", ["plain,LIV.ADLT"]),
        ("texcnn predict --bed-anchor c", ["plain,center"]),
    ],
)
def test_the_shell_completes(words: str, expected: list[str]) -> None:
    count = len(words.split()) - 1
    done = in_process(_TEXCNN_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(count))
    assert done.stdout.splitlines() == expected
    script = in_process(_TEXCNN_COMPLETE="bash_source").stdout
    assert "complete -o nosort -F _texcnn_completion texcnn" in script


def test_hints_do_not_mind_case_and_know_tissues(tiny: Path, tmp_path: Path) -> None:
    assert "did you mean 'HepG2'?" in str(unknown_name("cell type", "HEPG2", ["HeLa", "HepG2"]))
    assert "did you mean 'LIV.ADLT'?" in str(unknown_name("cell type", "adlt", ["LIV.ADLT", "LNG"]))
    assert "did you mean" not in str(unknown_name("cell type", "xq", ["LIV.ADLT"]))
    with pytest.raises(InputError, match=r"allowed: gc, a – did you mean 'adenine'\?"):
        texcnn.load_model(tiny).cell_type_columns("Adenin")


def test_a_model_in_a_dozen_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models", "show", "texcnn-yeast") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 12
    assert lines[0].split(None, 1) == ["Model", "texcnn-yeast, version 4"]
    assert any(line.startswith("Inputs") and line.endswith("63 in all") for line in lines)
    assert lines[-1] == "More: texcnn models show texcnn-yeast --card, --cell-types or --json"
    assert any(line.startswith("Held-out genes  squared Pearson 0.5") for line in lines)
    assert run("models", "show", "texcnn-yeast", "--card") == 0
    assert capsys.readouterr().out.startswith("# texcnn-yeast")


def test_a_notebook_shows_the_same(tiny: Path) -> None:
    model = texcnn.load_model(tiny)
    assert repr(model).splitlines()[0] == "Model           tiny, version 1"
    assert repr(model).splitlines()[-1].split() == ["Fingerprint", model.fingerprint]
    page = model._repr_html_()
    assert page.startswith("<table>")
    assert ">gc, a</td>" in page
    assert set(texcnn.__all__) == set(dir(texcnn))
    table = texcnn.list_models()
    assert table.set_index("name").loc["texcnn-mini", ["cell_types", "default"]].tolist() == [57, True]


class TestDoctor:
    def test_everything_is_well(self, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        files = ("--fasta", write_genome(tmp_path), "--gtf", write_gtf(tmp_path / "genes.gtf"))
        assert run("doctor", *files, "--model", tiny) == 0
        lines = [line.split(None, 2) for line in capsys.readouterr().out.splitlines()]
        found = {subject: (verdict, text) for verdict, subject, text in lines}
        assert found["annotation"] == ("ok", "genes.gtf: 3 genes have a place, 0 have none")
        assert found["genome"] == ("ok", "genome.fa: 2 sequences, 280 bp")
        assert found["texcnn-mini"][0] == "ok"

    def test_what_is_wrong_is_reported_and_ends_with_one(
        self, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        gtf = write_gtf(tmp_path / "genes.gtf", [("g1", "chrX", 41, 60, "+")])
        (tiny / "model.safetensors").write_bytes(b"cut short")
        assert run("doctor", "--model", tiny) == 1
        assert "wrong   model " in capsys.readouterr().out
        assert run("doctor", "--fasta", write_genome(tmp_path), "--gtf", gtf) == 1
        assert "wrong   annotation " in capsys.readouterr().out


def test_embeddings_as_anndata(tiny_dnabert2: Path, tmp_path: Path) -> None:
    store = texcnn.embed(write_genome(tmp_path), tmp_path / "store", tiny_dnabert2, gtf=write_gtf(tmp_path / "g.gtf"))
    data = store.to_anndata()
    assert isinstance(data, anndata.AnnData)
    assert list(data.obs_names) == ["g1", "g2", "g3"]
    segments, mask = data.obsm["segments"], data.obsm["mask"]
    assert segments.shape == (3, 3, 16)
    assert mask.sum(axis=1).tolist() == [3, 2, 0]
    pd.testing.assert_series_equal(
        pd.Series(data.X[1]), pd.Series(segments[1][mask[1]].mean(axis=0)), check_names=False, rtol=1e-5
    )


@pytest.mark.parametrize(
    ("command", "heavy"),
    [
        (("--help",), ("torch", "pandas", "numpy")),
        (("models", "list"), ("torch",)),
        (("models", "show", "texcnn-yeast"), ("torch",)),
    ],
)
def test_help_loads_nothing_heavy(command: tuple[str, ...], heavy: tuple[str, ...]) -> None:
    code = f"""
import sys
from texcnn.cli.main import main
try:
    main({list(command)!r})
except SystemExit:
    print([name for name in {list(heavy)!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "[]"


def test_waiting_threads_give_the_processor_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "")  # undone at the end, and with it what the command puts there
    monkeypatch.delenv("OMP_WAIT_POLICY")
    assert run("models", "show", "texcnn-yeast") == 0
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


def test_a_mistyped_command_or_gene_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    from texcnn.genome.annotation import select_genes
    from texcnn.genome.gene import Annotation, Gene

    assert run("Predcit") == 2
    assert "No such command 'Predcit'. Did you mean 'predict'? Allowed: predict, windows" in capsys.readouterr().err
    annotation = Annotation([Gene("ENSG1", "F9", "chrX", 5, "+", "")], [], Path("genes.gtf"))
    reasons = [entry.reason for entry in select_genes(annotation, ["f9", "F8"]).skipped]
    assert reasons == [
        "no gene of this id or name is in genes.gtf, did you mean 'F9'?", "no gene of this id or name is in genes.gtf",
    ]  # fmt: skip


def test_training_begins_with_its_plan(tmp_path: Path) -> None:
    from texcnn.genome.gene import Gene
    from texcnn.training.splits import Split
    from texcnn.training.targets import LabelledGenes

    genes = [Gene(f"g{place}", "", f"chr{place % 5}", place, "+", "") for place in range(30)]
    parts = {gene.id: {"chr3": "valid", "chr4": "test"}.get(gene.chrom, "train") for gene in genes}
    labelled = LabelledGenes(genes, np.zeros((30, 2), np.float32), None, Split(parts, "by hand"), [])
    assert labelled.plan(("a", "b"), 2, 100) == (
        "plan: 30 genes, 2 cell types, 0 skipped; train 18 (chr0, chr1, chr2); valid 6 (chr3); test 6 (chr4); "
        "2 runs of 100 epochs at most"
    )
