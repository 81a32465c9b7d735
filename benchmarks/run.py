"""Every benchmark in one run, as one Markdown table.

    python benchmarks/run.py [--only MEASURE ...] [--peers multimolecule] [--write]
    python benchmarks/run.py --quick      # a minute: start-up, and the encoders on a part of a gene

Each measure runs in a new process, so that none warms, fills or throttles another. With --write the table in
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
def _startup(quick: bool) -> list[Row]:
    import bench_startup

    return bench_startup.measure(quick=quick)


def _encoders(peers: Sequence[str], quick: bool) -> list[Row]:
    import bench_encoders

    return bench_encoders.measure(peers, quick=quick)


def _windows() -> list[Row]:
    import bench_windows

    return bench_windows.measure()


def _genes() -> list[Row]:
    import bench_genes

    return bench_genes.measure()


def _outputs() -> list[Row]:
    import bench_outputs

    return bench_outputs.measure()


def _precision() -> list[Row]:
    import bench_precision

    return bench_precision.measure()


def _variants() -> list[Row]:
    import bench_variants

    return bench_variants.measure()


def _gpu() -> list[Row]:
    import bench_gpu
    import torch

    return list(bench_gpu.measure()) if torch.cuda.is_available() else skipped("no CUDA device", ["encoders on a GPU"])


NEED_DATA = {"windows": _windows, "genes": _genes, "outputs": _outputs, "precision": _precision}
NAMES = ("startup", "encoders", *NEED_DATA, "variants", "gpu")
QUICK = ("startup", "encoders")


def run(name: str, peers: Sequence[str], *, quick: bool = False) -> list[Row]:
    """Runs one measure in a fresh process, or reports why it cannot."""
    measure: Callable[[], list[Row]]
    if name == "startup":
        measure = functools.partial(_startup, quick)
    elif name == "encoders":
        measure = functools.partial(_encoders, peers, quick)
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
    parser.add_argument("--only", nargs="+", choices=NAMES, help="measures to run (default: all)")
    parser.add_argument(
        "--quick", action="store_true", help=f"a minute: {' and '.join(QUICK)}, fewer and smaller rounds"
    )
    parser.add_argument("--peers", nargs="+", choices=["multimolecule"], default=[], help="compare with these too")
    parser.add_argument("--write", action="store_true", help="replace the table in benchmarks/README.md")
    options = parser.parse_args()
    only = options.only or (QUICK if options.quick else NAMES)
    if options.write and (options.quick or set(only) != set(NAMES)):
        parser.error("--write replaces the whole table, so it needs every measure: leave out --only and --quick")

    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    began, load = time.time(), os.getloadavg()[0]
    sections = {name: run(name, options.peers, quick=options.quick) for name in NAMES if name in only}
    machine = describe_machine(time.gmtime(began), load)
    measured = f"{machine} The run took {time.time() - began:.0f} s.\n\n{markdown(sections)}"
    print(measured)
    if options.write:
        PAGE.write_text(replace_measured(PAGE.read_text(encoding="utf-8"), measured), encoding="utf-8")


if __name__ == "__main__":
    main()
