"""Runs the parts of the GPU kit one after the other within a bound of time, and writes one table; see gpu.sh.

Each part runs in a new process and hands over each row when it has it: an error or a lack of time costs the rest
of that part alone.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from page import markdown

from texcnn.bench.rounds import Row, as_text, describe_machine, skipped, write_tsv

PROJECT = Path(__file__).resolve().parents[1]
TESTS = PROJECT / "tests" / "gpu"


def _genes(device: str, out: Path) -> Iterator[Row]:
    import bench_gpu

    yield from bench_gpu.measure_genes(device)


def _small(device: str, out: Path) -> Iterator[Row]:
    import gpu_small

    yield from gpu_small.measure(device)


def _kmers(device: str, out: Path) -> Iterator[Row]:
    import bench_gpu

    yield from bench_gpu.measure_kmer_genes(device)


def _speed(device: str, out: Path) -> Iterator[Row]:
    import bench_gpu

    yield from bench_gpu.measure(device)


def _variants(device: str, out: Path) -> Iterator[Row]:
    import gpu_variants

    yield from gpu_variants.measure(device, out)


def _kernel(device: str, out: Path) -> Iterator[Row]:
    yield _tests(device, out / "kernel.txt", "one_attention_kernel or vectors_correlate")


def _checks(device: str, out: Path) -> Iterator[Row]:
    yield _tests(device, out / "checks.txt", "test")


def _tests(device: str, log: Path, chosen: str) -> Row:
    """The tests of a GPU whose names match, in a new process."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=5", "-k", chosen]
    command += ["--confcutdir", str(TESTS), str(TESTS)]
    environment = {**os.environ, "TEXCNN_GPU_CHECKS": device}
    done = subprocess.run(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    log.write_text(done.stdout, encoding="utf-8")
    print(done.stdout[-3000:])
    last = done.stdout.strip().splitlines()[-1]
    return Row(f"tests/gpu: {last}", float(done.returncode == 0), "passed")


PARTS: dict[str, tuple[Callable[[str, Path], Iterator[Row]], float]] = {
    "kernel": (_kernel, 10),
    "speed": (_speed, 15),
    "texcnn-mini": (_small, 15),
    "genes": (_genes, 20),
    "checks": (_checks, 30),
    "variants": (_variants, 25),
    "k-mers": (_kmers, 15),
}
"""Each part, and the seconds without which it is not begun. What no card has run yet is first."""


def run(name: str, device: str, out: Path, seconds: float) -> list[Row]:
    """Runs one part in a fresh process; an error or the end of the time becomes a row after those that it found."""
    part, needed = PARTS[name]
    if seconds < needed:
        return skipped("the time was used up", [name])
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_rows, args=(part, device, out, sender))
    process.start()
    sender.close()  # so that the end of the process ends the pipe
    ends = time.monotonic() + seconds
    rows: list[Row] = []
    try:
        while receiver.poll(max(0.0, ends - time.monotonic())):
            rows.append(receiver.recv())
            print(f"  {as_text(rows[-1:])}", flush=True)
        rows += skipped("the time was used up", [f"rest of {name}"])
    except EOFError:  # the part is done
        pass
    process.kill()
    process.join()
    return rows


def _send_rows(part: Callable[[str, Path], Iterator[Row]], device: str, out: Path, sender: Connection) -> None:
    try:
        for row in part(device, out):
            sender.send(row)
    except Exception as error:  # the other parts must still run
        reason = " ".join(str(error).split())[:300]
        sender.send(Row("the rest", None, f"{type(error).__name__}: {reason}"))
        raise


def main() -> None:
    """Runs the chosen parts, prints the table and writes it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"], help="(default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=200, help="all parts are ended by then (default: %(default)s)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to run (default: all)")
    parser.add_argument("--out", type=Path, required=True, help="folder for what is written")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    began, load = time.time(), os.getloadavg()[0]
    sections: dict[str, list[Row]] = {}
    for name in options.only:
        before = time.time()
        sections[name] = run(name, options.device, options.out, options.seconds - (before - began))
        print(f"{name}: {time.time() - before:.0f} s", flush=True)
        text = f"{describe_machine(time.gmtime(began), load)}\n\n{markdown(sections)}\n"
        (options.out / "gpu.md").write_text(text, encoding="utf-8")
        write_tsv(options.out / "gpu.tsv", [row for rows in sections.values() for row in rows])
    print(f"The run took {time.time() - began:.0f} s.")


if __name__ == "__main__":
    main()
