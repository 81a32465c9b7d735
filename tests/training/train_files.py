"""What the tests of texcnn train share: options of a training of seconds, and how to give and read files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

N_GENES = 60
TINY = ["--epochs", 8, "--genes-per-step", 8, "--learning-rate", 0.02, "--filters", 8, "--kernel-widths", "1",
        "--quiet", "--device", "cpu"]  # fmt: skip


def options(inputs: dict[str, Path], **more: object) -> list[object]:
    given = {**inputs, "unit": "RPKM", "split": "random", **more}
    return [
        part for name, value in given.items() if value is not None for part in (f"--{name.replace('_', '-')}", value)
    ]


def read(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / name, sep="\t")
