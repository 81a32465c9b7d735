"""What containers are given: the image, the user's id, GPUs where one is used, and the Hub's folder."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from pipeline_runs import Pipeline

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

# Notes how it was called, then runs what comes after the image, outside of any container.
DOCKER = """#!/bin/bash
[[ $1 == run ]] || exit 0
printf '%q ' "$@" > "CALLS/$$"
while [[ $1 != texcnn:* ]]; do shift; done
shift
exec "$@"
"""


def imitate(pipeline: Pipeline, folder: Path, name: str, script: str) -> Path:
    """Puts an imitation first on the run's PATH, and returns the folder in which it notes each call.

    The script has the folder's name for ``CALLS``: singularity is called without environment.
    """
    tools, calls = folder / "tools", folder / "calls"
    tools.mkdir()
    calls.mkdir()
    write_tool(tools / name, script.replace("CALLS", str(calls)))
    pipeline.nextflow[1] = pipeline.nextflow[1].replace("PATH=", f"PATH={tools}{os.pathsep}")
    return calls


def write_tool(path: Path, script: str) -> None:
    path.write_text(script)
    path.chmod(0o755)


def test_docker_gives_a_gpu_to_the_one_stage_that_uses_it(pipeline: Pipeline, project: Path, tmp_path: Path) -> None:
    """The command of the README, its genome in a mirror."""
    calls = imitate(pipeline, tmp_path, "docker", DOCKER)
    pipeline.environment |= {"HF_HOME": str(tmp_path / "hub")}
    for name in ("hg38.fa.gz", "gencode.v47.annotation.gtf.gz"):
        (tmp_path / "mirror" / "hg38").mkdir(parents=True, exist_ok=True)
        (tmp_path / "mirror" / "hg38" / name).write_text("any content: a stub does not read it\n")
    (command,) = re.findall(r"^nextflow run main.nf (.*)$", (project / "README.md").read_text(), re.MULTILINE)
    assert "-profile docker" in command
    # fmt: off
    run = pipeline.succeed(*shlex.split(command.replace("--outdir results", "")), "-stub", "--models", pipeline.model,
                           "--genomes_base", tmp_path / "mirror", "--gpus", "1", "--container", "texcnn:test",
                           "--gpu_container", "texcnn:cuda")
    # fmt: on
    assert len(run.trace) == 7
    containers = [shlex.split(path.read_text()) for path in calls.iterdir()]
    assert len(containers) == 7
    for options in containers:
        assert options[options.index("-u") + 1] == f"{os.getuid()}:{os.getgid()}"
        assert f"{tmp_path}/hub:{tmp_path}/hub" in options
    with_gpu = [options for options in containers if "--gpus" in options]
    assert len(with_gpu) == 1
    assert with_gpu[0][with_gpu[0].index("--gpus") + 1] == "all"
    assert [("texcnn:cuda" in options, "texcnn:test" in options) for options in with_gpu] == [(True, False)]
    assert sum("texcnn:test" in options for options in containers) == 6
    task = Path(with_gpu[0][with_gpu[0].index("-w") + 1])
    assert "embeddings.zarr" in (task / ".command.sh").read_text()


# Makes an empty image where one is pulled; else notes the call and runs what comes after the image.
SINGULARITY = """#!/bin/bash
if [[ $1 == pull ]]; then for name in "$@"; do [[ $name == *.img* ]] && touch "$name"; done; exit 0; fi
[[ $1 == exec ]] || exit 0
printf '%q ' "$@" > "CALLS/$$"
while [[ $1 != *.img ]]; do shift; done
shift
exec "$@"
"""


def test_singularity_binds_the_hub_and_gives_a_gpu(pipeline: Pipeline, tmp_path: Path) -> None:
    calls = imitate(pipeline, tmp_path, "singularity", SINGULARITY)
    pipeline.environment |= {"HF_HOME": str(tmp_path / "hub")}
    # fmt: off
    run = pipeline.succeed("-profile", "test,singularity", "-stub", "--models", pipeline.model, "--gpus", "1",
                           "--registry", "registry.example/lab")
    # fmt: on
    containers = [shlex.split(path.read_text()) for path in calls.iterdir()]
    assert len(containers) == len(run.trace) == 8
    for options in containers:
        assert f"-B {tmp_path}/hub" in " ".join(options)
        assert any("registry.example-lab-texcnn-0.1.0.img" in option for option in options)
    assert sum("--nv" in options for options in containers) == 1


# Notes how it was called and as whom, then runs what comes after the image, outside of any container.
PODMAN = """#!/bin/bash
[[ $1 == run ]] || exit 0
printf '%q ' "$@" > "CALLS/$$"
[ -z "$ONLY_SAY" ] || exit 0
while [[ $1 != texcnn:* ]]; do shift; done
shift
exec "$@"
"""


def test_podman_keeps_the_user_and_root_is_root(pipeline: Pipeline, tmp_path: Path) -> None:
    calls = imitate(pipeline, tmp_path, "podman", PODMAN)
    pipeline.environment |= {"ONLY_SAY": ""}
    run = pipeline.succeed("-profile", "test,podman", "-stub", "--models", pipeline.model, "--gpus", "1")
    containers = [shlex.split(path.read_text()) for path in calls.iterdir()]
    assert len(containers) == len(run.trace) == 8
    assert sum("--device nvidia.com/gpu=all" in " ".join(options) for options in containers) == 1
    assert sum("CUDA_VISIBLE_DEVICES" in options for options in containers) == 8

    # The line of a task, for root and for another user.
    task = Path(containers[0][containers[0].index("-w") + 1])
    (line,) = re.findall(r"^ *(podman run .*)$", (task / ".command.run").read_text(), re.MULTILINE)
    for user, namespace in (("0", "host"), ("1234", "keep-id")):
        write_tool(tmp_path / "tools" / "id", f"#!/bin/bash\necho {user}\n")
        for path in calls.iterdir():
            path.unlink()
        environment = {
            "PATH": f"{tmp_path / 'tools'}:{os.environ['PATH']}",
            "ONLY_SAY": "1",
            "NXF_TASK_WORKDIR": str(task),
        }
        script = f"nxf_launch() {{\n{line}\n}}\nnxf_launch"
        subprocess.run(["bash", "-c", script], env=environment, check=True)
        (call,) = calls.iterdir()
        options = shlex.split(call.read_text())
        assert f"--userns={namespace}" in options
        assert options[options.index("-u") + 1] == f"{user}:{user}"
