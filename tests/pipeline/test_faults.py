"""What goes wrong on real machines: the results are those of an undisturbed run, bit for bit, and no task lives on."""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest
from pipeline_runs import Pipeline, Run, copy_pipeline

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

# The first EMBED of a run is killed when vectors are on the disk, as the kernel does where memory ends; of PREDICT
# the shell.
KILLED = """#!/bin/bash
if [ "$1" = embed ] && mkdir "$ONCE/embed" 2> /dev/null; then
    "$TEXCNN" "$@" & child=$!
    while [ ! -e embeddings.zarr/progress.json ] && kill -0 $child; do sleep 0.01; done
    kill -9 $child; wait $child
    kill -9 $$
fi
if [ "$1" = predict ] && mkdir "$ONCE/predict" 2> /dev/null; then kill -9 $PPID; fi
exec "$TEXCNN" "$@"
"""

# Fills the disk of the work folder just before the first EMBED, which then has no room.
FULL = """#!/bin/bash
if [ "$1" = embed ] && mkdir "$ONCE/embed" 2> /dev/null; then cat /dev/zero > "$ONCE/ballast" 2> /dev/null; fi
exec "$TEXCNN" "$@"
"""

# An EMBED that does not end by itself.
SLOW = """#!/bin/bash
if [ "$1" = embed ] && mkdir "$ONCE/embed" 2> /dev/null; then echo $$ > "$ONCE/pid"; exec sleep 600; fi
exec "$TEXCNN" "$@"
"""


