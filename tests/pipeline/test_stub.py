"""Where tasks run and how: shown with -stub, which runs the whole flow without computing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pipeline_runs import Pipeline

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]


TABLES = ("parquet", "skipped.tsv", "tsv.gz", "tsv.gz.meta.json")


def test_models_of_a_row_and_names_of_files(pipeline: Pipeline) -> None:
    """A row is predicted with its own models, else with --models; nothing is written over another's result."""
    demo = pipeline.folder / "assets" / "demo"
    (pipeline.launch / "genes.txt").write_text("DEMOG00000007\n")
    rows = [f'two,"{pipeline.model},texcnn-mini",{demo}/variants.vcf,', "one,,,genes.txt"]
    (pipeline.launch / "sheet.csv").write_text("\n".join(["sample,models,vcf,genes", *rows]) + "\n")
    arguments = ["-profile", "test", "-stub", "--models", pipeline.model]
    (pipeline.launch / "kept").mkdir()
    (pipeline.launch / "results").symlink_to("kept")
    run = pipeline.succeed(*arguments, "--input", "sheet.csv", "--save_windows")
    assert [name for name in run.files if "/predictions/" in name or "/report/" in name] == [
        *(f"one/predictions/predictions.{ending}" for ending in TABLES),
        "one/report/report.html",
        *(f"two/predictions/predictions.{model}.{ending}" for model in ("texcnn-mini", "tiny") for ending in TABLES),
        "two/report/report.texcnn-mini.html",
        "two/report/report.tiny.html",
    ]
    assert "two/variants/effects.texcnn-mini.tsv.gz" in run.files
    assert sum(name.startswith("windows/") for name in run.files) == 3, "two gene lists and two widths"
    assert "of another run" not in run.output
    (pipeline.launch / "results" / "loop").symlink_to(".")
    later = pipeline.succeed(*arguments)
    assert "of another run, and left where they are: one/predictions/predictions.parquet, " in later.output
    assert ", two/variants/effects.tiny.tsv.gz, " in later.output
    assert "loop/loop" not in later.output


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
    (tmp_path / "nfcore_custom.config").write_text(
        "profiles { our_site { process.resourceLimits = [time: 1.h]\n"
        "params { config_profile_description = 'Our cluster'; max_memory = 128.GB } } }\n"
    )
    (tmp_path / "large.config").write_text("process { withName: WINDOWS { memory = 500.GB } }\n")
    # fmt: off
    run = pipeline.succeed("-profile", "test,our_site,slurm", "--custom_config_base", tmp_path, "-c",
                           tmp_path / "large.config", "-stub", "--models", pipeline.model, "--gpus", "1",
                           "--queue", "short", "--gpu_queue", "gpu")
    # fmt: on
    assert "  Our cluster\n" in run.output
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
