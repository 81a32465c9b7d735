"""``texcnn embed`` killed with SIGKILL at random moments: the store is the same, and nothing is done twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from tiny import save_tiny_dnabert2

pytestmark = pytest.mark.slow

KILLS = 20
CHUNKS = 12
GENES = 64 * CHUNKS - 10

# The moments: a chunk as its vectors, its mask or its progress is being written, the making of the store, or any
# other time. Files are watched, since they take too short a time to be met by chance alone.
PHASES = ("values", "mask", "n_fraction", "progress", "computing")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A genome of random bases with neighbours that share segments, so that a chunk depends on the one before."""
    folder = tmp_path_factory.mktemp("inputs")
    bases = "".join(np.random.default_rng(0).choice(list("ACGT"), size=4 * GENES + 100))
    (folder / "genome.fa").write_text(f">chr1\n{bases}\n")
    rows = (f"chr1\t{40 + 4 * place}\t{41 + 4 * place}\tg{place}\t0\t+\n" for place in range(GENES))
    (folder / "genes.bed").write_text("".join(rows))
    save_tiny_dnabert2(folder / "model")
    return folder


def command(inputs: Path, out: Path) -> list[str]:
    # fmt: off
    return [sys.executable, "-m", "texcnn", "embed", "--fasta", str(inputs / "genome.fa"),
            "--bed", str(inputs / "genes.bed"), "--model", str(inputs / "model"), "--grid-segments", "--device", "cpu",
            "--store-dtype", "bfloat16", "--batch-size", "8", "--quiet", "--out", str(out)]
    # fmt: on


def files(store: Path) -> dict[str, bytes]:
    return {str(path.relative_to(store)): path.read_bytes() for path in sorted(store.rglob("*")) if path.is_file()}


@dataclass
class Chain:
    """Starts and kills until the store is finished."""

    inputs: Path
    out: Path
    seed: int
    kills: int = 0
    phases: list[str] = field(default_factory=list)

    def chunks(self) -> dict[str, int]:
        return {
            str(path.relative_to(self.out)): path.stat().st_mtime_ns
            for path in self.out.glob("arrays.zarr/*/c/**/*")
            if path.is_file() and path.suffix != ".partial"
        }

    def done(self) -> int:
        progress = self.out / "progress.json"
        return int("".join(filter(str.isdigit, progress.read_text()))) if progress.is_file() else 0

    def run(self, wanted: int) -> None:
        """Kills ``wanted`` times, then lets the last start finish; finished chunks keep their time of writing."""
        chance = random.Random(self.seed)
        while True:
            before = {name: time for name, time in self.chunks().items() if self.number(name) < self.done()}
            kill = self.kills < wanted
            process = subprocess.Popen(
                command(self.inputs, self.out), stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"}
            )
            if kill and self.wait(process, chance):
                process.send_signal(signal.SIGKILL)
                self.kills += 1
            stderr = process.communicate()[1].decode()
            after = self.chunks()
            assert before == {name: after[name] for name in before}, "a finished chunk was written again"
            if process.returncode != -signal.SIGKILL:
                assert process.returncode == 0, stderr
                return

    @staticmethod
    def number(name: str) -> int:
        return int(name.split("/c/")[1].split("/")[0])

    def wait(self, process: subprocess.Popen[bytes], chance: random.Random) -> bool:
        """Waits for a random moment; False when the process ended before it."""
        phase = PHASES[(self.kills + self.seed) % len(PHASES)] if self.kills else "start"
        self.phases.append(phase)
        # Not too far ahead, so that one store takes several kills.
        target = min(self.done() + chance.randrange(2), CHUNKS - 1)
        start = self.out.parent
        while process.poll() is None:
            if phase == "start":
                if any(start.glob(".texcnn-*")) or self.out.is_dir():
                    time.sleep(chance.random() * 0.03)
                    return True
            elif phase == "computing":
                if self.done() > target:
                    time.sleep(chance.random() * 0.1)
                    return True
            elif phase == "progress":
                if any(self.out.glob(".texcnn-*")) or self.done() > target:
                    return True
            elif any((self.out / "arrays.zarr" / phase / "c").glob(f"{target}*")):
                return True  # its folder, its unfinished file or itself
            time.sleep(0.0005)
        return False


def test_twenty_kills_give_the_same_store(inputs: Path, tmp_path: Path) -> None:
    subprocess.run(command(inputs, tmp_path / "whole"), check=True)
    expected = files(tmp_path / "whole")
    assert sum(name.startswith("arrays.zarr/values/c/") for name in expected) == CHUNKS
    kills, phases = 0, []
    seed = 0
    while kills < KILLS:
        (tmp_path / f"{seed}").mkdir()
        chain = Chain(inputs, tmp_path / f"{seed}" / "store", seed)
        chain.run(min(7, KILLS - kills))
        kills += chain.kills
        phases += chain.phases
        seed += 1
        assert files(chain.out) == expected
        assert [path.name for path in chain.out.parent.iterdir()] == ["store"], "what was left next to it is gone"
    print(f"{kills} kills over {seed} stores while: {', '.join(phases)}")
    assert {*PHASES, "start"} == set(phases)
