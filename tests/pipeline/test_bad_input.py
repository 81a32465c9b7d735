"""Bad input ends before anything runs, with one message that names all of it, and leaves no trace; or in CHECK, with
all of a sample's problems; or in the task, with the task's message."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pipeline_runs import Pipeline, copy_pipeline

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

GENOMES = "hg38, hg19, GRCh37, mm10, mm39, R64-1-1"


STRINGS = {"NXF_DISABLE_PARAMS_TYPE_DETECTION": "1"}
"""From Nextflow 26.04 on, parameters of the command line are strings; here too, unless a test says otherwise."""


@pytest.fixture(scope="module")
def shared(nextflow: list[str], project: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    pipeline = copy_pipeline(nextflow, project, tmp_path_factory.mktemp("bad"))
    pipeline.environment = dict(STRINGS)
    return pipeline


@pytest.fixture(params=["typed", "strings"])
def both(shared: Pipeline, request: pytest.FixtureRequest) -> Pipeline:
    """Once with each kind of parameter."""
    environment = {} if request.param == "typed" else dict(STRINGS)
    return Pipeline(shared.nextflow, shared.folder, shared.launch, shared.model, environment)


def test_parameters_are_checked_together_and_leave_nothing(both: Pipeline) -> None:
    # fmt: off
    run = both.run("--fasta", "--gtf", "none.gtf", "--windw", "3", "--shard-size", "3", "--gpus", "two",
                     "--shard_size", "0", "--batch_size", "99999999999", "--transcripts", "some", "--half_life", "yes",
                     "--input", "sheet.tsv", "--genes", "/", "--on_error", "Stop", "--dtype", "float64",
                     "--store", "/etc/passwd", outdir="refused")
    # fmt: on
    assert run.status == 1
    expected = [
        "--windw is unknown – allowed: genome, fasta, gtf,",
        "--shard-size is unknown – allowed: genome, fasta, gtf,",
        "--fasta is 'true' – allowed: a string",
        "--gtf is 'none.gtf', which does not exist",
        "--gpus is 'two' – allowed: a whole number",
        "--shard_size is 0 – allowed: 1 or more",
        "--batch_size is 99999999999 – allowed: 1000000000 or less",
        "--transcripts is 'some' – allowed: gene, all",
        "--half_life is 'yes' – allowed: a boolean",
        "--input is 'sheet.tsv' – allowed: a path that ends in .csv",
        "--genes is '/', a folder – allowed: a file",
        "--on_error is 'Stop' – allowed: stop, skip – did you mean stop?",
        "--dtype is 'float64' – allowed: auto, float32, bfloat16, float16 – did you mean float",
        "--store is '/etc/passwd', a file – allowed: a folder",
    ]
    found = [problem.replace("--shardSize", "--shard-size") for problem in run.problems]  # as Nextflow 25 names it
    for message in expected:
        assert any(problem.startswith(message) for problem in found), message
    assert len(run.problems) == len(expected)
    assert [problem.endswith("– did you mean shard_size?") for problem in run.problems].count(True) == 1
    assert "Submitted" not in run.output
    assert not run.outdir.exists()


def test_a_refused_run_and_help_leave_the_last_runs_files_alone(both: Pipeline) -> None:
    (both.launch / "kept").mkdir(exist_ok=True)
    if not (both.launch / "results").exists():
        (both.launch / "results").symlink_to("kept")
    info = both.launch / "results" / "pipeline_info"
    info.mkdir(exist_ok=True)
    (info / "trace_2026-01-01_00-00-00.txt").write_text("of the last run")
    refused = both.run("--genome", "hg83", "--models", "./absent,a,./a,b c")
    assert refused.status == 1
    assert f"genome 'hg83' is unknown – allowed: {GENOMES} – did you mean hg38?" in refused.problems
    assert "--models: './absent' is no model – allowed: a folder with config.json, or a name" in refused.problems
    assert any(problem.startswith("--models: 'b c' is no name") for problem in refused.problems)
    assert any(problem.startswith("--models: a appears twice") for problem in refused.problems)
    asked = both.succeed("--version" if both.environment else "--help").output
    assert ("texcnn/texcnn 0.1.0\n" if both.environment else "--on_error") in asked
    assert "WARN" not in asked
    assert [path.name for path in info.iterdir()] == ["trace_2026-01-01_00-00-00.txt"]


def test_words_that_belong_to_nothing(shared: Pipeline) -> None:
    run = shared.run("--fasta", "/etc/passwd", "--report_comment", "it's a 'b'", "out", "-profile", "test")
    assert run.problems == ["'out' belongs to no parameter – allowed: --name value, or --name=value"]


def test_every_bad_row_of_the_samplesheet_is_named(both: Pipeline) -> None:
    demo = both.folder / "assets" / "demo"
    good = f'"{demo}/genome.fa.gz",{demo}/genes.gtf'
    (both.launch / "sheet (1).csv").write_bytes(
        "\ufeffsample,fasta,gtf,bed,genome,colour\r\n"
        f"good,{good},,,\r\n"
        "\r\n"
        f"a b,absent.fa,{demo}/genes.gtf,,,red\r\n"
        ",,,,hg83,\r\n"
        f"both,{good},{demo}/truth.tsv,,\r\n"
        f"twice,{good},,,\r\n"
        f"TWICE,{good},,,\r\n"
        "bare,,,,,\r\n"
        f"more,{good},,,,x\r\n"
        f"pipeline_info,{good},,,\r\n"
        f'open,"{demo}/genome.fa.gz,{demo}/genes.gtf,,,\r\n'.encode()
    )
    run = both.run("--input", "sheet (1).csv")
    assert run.status == 1
    lines = run.problems
    assert [line.split(":")[0] for line in lines] == [
        f"sheet (1).csv, line {n}" for n in (1, 4, 5, 6, 7, 8, 9, 10, 11, 12)
    ]
    assert "column colour is unknown – allowed: sample, fasta, gtf, bed, genes, features," in lines.pop(0)
    assert "column sample is 'a b' – allowed: letters, digits, '.', '_' and '-'" in lines[0]
    assert "column fasta is 'absent.fa', which does not exist" in lines[0]
    assert "column sample is missing" in lines[1]
    assert f"genome 'hg83' is unknown – allowed: {GENOMES}" in lines[1]
    assert "both a GTF and a BED" in lines[2]
    assert "sample 'twice' appears in 2 rows" in lines[3]
    assert "sample 'TWICE' appears in 2 rows" in lines[4]
    assert "no genome – give --genome" in lines[5]
    assert "no genes – give --genome" in lines[5]
    assert "'x' has no column" in lines[6]
    assert "would mix with the folder" in lines[7]
    assert "a quote is not closed" in lines[8]


def test_files_that_do_not_fit_are_found_before_any_gpu_task(shared: Pipeline) -> None:
    (shared.launch / "truth.tsv").write_text("gene_id\texpression\n")
    (shared.launch / "genes.txt").write_text("\n")
    (shared.launch / "sheet.csv").write_text("sample,truth,genes\ngood,,\nbad,truth.tsv,genes.txt\n")
    arguments = ["-profile", "test", "--models", shared.model, "--input", "sheet.csv"]
    run = shared.run(*arguments, outdir="stopped")
    assert run.status == 1
    assert len(run.problems) == 2
    assert "sample 'bad': the list of genes is empty" in run.problems[0]
    assert "sample 'bad': missing columns: true_expression" in run.problems[1]
    assert not {"EMBED", "PREDICT"} & set(run.trace["process"])
    skipped = shared.succeed(*arguments, "--on_error", "skip", outdir="skipped")
    assert "left out: sample 'bad': the list of genes is empty" in skipped.output
    assert "  good, tiny: 49 of 50 genes predicted" in skipped.output
    assert "  bad, tiny: no result" in skipped.output


def test_a_flipped_byte_is_found_before_any_gpu_task(shared: Pipeline) -> None:
    demo = shared.folder / "assets" / "demo"
    for name in ("genome.fa.gz", "genome.fa.gz.fai", "genome.fa.gz.gzi"):
        content = bytearray((demo / name).read_bytes())
        if name == "genome.fa.gz":
            content[len(content) // 2] ^= 1
        (shared.launch / name).write_bytes(content)
    run = shared.run("-profile", "test", "--models", shared.model, "--fasta", "genome.fa.gz", outdir="flipped")
    assert run.status == 1
    assert "the FASTA is damaged" in run.output
    assert run.processes("FAILED") == ["PREPARE"]
    assert not {"EMBED", "PREDICT"} & set(run.trace["process"])


def test_a_task_that_fails_shows_its_message(shared: Pipeline) -> None:
    (shared.launch / "broken.gtf").write_text("demo1\ttest\n")
    run = shared.run("-profile", "test", "--models", shared.model, "--gtf", "broken.gtf", outdir="broken")
    assert run.status == 1
    assert "error exit status (2)" in run.output
    assert "broken.gtf" in run.output.split("Command error:")[1]
    assert run.processes("FAILED") == ["WINDOWS"]


def test_no_gene_left_is_an_error(shared: Pipeline) -> None:
    (shared.launch / "none.txt").write_text("NONE\n")
    run = shared.run("-profile", "test", "--models", shared.model, "--genes", "none.txt", outdir="none")
    assert run.status == 1
    assert "no gene" in run.output


LOST = """#!/bin/bash
if [ "$1" = windows ] && [ ! -e "$ONCE" ]; then touch "$ONCE"; kill -9 $PPID; fi
exec "$TEXCNN" "$@"
"""


def test_a_task_that_is_killed_runs_again(shared: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "texcnn").write_text(LOST)
    (tmp_path / "texcnn").chmod(0o755)
    real = shared.nextflow[1].removeprefix("PATH=").split(os.pathsep)[0]
    command = [
        shared.nextflow[0],
        shared.nextflow[1].replace("PATH=", f"PATH={tmp_path}{os.pathsep}"),
        *shared.nextflow[2:],
    ]
    environment = {**STRINGS, "ONCE": str(tmp_path / "once"), "TEXCNN": f"{real}/texcnn"}
    killed = Pipeline(command, shared.folder, shared.launch, shared.model, environment)
    run = killed.succeed("-profile", "test", "--models", shared.model, outdir="killed")
    assert run.processes("FAILED") == ["WINDOWS"]
    assert run.processes("COMPLETED").count("WINDOWS") == 1
