"""Every command of the README and the pages that runs the pipeline, as written, where parameters arrive as strings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from pipeline_runs import Pipeline, copy_pipeline

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

PROJECT = Path(__file__).parents[2]


def documented() -> Iterator[str]:
    """The commands, continued lines joined, without comments."""
    seen = set()
    for page in (PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))):
        for block in re.findall(r"^```\w*\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
            for line in re.sub(r"\s*\\\n\s*", " ", block).splitlines():
                command = re.split(r"\s+#\s", line)[0].strip()
                if command.startswith("nextflow run main.nf") and command not in seen:
                    seen.add(command)
                    yield command


@pytest.fixture(scope="module")
def reader(nextflow: list[str], project: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A folder with the files that the pages take for granted."""
    pipeline = copy_pipeline(nextflow, project, tmp_path_factory.mktemp("documented"))
    demo = pipeline.folder / "assets" / "demo"
    for name, source in (("genome.fa", "genome.fa.gz"), ("genes.gtf", "genes.gtf"), ("tpm.tsv.gz", "truth.tsv"),
                         ("split.tsv", "truth.tsv")):  # fmt: skip
        (pipeline.launch / name).write_bytes((demo / source).read_bytes())
    (pipeline.launch / "genomes" / "hg38").mkdir(parents=True)
    for name in ("hg38.fa.gz", "gencode.v47.annotation.gtf.gz"):
        (pipeline.launch / "genomes" / "hg38" / name).write_text("")
    pipeline.environment["NXF_DISABLE_PARAMS_TYPE_DETECTION"] = "1"
    return pipeline


def test_there_are_some() -> None:
    commands = list(documented())
    assert len(commands) >= 6
    for part in ("-profile docker", "slurm,apptainer", "--gpus 1", "--train mine --runs 10", "-profile test "):
        assert any(part in command for command in commands), part


@pytest.mark.parametrize("command", list(documented()))
def test_a_documented_command_is_accepted(reader: Pipeline, command: str) -> None:
    """Parameters and samples are read, all processes wired; -preview starts none: some need hg38 or a cluster."""
    words = shlex.split(command.replace("/data/genomes", "genomes"))[3:]
    del words[words.index("--outdir") : words.index("--outdir") + 2]
    run = reader.succeed("-preview", *words)
    assert "TExCNN 0.1.0, Nextflow" in run.output
    assert "Submitted process" not in run.output
