"""Compares the speed of two commits on this machine: fails where the newer one is slower.

    python benchmarks/guard.py f673007 [HEAD] [--rounds 7] [--quick]

Each round runs both commits one after the other, each in a new process, on the same made-up windows in float32,
and multiplies matrices before, as a measure of the machine's speed in that round. The ratio is the median of the
rounds' ratios; --quick takes a minute. Each commit predicts with the texcnn-mini that it bundles; with --model both
have one bundle, so that the ratio is that of the code alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from texcnn.bench.rounds import median_ratio, significant

PROJECT = Path(__file__).resolve().parents[1]

# Only what every commit has: texcnn.load_model and Model.predict_sequences.
MEASURE = """
import json, random, sys, time
import torch
import texcnn
number, threads = int(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(threads)
model = texcnn.load_model(sys.argv[3])
source = random.Random(0)
windows = ["".join(source.choices("ACGT", k=model.window.length)) for _ in range(number)]
model.predict_sequences(windows[:2], device="cpu", dtype="float32")
left = torch.rand(1024, 1024)
best = float("inf")
for _ in range(5):
    start = time.perf_counter()
    left @ left
    best = min(best, time.perf_counter() - start)
start, used = time.perf_counter(), time.process_time()
model.predict_sequences(windows, device="cpu", dtype="float32")
print(json.dumps({
    "wall": (time.perf_counter() - start) / number, "processor": (time.process_time() - used) / number,
    "matrix": 2 * 1024**3 / best / 1e9,
}))
"""


def measure(tree: Path, windows: int, threads: int, model: str) -> dict[str, float]:
    """Seconds per gene (wall and processor) of a model and the machine's GFLOP/s, with the code of a folder."""
    count = str(threads)
    own = {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": count, "RAYON_NUM_THREADS": count, "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-c", MEASURE, str(windows), count, model]
    done = subprocess.run(command, cwd=tree, env={**os.environ, **own}, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measures both commits round by round; the exit status is 1 where the newer one is slower than allowed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", help="the commit to compare with")
    parser.add_argument("head", nargs="?", default="HEAD", help="the newer commit (default: %(default)s)")
    parser.add_argument(
        "--model", default="texcnn-mini", help="a bundle's folder for both (default: %(default)s of each)"
    )
    parser.add_argument("--rounds", type=int, default=7, help="(default: %(default)s)")
    parser.add_argument("--windows", type=int, default=192, help="per round and commit (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="(default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="three rounds of 48 windows: about a minute")
    parser.add_argument("--at-least", type=float, default=0.95, help="smallest ratio allowed (default: %(default)s)")
    options = parser.parse_args()
    rounds, windows = (3, 48) if options.quick else (options.rounds, options.windows)
    found: dict[str, list[dict[str, float]]] = {"base": [], "head": []}
    with tempfile.TemporaryDirectory() as folder:
        trees = {"base": Path(folder) / "base", "head": Path(folder) / "head"}
        try:
            for name, tree in trees.items():
                commit = getattr(options, name)
                subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, commit], cwd=PROJECT, check=True)
            for number in range(1, rounds + 1):
                for name, tree in trees.items():
                    found[name].append(measure(tree, windows, options.threads, options.model))
                    last = {what: significant(value) for what, value in found[name][-1].items()}
                    print(f"round {number}, {name}: {last}", flush=True)
        finally:
            for tree in trees.values():
                subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=PROJECT, check=False)
    ratios = {
        clock: median_ratio([each[clock] for each in found["base"]], [each[clock] for each in found["head"]])
        for clock in ("wall", "processor")
    }
    speeds = [each["matrix"] for name in found for each in found[name]]
    drift = max(speeds) / min(speeds)
    genes = 1 / statistics.median(each["wall"] for each in found["head"])
    print(
        f"{options.head} is {significant(ratios['wall'])} times as fast as {options.base} "
        f"({significant(ratios['processor'])} by processor time), {significant(genes)} genes/s; "
        f"the machine's own speed drifted by a factor of {significant(drift)}"
    )
    # Processor time counts no other work, so a busy spell alone does not fail the guard.
    sys.exit(max(ratios.values()) < options.at_least)


if __name__ == "__main__":
    main()
