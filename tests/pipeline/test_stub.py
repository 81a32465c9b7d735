"""Where tasks run and how: shown with -stub, which runs the whole flow without computing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pipeline_runs import Pipeline

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]


def test_two_models_name_the_files(pipeline: Pipeline) -> None:
    run = pipeline.succeed("-profile", "test", "-stub", "--models", f"{pipeline.model},texcnn-mini")
    assert [name for name in run.files if name.startswith(("predictions", "report"))] == [
        f"predictions/predictions.{model}.{ending}"
        for model in ("texcnn-mini", "tiny")
        for ending in ("parquet", "skipped.tsv", "tsv.gz", "tsv.gz.meta.json")
    ] + ["report/report.texcnn-mini.html", "report/report.tiny.html"]
    assert "of another run" not in run.output
    one = pipeline.succeed("-profile", "test", "-stub", "--models", pipeline.model)
    assert "of another run, and left where they are: predictions/predictions.texcnn-mini.parquet, " in one.output
    assert ", report/report.tiny.html\n" in one.output


SBATCH = """#!/bin/bash
script="${@: -1}"
cp "$script" "$SUBMITTED/$$.sh"
bash "$script" < /dev/null > /dev/null 2>&1 &
echo "Submitted batch job $!"
"""


def test_slurm_asks_for_a_gpu_where_one_is_used(pipeline: Pipeline, tmp_path: Path) -> None:
    tools, submitted = tmp_path / "slurm", tmp_path / "submitted"
    tools.mkdir()
    submitted.mkdir()
    for name, script in {"sbatch": SBATCH, "squeue": "#!/bin/bash\n", "scancel": "#!/bin/bash\n"}.items():
        (tools / name).write_text(script)
        (tools / name).chmod(0o755)
    pipeline.nextflow[1] = pipeline.nextflow[1].replace("PATH=", f"PATH={tools}{os.pathsep}")
    pipeline.environment["SUBMITTED"] = str(submitted)
    # A site's profile, before that of the scheduler
    (tmp_path / "nfcore_custom.config").write_text("profiles { our_site { process.resourceLimits = [time: 1.h] } }\n")
    (tmp_path / "large.config").write_text("process { withName: WINDOWS { memory = 500.GB } }\n")
    # fmt: off
    run = pipeline.succeed("-profile", "test,our_site,slurm", "--custom_config_base", tmp_path, "-c",
                           tmp_path / "large.config", "-stub", "--models", pipeline.model, "--gpus", "1",
                           "--queue", "short", "--gpu_queue", "gpu")
    # fmt: on
    jobs = [script.read_text() for script in submitted.iterdir()]
    assert len(jobs) == len(run.trace)
    with_gpu = [job for job in jobs if "#SBATCH --gres=gpu:1\n" in job]
    assert len(with_gpu) == 1
    assert "_EMBED_" in with_gpu[0]
    assert "#SBATCH -p gpu\n" in with_gpu[0]
    assert "#SBATCH -c " not in with_gpu[0], "a small encoder needs one core"
    assert sum("#SBATCH -p short\n" in job for job in jobs) == len(run.trace) - 1
    assert all("#SBATCH -t 01:00:00\n" in job for job in jobs), "the site's limit"
    assert sum("#SBATCH --mem 512000M\n" in job for job in jobs) == 1, "not what this machine has"


# What a scheduler's command does with the script that it is given: keeps it, runs it, says the job's number.
SUBMIT = {
    "sge": ("qsub", "${@: -1}", 'echo "Your job $! (\\"nf\\") has been submitted"'),
    "lsf": ("bsub", "/dev/stdin", 'echo "Job <$!> is submitted to queue <short>."'),
}
HEADERS = {
    "sge": ("#$ -l gpu=1\n", "#$ -q gpu\n", "#$ -q short\n"),
    "lsf": ("#BSUB -gpu num=1\n", "#BSUB -q gpu\n", "#BSUB -q short\n"),
}


@pytest.mark.parametrize("scheduler", list(SUBMIT))
def test_other_schedulers_ask_for_a_gpu_where_one_is_used(pipeline: Pipeline, tmp_path: Path, scheduler: str) -> None:
    tools, submitted = tmp_path / "tools", tmp_path / "submitted"
    tools.mkdir()
    submitted.mkdir()
    name, source, answer = SUBMIT[scheduler]
    script = f'''#!/bin/bash
cat "{source}" > "$SUBMITTED/$$.sh"
bash "$SUBMITTED/$$.sh" < /dev/null > /dev/null 2>&1 &
{answer}
'''
    for tool, text in {name: script, "qstat": "#!/bin/bash\n", "bjobs": "#!/bin/bash\n"}.items():
        (tools / tool).write_text(text)
        (tools / tool).chmod(0o755)
    pipeline.nextflow[1] = pipeline.nextflow[1].replace("PATH=", f"PATH={tools}{os.pathsep}")
    pipeline.environment["SUBMITTED"] = str(submitted)
    # fmt: off
    run = pipeline.succeed("-profile", f"test,{scheduler}", "-stub", "--models", pipeline.model, "--gpus", "1",
                           "--queue", "short", "--gpu_queue", "gpu")
    # fmt: on
    jobs = [path.read_text() for path in submitted.iterdir()]
    assert len(jobs) == len(run.trace)
    gpu, gpu_queue, queue = HEADERS[scheduler]
    assert [sum(line in job for job in jobs) for line in (gpu, gpu_queue, queue)] == [1, 1, len(jobs) - 1]
