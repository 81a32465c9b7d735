"""Every benchmark in one run, as one Markdown table.

    python benchmarks/run.py [--only encoders windows genes outputs variants gpu] [--peers multimolecule] [--write]

Each measure runs in a process of its own, so that none warms, fills or throttles another. With --write the table in
benchmarks/README.md is replaced. The yeast genome is looked for where the tests look for it ($TEXCNN_DATA).
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from memory import FASTA
from page import markdown, replace_measured

from texcnn.bench.rounds import Row, describe_machine, skipped

PAGE = Path(__file__).parent / "README.md"


# What a measure needs is imported in its own process: the memory of this one would count in its children's.
def _encoders(peers: Sequence[str]) -> list[Row]:
    import bench_encoders

    return bench_encoders.measure(peers)


def _windows() -> list[Row]:
    import bench_windows

    return bench_windows.measure()


def _genes() -> list[Row]:
    import bench_genes

    return bench_genes.measure()


def _outputs() -> list[Row]:
    import bench_outputs

    return bench_outputs.measure()


def _variants() -> list[Row]:
    import bench_variants

    return bench_variants.measure()


def _gpu() -> list[Row]:
    import bench_gpu
    import torch

    return list(bench_gpu.measure()) if torch.cuda.is_available() else skipped("no CUDA device", ["encoders on a GPU"])


NEED_DATA = {"windows": _windows, "genes": _genes, "outputs": _outputs}
NAMES = ("encoders", *NEED_DATA, "variants", "gpu")


def run(name: str, peers: Sequence[str]) -> list[Row]:
    """Runs one measure in a fresh process, or says why it cannot."""
    measure: Callable[[], list[Row]]
    if name == "encoders":
        measure = functools.partial(_encoders, peers)
    elif name == "variants":
        measure = _variants
    elif name == "gpu":
        measure = _gpu
    elif FASTA.is_file():
        measure = NEED_DATA[name]
    else:
        return skipped("no yeast genome: set TEXCNN_DATA", [name])
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure).result()


def main() -> None:
    """Runs the chosen measures, prints the table and writes it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, help="measures to run (default: all)")
    parser.add_argument("--peers", nargs="+", choices=["multimolecule"], default=[], help="compare with these too")
    parser.add_argument("--write", action="store_true", help="replace the table in benchmarks/README.md")
    options = parser.parse_args()
    if options.write and set(options.only) != set(NAMES):
        parser.error("--write replaces the whole table, so it needs every measure: leave out --only")

    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    began, load = time.time(), os.getloadavg()[0]
    sections = {name: run(name, options.peers) for name in NAMES if name in options.only}
    machine = describe_machine(time.gmtime(began), load)
    measured = f"{machine} The run took {time.time() - began:.0f} s.\n\n{markdown(sections)}"
    print(measured)
    if options.write:
        PAGE.write_text(replace_measured(PAGE.read_text(encoding="utf-8"), measured), encoding="utf-8")


if __name__ == "__main__":
    main()
