"""Real Nextflow for the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pipeline_runs import Pipeline, copy_pipeline


@pytest.fixture(scope="session")
def nextflow(project: Path) -> list[str]:
    """The command that runs Nextflow offline, with this Python's environment first on the tasks' PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    java = "NXF_OPTS=-XX:+UseSerialGC"  # less work for runs of seconds
    command = [
        "env",
        f"PATH={path}",
        java,
        "NXF_OFFLINE=true",
        "OMP_NUM_THREADS=1",
        str(project / "scripts" / "nextflow.sh"),
    ]
    found = subprocess.run([*command, "-version"], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pytest.skip(f"no Nextflow: {found.stderr.strip()}")
    return command


@pytest.fixture
def pipeline(nextflow: list[str], project: Path, tmp_path: Path) -> Pipeline:
    """A pipeline for one test, whose parameters arrive as strings, as with Nextflow 26.04."""
    made = copy_pipeline(nextflow, project, tmp_path)
    made.environment["NXF_DISABLE_PARAMS_TYPE_DETECTION"] = "1"
    return made
