"""Compares `texcnn predict` and `texcnn embed` of two source trees: whole commands, one bundle, paired rounds.

    python benchmarks/guard_commands.py BASE HEAD --model BUNDLE --fasta FA --gtf GTF [--genes 300] [--rounds 5]

Each round runs each command with both trees, one after the other, on the CPU in float32, the half-life features left
out. The model is the same folder for both, so that the ratio is the code's. A table of numbers that differ by more than
1e-5 ends the run, since then the two do not compute the same. It fails where the newer tree is slower than allowed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from texcnn.bench.rounds import median_ratio, significant
from texcnn.tables.units import above_floor

CLOCKS = ("wall", "processor")
WITHOUT_HALF_LIFE = "--no-half-life"


def texcnn(tree: Path, threads: int, *arguments: object) -> dict[str, float]:
    """Runs one command with the code of a tree; returns its seconds by both clocks."""
    own = {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": str(threads), "RAYON_NUM_THREADS": str(threads)}
    command = [sys.executable, "-m", "texcnn", *map(str, arguments)]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env={**os.environ, **own}, cwd=tree, capture_output=True, text=True)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{tree}: {done.stderr}")
    return {"wall": wall, "processor": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def understands(tree: Path, option: str) -> bool:
    """Says whether `texcnn predict` of a tree has an option."""
    command, own = [sys.executable, "-m", "texcnn", "predict", "--help"], {**os.environ, "PYTHONPATH": str(tree)}
    return option in subprocess.run(command, env=own, cwd=tree, capture_output=True, text=True).stdout


def largest_difference(tables: list[Path], unit: str) -> float:
    """Returns the largest difference between the predictions of two tables with the same rows."""
    frames = [pd.read_parquet(table).set_index("gene_id") for table in tables]
    cell_types = [name for name in frames[0].select_dtypes("float32") if name in frames[1]]
    if not frames[0].index.equals(frames[1].index) or not cell_types:
        sys.exit("the tables have other genes or other cell types")
    # Older trees write values below the unit's floor as the head gave them.
    values = [above_floor(frame[cell_types].to_numpy(), unit) for frame in frames]
    return float(np.abs(values[0] - values[1]).max())


def main() -> None:
    """Measures both trees round by round; the exit status is 1 where the newer one is slower than allowed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", type=Path, help="source tree to compare with")
    parser.add_argument("head", type=Path, help="the newer source tree")
    for name in ("model", "fasta", "gtf"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--genes", type=int, default=300, help="(default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="(default: %(default)s)")
    parser.add_argument("--at-least", type=float, default=0.95, help="smallest ratio allowed (default: %(default)s)")
    options = parser.parse_args()
    trees = {"base": options.base.resolve(), "head": options.head.resolve()}
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = ["--fasta", options.fasta.resolve(), "--gtf", options.gtf.resolve()]
        texcnn(trees["head"], 1, "windows", *source, "--out", folder / "all.bed")  # builds the FASTA's index too
        unit = json.loads((options.model / "config.json").read_text())["unit"]
        ids = pd.read_csv(folder / "all.bed", sep="\t")["gene_id"].sample(options.genes, random_state=0)
        (folder / "genes.txt").write_text("\n".join(ids) + "\n")
        common = [*source, "--genes", folder / "genes.txt", "--model", options.model.resolve(), "--device", "cpu"]
        common += ["--dtype", "float32", "--threads", options.threads, "--overwrite"]
        extra = {name: [WITHOUT_HALF_LIFE] * understands(tree, WITHOUT_HALF_LIFE) for name, tree in trees.items()}
        for number in range(1, options.rounds + 1):
            for command, ending in (("predict", ".parquet"), ("embed", "")):
                for side, tree in trees.items():
                    out = folder / f"{side}{ending}"
                    taken = texcnn(tree, options.threads, command, *common, *extra[side], "--out", out)
                    found.setdefault(command, {}).setdefault(side, []).append(taken)
                    print(f"round {number}, {command}, {side}: {taken}", flush=True)
        difference = largest_difference([folder / f"{side}.parquet" for side in trees], unit)
    print(f"largest difference between the predictions: {difference:g}")
    slow = difference > 1e-5
    for command, sides in found.items():
        ratios = {
            clock: median_ratio([one[clock] for one in sides["base"]], [one[clock] for one in sides["head"]])
            for clock in CLOCKS
        }
        shown = ", ".join(f"{significant(ratio)} by {clock} time" for clock, ratio in ratios.items())
        print(f"texcnn {command}: head is {shown} as fast as base")
        slow |= max(ratios.values()) < options.at_least
    sys.exit(slow)


if __name__ == "__main__":
    main()
