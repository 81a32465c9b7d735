"""Peak memory and time of ``texcnn predict`` against the number of genes, on the yeast genome: does either grow?

    python benchmarks/memory.py [--model NAME] [--genes 100 1000 5000]

Each size runs in a new process, whose peak resident memory the kernel reports. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("TEXCNN_DATA", PROJECT.parent / "shared" / "data"))
FASTA, GTF = DATA / "yeast" / "R64-1-1.fa.gz", DATA / "yeast" / "R64-1-1.81.gtf.gz"


def predict(genes: list[str], model: str) -> tuple[float, float]:
    """Predicts genes in a new process.

    Returns:
        Peak resident memory in MiB and wall-clock seconds, start-up included.
    """
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "genes.txt"
        listed.write_text("\n".join(genes))
        out = str(Path(folder) / "out.parquet")
        command = [sys.executable, "-m", "texcnn", "predict", "--fasta", str(FASTA), "--gtf", str(GTF)]
        command += ["--genes", str(listed), "--model", model, "--device", "cpu", "--quiet", "--out", out]
        start = time.monotonic()
        process = subprocess.Popen(command)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"texcnn predict failed with status {os.waitstatus_to_exitcode(status)}")
        return usage.ru_maxrss / 1024, time.monotonic() - start


def main() -> None:
    """Measures each size once, smallest first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="texcnn-mini", help="(default: %(default)s)")
    parser.add_argument("--genes", type=int, nargs="+", default=[100, 1000, 5000], help="(default: %(default)s)")
    options = parser.parse_args()

    from texcnn.genome.annotation import read_gtf

    names = [gene.id for gene in read_gtf(GTF).genes]
    versions = ", ".join(f"{name} {version(name)}" for name in ("texcnn", "torch", "numpy"))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}\n")
    print("| genes | peak memory, MiB | seconds | genes per second |\n|---|---|---|---|")
    for number in options.genes:
        memory, seconds = predict(names[:number], options.model)
        print(f"| {number} | {memory:.0f} | {seconds:.1f} | {number / seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
