"""Tasks that run side by side use the cores they were given, and no more."""

from __future__ import annotations

import re
from pathlib import Path


def test_every_task_that_computes_has_as_many_threads_as_cores(project: Path) -> None:
    computing = [
        text
        for text in (path.read_text() for path in sorted((project / "modules" / "local").glob("*/main.nf")))
        if re.search(r"texcnn (embed|predict) ", text)
    ]
    assert len(computing) == 3
    for text in computing:
        before = text[: re.search(r"texcnn (embed|predict) ", text).start()]
        assert "export OMP_NUM_THREADS=${task.cpus} RAYON_NUM_THREADS=${task.cpus}\n" in before
