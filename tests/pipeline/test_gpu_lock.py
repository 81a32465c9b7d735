"""Tasks of one machine never meet on a GPU: the lock that each takes before its work, tried without GPUs."""

from __future__ import annotations

import os
import re
import subprocess
import textwrap
from pathlib import Path

WORK = """
set -eu
{lock}
echo "$CUDA_VISIBLE_DEVICES start" >> log
mkdir "busy-$CUDA_VISIBLE_DEVICES"
sleep 0.{tenths}
rmdir "busy-$CUDA_VISIBLE_DEVICES"
echo "$CUDA_VISIBLE_DEVICES end" >> log
"""


def lock(project: Path, gpus: int) -> str:
    text = (project / "conf" / "base.config").read_text()
    (script,) = re.findall(r"task\.accelerator \? '''(.*?)'''", text, re.DOTALL)
    return textwrap.dedent(script).replace("GPUS", str(gpus))


def run_tasks(project: Path, folder: Path, gpus: int, **environment: str) -> list[str]:
    """Six tasks of uneven length at once; a second one on a device fails at mkdir."""
    tasks = [
        subprocess.Popen(
            ["bash", "-c", WORK.format(lock=lock(project, gpus), tenths=tenths)],
            cwd=folder,
            env={**os.environ, "TEXCNN_LOCKS": str(folder), **environment},
        )
        for tenths in (9, 1, 1, 1, 1, 1)
    ]
    assert [task.wait(timeout=60) for task in tasks] == [0] * 6
    return (folder / "log").read_text().splitlines()


def test_each_device_has_one_task_at_a_time(project: Path, tmp_path: Path) -> None:
    lines = run_tasks(project, tmp_path, 2)
    assert len(lines) == 12
    assert {line.split()[0] for line in lines} == {"0", "1"}


def test_devices_that_the_user_chose(project: Path, tmp_path: Path) -> None:
    lines = run_tasks(project, tmp_path, 2, CUDA_VISIBLE_DEVICES="3,5,7")
    assert {line.split()[0] for line in lines} == {"3", "5"}


def test_a_lock_ends_with_its_task(project: Path, tmp_path: Path) -> None:
    script = f"set -eu\n{lock(project, 1)}\nkill -9 $$\n"
    environment = {**os.environ, "TEXCNN_LOCKS": str(tmp_path)}
    for _ in range(2):
        assert subprocess.run(["bash", "-c", script], env=environment, timeout=20, check=False).returncode == -9
