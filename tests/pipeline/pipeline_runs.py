"""Runs of real Nextflow on a copy of the pipeline, which a test may edit."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from tiny import save_tiny_dnabert2

# Nextflow's local executor loses count of free CPUs when a task ends while another starts, as short ones do, and then
# waits for ever for a task of two (nextflow-io/nextflow pull request 7597). So that nothing is decided by that count,
# there is more of everything than it can lose; two tasks at a time are still the limit.
UNCOUNTED = """
executor {
    cpus = 64
    memory = '512 GB'
    queueSize = 2
}
"""

SECONDS = 600
"""After which a run has hung: none takes a tenth of it on an idle machine."""

PIPELINE = ("main.nf", "nextflow.config", "nextflow_schema.json", "modules", "subworkflows", "conf", "bin", "assets")


@dataclass
class Run:
    """A finished run of the pipeline."""

    status: int
    output: str
    outdir: Path

    @property
    def trace(self) -> pd.DataFrame:
        """One row per task, its process's plain name in the column ``process``."""
        latest = max(self.outdir.glob("pipeline_info/trace_*.txt"), key=lambda path: path.stat().st_mtime_ns)
        table = pd.read_csv(latest, sep="\t")
        table["process"] = table["name"].str.extract(r"(\w+)(?: \(|$)", expand=False)
        return table

    @property
    def stored(self) -> int:
        """How many EMBED tasks were not needed, since the store has their vectors."""
        return len(re.findall(r"Stored process > \S*:EMBED", self.output))

    def processes(self, status: str) -> list[str]:
        """The processes of the tasks of this status (COMPLETED, CACHED, FAILED), in alphabetical order.

        The probe is left out: it runs every time.
        """
        trace = self.trace
        return sorted(trace.loc[(trace["status"] == status) & (trace["process"] != "PROBE"), "process"])

    @property
    def problems(self) -> list[str]:
        """What was refused, one line each."""
        return [line.removeprefix("  * ") for line in self.output.splitlines() if line.startswith("  * ")]

    @property
    def predictions(self) -> pd.DataFrame:
        return pd.read_parquet(self.outdir / "predictions" / "predictions.parquet")

    @property
    def files(self) -> list[str]:
        """Every published file, relative to the output folder, without the time in its name."""
        names = (str(path.relative_to(self.outdir)) for path in self.outdir.rglob("*") if path.is_file())
        return sorted({re.sub(r"_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d", "", name) for name in names})


@dataclass
class Pipeline:
    """A copy of the pipeline in a folder of its own, and the folder it is launched in."""

    nextflow: list[str]
    folder: Path
    launch: Path
    model: Path
    environment: dict[str, str] = field(default_factory=dict)
    script: str = "main.nf"

    def run(self, *arguments: object, outdir: str = "results") -> Run:
        command = [
            *self.nextflow,
            "run",
            self.folder / self.script,
            "-ansi-log",
            "false",
            *arguments,
            "--outdir",
            outdir,
        ]
        done = subprocess.run(
            [str(part) for part in command],
            cwd=self.launch,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        return Run(done.returncode, done.stdout, self.launch / outdir)

    def succeed(self, *arguments: object, outdir: str = "results") -> Run:
        run = self.run(*arguments, outdir=outdir)
        assert run.status == 0, run.output
        return run


def copy_pipeline(nextflow: Sequence[str], project: Path, folder: Path) -> Pipeline:
    """Copies what a run needs; the package's weights stay behind, since the tests bring their own model."""
    copy, launch = folder / "pipeline", folder / "launch"
    launch.mkdir()
    copy.mkdir()
    for name in PIPELINE:
        source = project / name
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, copy / name)
    with (copy / "nextflow.config").open("a", encoding="utf-8") as config:
        config.write(UNCOUNTED)
    shutil.copytree(project / "texcnn", copy / "texcnn", ignore=shutil.ignore_patterns("__pycache__", "bundled"))
    return Pipeline(list(nextflow), copy, launch, save_tiny_dnabert2(folder / "tiny"))
