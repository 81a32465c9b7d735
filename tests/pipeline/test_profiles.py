"""Profiles of places that this machine is not: what Nextflow makes of each one's settings."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

EXPECTED = {
    "slurm": ["process.executor = 'slurm'"],
    "sge": ["process.executor = 'sge'", "process.penv = 'smp'"],
    "lsf": ["process.executor = 'lsf'", "executor.perJobMemLimit = true"],
    "awsbatch": ["process.executor = 'awsbatch'", "aws.batch.maxSpotAttempts = 5"],
    "google-batch": ["process.executor = 'google-batch'", "google.batch.spot = true"],
    "k8s": ["process.executor = 'k8s'"],
    "gpu,docker": ["params.gpus = 1", "docker.enabled = true", "process.container = 'texcnn:0.1.0'"],
    # Never used together; each only adds lines of its own.
    "debug,wave,conda,arm64,docker,podman,singularity,apptainer": [
        "dumpHashes = true",
        "wave.strategy = 'conda,container'",
        "conda.enabled = true",
        "podman.enabled = true",
        "docker.runOptions = '-u $(id -u):$(id -g) --platform=linux/arm64'",
        "singularity.autoMounts = true",
        "apptainer.autoMounts = true",
    ],
    "test_full,mamba": ["params.models = 'texcnn-yeast'", "conda.useMamba = true"],
}


@pytest.mark.parametrize("profile", list(EXPECTED))
def test_profile(nextflow: list[str], project: Path, tmp_path: Path, profile: str) -> None:
    command = [*nextflow, "config", "-flat", "-profile", profile, project]
    environment = {name: value for name, value in os.environ.items() if name != "HF_HOME"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for line in EXPECTED[profile]:
        assert line in done.stdout.splitlines()


def test_institutional_configurations(nextflow: list[str], project: Path, tmp_path: Path) -> None:
    (tmp_path / "nfcore_custom.config").write_text("profiles { our_site { process.queue = 'ours' } }\n")
    command = [*nextflow, "run", project / "main.nf", "-profile", "our_site", "--help"]
    for base, status in ((tmp_path, 0), ("https://none.example", 1)):
        asked = [*command, "--custom_config_base", base]
        done = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr
    assert "Unknown configuration profile: 'our_site'" in done.stdout + done.stderr
