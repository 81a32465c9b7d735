"""Medians of interleaved rounds, the rows they make, and the machine they were measured on."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from texcnn.files import atomic_file

_VERSIONS = ("texcnn", "torch", "transformers", "tokenizers", "pysam", "kipoiseq", "multimolecule")


@dataclass(frozen=True)
class Goal:
    """What a figure should be.

    Attributes:
        bound: The limit, which counts as reached.
        at_least: True where more is better.
    """

    bound: float
    at_least: bool = True

    def __str__(self) -> str:
        """The bound with its sign."""
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"

    def reached(self, value: float) -> bool:
        """Whether a figure is on the right side of the bound."""
        return value >= self.bound if self.at_least else value <= self.bound


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: What was measured.
        value: The median; None where it was not measured.
        unit: Of the median; the reason where there is none.
        goal: What issue and users want it to be, if anything.
    """

    what: str
    value: float | None
    unit: str
    goal: Goal | None = None


def time_rounds(functions: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Times each function once per round.

    All of a round run one after the other, so that a spell in which the machine is busy hits each of them and spares
    their ratios.

    Returns:
        Seconds of each round by the functions' names.
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def median_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """Median over the rounds of the ratio within a round.

    Raises:
        ValueError: when there are not as many of one as of the other, or none.
    """
    return statistics.median(above / below for above, below in zip(numerators, denominators, strict=True))


def significant(value: float) -> str:
    """Writes a figure with three significant digits, but every digit before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")


def describe_machine(now: time.struct_time, load: float) -> str:
    """Describes when and on what a table was measured, and the machine's other work at the start."""
    found = []
    for name in _VERSIONS:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    return (
        f"{time.strftime('%Y-%m-%d %H:%M', now)} UTC; {_cpu_model()}, {len(os.sched_getaffinity(0))} cores, "
        f"{_memory_gib():.0f} GiB memory, {platform.system()} {platform.machine()}; load average when it began "
        f"{load:.1f}; Python {platform.python_version()}, {', '.join(found)}."
    )


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def peak_memory_mib() -> float:
    """Peak resident memory of this process.

    Not ``ru_maxrss``, in which Linux keeps the peak of the parent process.
    """
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def skipped(reason: str, names: Iterable[str]) -> list[Row]:
    """Rows for what was not measured, with the reason."""
    return [Row(name, None, reason) for name in names]


def as_text(rows: Sequence[Row]) -> str:
    """Lays rows out in columns for a terminal."""
    width = max(len(row.what) for row in rows)
    values = ["-" if row.value is None else significant(row.value) for row in rows]
    longest = max(map(len, values))
    return "\n".join(
        f"{row.what:<{width}}  {value:>{longest}}  {row.unit}".rstrip() for row, value in zip(rows, values, strict=True)
    )


def write_tsv(path: Path, rows: Sequence[Row]) -> None:
    """Writes rows as ``measure value unit``, every digit of the value kept."""
    lines = [f"{row.what}\t{'' if row.value is None else row.value}\t{row.unit}\n" for row in rows]
    with atomic_file(path) as temporary:
        temporary.write_text("".join(["measure\tvalue\tunit\n", *lines]), encoding="utf-8")