def with_wrapper(pipeline: Pipeline, script: str, folder: Path) -> Pipeline:
    """A pipeline whose tasks find a script before texcnn."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "texcnn").write_text(script)
    (folder / "bin" / "texcnn").chmod(0o755)
    real = pipeline.nextflow[1].removeprefix("PATH=").split(os.pathsep)[0]
    first = pipeline.nextflow[1].replace("PATH=", f"PATH={folder}/bin{os.pathsep}")
    command = [pipeline.nextflow[0], first, *pipeline.nextflow[2:]]
    environment = {**pipeline.environment, "ONCE": str(folder), "TEXCNN": f"{real}/texcnn"}
    return Pipeline(command, pipeline.folder, folder, pipeline.model, environment)


@pytest.fixture(scope="module")
def shared(nextflow: list[str], project: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """In a folder with blanks and letters that are not ASCII."""
    folder = tmp_path_factory.mktemp("faults") / "it's à (b) 文"
    folder.mkdir()
    return copy_pipeline(nextflow, project, folder)


@pytest.fixture(scope="module")
def arguments(shared: Pipeline) -> list[object]:
    """Two shards; what a task was given of memory is in the trace."""
    fields = "task_id,hash,name,status,exit,attempt,memory"
    (shared.folder / "trace.config").write_text(
        f"trace.fields = '{fields}'\nprocess.resourceLimits = [cpus: 2, memory: 512.GB]\n"
    )
    return ["-profile", "test", "-c", shared.folder / "trace.config", "--models", shared.model, "--shard_size", "30"]


@pytest.fixture(scope="module")
def undisturbed(shared: Pipeline, arguments: list[object]) -> Run:
    """Without a network, with a project folder that cannot be written."""
    isolated = [
        "unshare", "-rmn", "bash", "-c", 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"',
        str(shared.folder),
    ]  # fmt: skip
    works = subprocess.run([*isolated, "bash", "-c", "! touch x"], cwd=shared.folder, capture_output=True, check=False)
    command = [*isolated, *shared.nextflow] if works.returncode == 0 else shared.nextflow
    alone = Pipeline(command, shared.folder, shared.launch, shared.model, shared.environment)
    return alone.succeed(*arguments)


def assert_same(run: Run, undisturbed: Run) -> None:
    for name in ("predictions.parquet", "predictions.skipped.tsv"):
        ours, theirs = (one.outdir / "predictions" / name for one in (run, undisturbed))
        assert ours.read_bytes() == theirs.read_bytes(), name
    pd.testing.assert_frame_equal(*(pd.read_csv(one.outdir / "predictions" / "predictions.tsv.gz", sep="\t")
                                    for one in (run, undisturbed)))  # fmt: skip


def test_tasks_that_are_killed_get_more_memory(
    shared: Pipeline, arguments: list[object], undisturbed: Run, tmp_path: Path
) -> None:
    run = with_wrapper(shared, KILLED, tmp_path / "killed").succeed(*arguments)
    assert run.processes("FAILED") == ["EMBED", "PREDICT"]
    trace = run.trace
    embed = trace[trace["process"] == "EMBED"]
    assert embed["attempt"].tolist().count(2) == 1
    lost = embed[embed["status"] == "FAILED"].iloc[0]
    assert (lost["exit"], lost["memory"]) == (137, "8 GB")
    assert embed[embed["attempt"] == 2].iloc[0]["memory"] == "16 GB"
    assert_same(run, undisturbed)


def test_the_head_is_killed(shared: Pipeline, arguments: list[object], undisturbed: Run, tmp_path: Path) -> None:
    killed = with_wrapper(shared, SLOW, tmp_path / "head")
    command = [
        *killed.nextflow,
        "run",
        shared.folder / "main.nf",
        "-ansi-log",
        "false",
        *arguments,
        "--outdir",
        "results",
    ]
    environment = {**os.environ, **killed.environment}
    with (tmp_path / "log").open("w") as log:
        head = subprocess.Popen(
            [str(part) for part in command], cwd=killed.launch, env=environment, stdout=log, stderr=log
        )
        note = killed.launch / "pid"
        deadline = time.monotonic() + 500
        while not (note.is_file() and note.read_text().strip()):
            assert head.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
    task = int(note.read_text())
    assert Path(f"/proc/{task}").is_dir()
    head.send_signal(signal.SIGKILL)  # the launcher becomes java: no shell is between
    head.wait()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{task}").is_dir() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{task}").is_dir(), "a task lives on"
    again = killed.succeed(*arguments, "-resume")
    assert again.processes("CACHED") == ["CHECK", "PREPARE", "WINDOWS"]
    assert_same(again, undisturbed)


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare for a small disk")
def test_the_work_disk_is_full(shared: Pipeline, arguments: list[object], undisturbed: Run, tmp_path: Path) -> None:
    full = with_wrapper(shared, FULL, tmp_path / "disk")
    small = full.launch / "small"
    small.mkdir()
    full.environment["ONCE"] = str(small)
    script = 'mount -t tmpfs -o size=6m none "$0" && ("$@" || echo "status $?"); rm -f "$0/ballast" && "$@" -resume'
    if subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", small], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    isolated = Pipeline(
        ["unshare", "-rm", "bash", "-c", script, str(small), *full.nextflow],
        full.folder, full.launch, full.model, full.environment,
    )  # fmt: skip
    run = isolated.succeed(*arguments, "-w", small / "work")
    stopped, resumed = run.output.split("status 1\n")
    # Not even the task's message has room.
    assert "Error executing process > 'TEXCNN:SEQUENCES:EMBED" in stopped
    assert "Cached process > TEXCNN:SEQUENCES:WINDOWS" in resumed
    assert_same(run, undisturbed)


def test_a_damaged_vcf_is_found_before_any_gpu_task(shared: Pipeline, arguments: list[object]) -> None:
    vcf = (shared.folder / "assets" / "demo" / "variants.vcf").read_bytes()
    with gzip.open(shared.launch / "damaged.vcf.gz", "wb") as packed:
        packed.write(vcf)
    whole = (shared.launch / "damaged.vcf.gz").read_bytes()
    (shared.launch / "damaged.vcf.gz").write_bytes(whole[: len(whole) - 100])
    (shared.launch / "sheet.csv").write_text(
        f"sample,vcf\nbroken,damaged.vcf.gz\nunsorted,{shared.launch}/unsorted.vcf\n"
    )
    rows = vcf.splitlines(keepends=True)
    (shared.launch / "unsorted.vcf").write_bytes(b"".join([*rows[:-2], rows[-1], rows[-2]]))
    run = shared.run(*arguments, "--input", "sheet.csv", outdir="damaged")
    assert run.status == 1
    broken, unsorted = sorted(run.problems)
    assert broken.startswith("sample 'broken': ")
    assert "damaged.vcf.gz" in broken
    assert unsorted.startswith("sample 'unsorted': the variants are not sorted by position")
    assert not {"EMBED", "PREDICT", "VARIANTS"} & set(run.trace["process"])
