"""The pipeline under Nextflow 25.04: the same files, the same refusals."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from pipeline_runs import Pipeline, Run, copy_pipeline
from test_run import PUBLISHED

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]


@pytest.fixture(scope="module")
def newer(nextflow: list[str], project: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Fetched once through Maven, as scripts/nextflow.sh fetches 24.10."""
    jars = Path(os.environ.get("TEXCNN_NEXTFLOW_25_JARS", project / ".lib" / "nextflow-25"))
    if not list(jars.glob("nextflow-25*.jar")):
        if shutil.which("mvn") is None:
            pytest.skip("no Maven to fetch Nextflow 25 with")
        pom = project / "scripts" / "nextflow_25" / "pom.xml"
        command = ["mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
        fetched = subprocess.run(command, capture_output=True, text=True, check=False)
        if fetched.returncode:
            pytest.skip(f"Nextflow 25 cannot be had: {fetched.stdout[-300:]}")
    pipeline = copy_pipeline(nextflow, project, tmp_path_factory.mktemp("newer"))
    pipeline.environment["TEXCNN_NEXTFLOW_JARS"] = str(jars)
    # A nextflow on PATH would be run in its place
    if shutil.which("nextflow"):
        pytest.skip("another nextflow is on PATH")
    return pipeline


@pytest.fixture(scope="module")
def run(newer: Pipeline) -> Run:
    vcf = newer.folder / "assets" / "demo" / "variants.vcf"
    return newer.succeed("-profile", "test", "--models", newer.model, "--shard_size", "50", "--vcf", vcf)


def test_the_demo_gives_the_files_of_24(run: Run) -> None:
    assert "version 25.04.0" in run.output
    more = ["tsv.gz", "tsv.gz.meta.json", "tsv.gz.skipped.tsv", "vcf.gz", "vcf.gz.csi"]
    summary = ["effects.summary.tsv.gz", "effects.summary.tsv.gz.meta.json"]
    assert run.files == sorted([*PUBLISHED, *(f"variants/{name}" for name in summary),
                                *(f"variants/effects.{ending}" for ending in more)])  # fmt: skip
    assert len(run.predictions) == 49
    assert "  sample, tiny: 49 of 50 genes predicted" in run.output


def test_nothing_runs_again(newer: Pipeline, run: Run) -> None:
    newer.environment["NXF_DISABLE_PARAMS_TYPE_DETECTION"] = "1"
    vcf = newer.folder / "assets" / "demo" / "variants.vcf"
    again = newer.succeed(
        "-profile", "test", "--models", newer.model, "--shard_size", "50", "--vcf", vcf, "-resume", outdir="again"
    )
    assert again.processes("COMPLETED") == []
    assert (again.outdir / "predictions" / "predictions.parquet").read_bytes() == (
        run.outdir / "predictions" / "predictions.parquet"
    ).read_bytes()


def test_bad_values_are_refused(newer: Pipeline) -> None:
    bad = newer.run("-profile", "test", "--gpus", "two", "--shard_size", "0", outdir="bad")
    assert bad.status == 1
    assert bad.problems == ["--shard_size is 0 – allowed: 1 or more", "--gpus is 'two' – allowed: a whole number"]
    assert not bad.outdir.exists()
