"""Every architecture on the genes of hg38_wide with known promoters, the same five folds of chromosomes for all.

    python scripts/crossvalidation/wide/run.py --work work --out out --device cuda --plan kmers:0-9 xpresso:0-2

``--work`` holds what genes.py wrote. A run is one pass over the folds; its figures, those of 1,000 draws of genes and
its predictions of the median are another file. A run whose file is there is not done again, nor a fold.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from texcnn.heads.textcnn import TextCNN
from texcnn.heads.xpresso import XpressoCNN

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2] / "texcnn_mini")]
from failures import AGAIN, Failures  # noqa: E402
from feeds import BasesFeed, Convolutions, Features, LiveFeed, LiveNetwork, VectorFeed  # noqa: E402
from figures import Draws  # noqa: E402
from genes import Genes  # noqa: E402
from lines import FEATURES, LINES, Line  # noqa: E402
from material import Material  # noqa: E402
from stack import Feed, Stack, as_products, clock_of, for_one_on_a_cpu  # noqa: E402
from xpresso_stack import fit_best_starts  # noqa: E402

Show = Callable[[str], None]
Job = tuple[int, int]
"""A run and a fold."""
Keep = Callable[[Job, np.ndarray], None]
XPRESSO_AT_ONCE, VECTORS_AT_ONCE = 10, 50
"""Networks that are finished at once; Xpresso begins ten times as many, which take some 20 GB."""
MOST_FAILURES = 3
"""A line that failed once is tried without recorded steps, then one network at a time, then not at all."""


def run_vectors(material: Material, line: Line, jobs: list[Job], recorded: bool, show: Show, keep: Keep) -> None:
    """All networks of a line at once."""
    folds = material.genes.folds()
    vectors, mask = material.vectors(line.encoders[0])
    parts = [folds[fold] for _, fold in jobs]
    features = Features(material.features(FEATURES[line.features]), parts, material.device)
    feed = VectorFeed(vectors, mask, features, parts, scaled=not line.encoders[0].startswith("words"))
    networks = []
    for run, fold in jobs:
        torch.manual_seed(1_000 * run + fold)
        made = line.make(vectors.shape[1], mask.shape[1], material.genes.labels.shape[1], features.n)
        networks.append(as_products(made))
    seed = 1_000 * jobs[0][0]
    stack = Stack(networks, parts, material.genes.labels, feed, line.settings, seed, recorded=recorded)
    stack.fit(show=show, keep=lambda place, found: keep(jobs[place], found))


def run_one(material: Material, line: Line, run: int, fold: int, recorded: bool, show: Show) -> np.ndarray:
    """One network of one fold."""
    genes, device = material.genes, material.device
    part = genes.folds()[fold]
    features = Features(material.features(FEATURES[line.features]), [part], device)
    torch.manual_seed(1_000 * run + fold)
    outputs = genes.labels.shape[1]
    torch.backends.cudnn.benchmark = line.kind == "bases"  # every batch has the same shape
    feed: Feed
    network: nn.Module
    if line.kind == "live":
        frozen = material.vectors("kmers")[0] if "kmers" in line.encoders else None
        encoder = Convolutions(material.segments)
        feed = LiveFeed(
            material.mask, range(material.mask.shape[1]), [encoder], np.zeros(len(material.segments)), frozen,
            features, part[0],
        )  # fmt: skip
        dim = 0 if frozen is None else frozen.shape[1]
        network = LiveNetwork(
            [encoder], [None], lambda dim: line.make(dim, material.mask.shape[1], outputs, features.n), dim
        )
    elif line.encoders:
        vectors, mask = material.vectors(line.encoders[0])
        feed = VectorFeed(vectors, mask, features, [part], scaled=not line.encoders[0].startswith("words"))
        network = line.make(vectors.shape[1], mask.shape[1], outputs, features.n)
    else:
        feed = BasesFeed(genes.codes, features)
        network = line.make(0, 0, outputs, features.n)
    recorded = recorded and line.kind != "live"
    network = for_one_on_a_cpu(network, device)
    stack = Stack([network], [part], genes.labels, feed, line.settings, 1_000 * run + fold, recorded=recorded)
    return stack.fit(show=show)[0]


def run_xpresso(material: Material, line: Line, jobs: list[Job], show: Show, keep: Keep) -> None:
    """The best of several starts of each run and fold, all at once."""
    genes, folds = material.genes, material.genes.folds()
    labels = genes.labels[:, :1] if line.median_only else genes.labels
    values = material.features(FEATURES[line.features])
    n_features = 0 if values is None else values.shape[1]

    def make(place: int, start: int) -> XpressoCNN:
        run, fold = jobs[place]
        torch.manual_seed(10 * (1_000 * run + start) + fold)
        network = line.make(0, 0, labels.shape[1], n_features)
        assert isinstance(network, XpressoCNN)
        return network

    fit_best_starts(
        make, line.starts, [folds[fold] for _, fold in jobs], labels, material.bins, values, line.settings,
        line.screening, show=show, keep=lambda place, found: keep(jobs[place], found),
    )  # fmt: skip


class Results:
    """Folds that are done, and the figures of complete runs.

    Args:
        genes: The genes.
        out: Where figures go.
        scratch: Where the predictions of single folds are kept.
    """

    def __init__(self, genes: Genes, out: Path, scratch: Path) -> None:
        self.genes, self.out, self.scratch = genes, out, scratch
        self.n_folds = len(genes.folds())
        self.draws: Draws | None = None

    def done(self, line: Line, run: int) -> bool:
        """Whether a run is complete."""
        return (self.out / f"{line.key}-{run}.npz").exists()

    def has(self, line: Line, run: int, fold: int) -> bool:
        """Whether a fold of it is."""
        return (self.scratch / f"{line.key}-{run}-{fold}.npy").exists()

    def add(self, line: Line, run: int, fold: int, predicted: np.ndarray, seconds: float) -> None:
        """Keeps a fold's predictions; with the last one come the run's figures."""
        path = self.scratch / f"{line.key}-{run}-{fold}.npy"
        with path.with_suffix(".part").open("wb") as handle:
            np.save(handle, predicted.astype(np.float32))
        path.with_suffix(".part").rename(path)
        (path.with_suffix(".seconds")).write_text(str(seconds))
        if not all(self.has(line, run, fold) for fold in range(self.n_folds)):
            return
        true = self.genes.labels
        whole = np.full(tuple(true.shape), np.nan, np.float32)
        seconds = 0.0
        for fold, (_, _, test) in enumerate(self.genes.folds()):
            found = np.load(self.scratch / f"{line.key}-{run}-{fold}.npy")
            whole[test, : found.shape[1]] = found
            seconds += float((self.scratch / f"{line.key}-{run}-{fold}.seconds").read_text())
        self.draws = self.draws or Draws(len(true), true.device)
        figures = self.draws.figures(torch.from_numpy(whole).to(true.device), true)
        path = self.out / f"{line.key}-{run}.npz"
        with path.with_suffix(".part").open("wb") as handle:
            kept = {**figures, "median": whole[:, 0].astype(np.float16), "seconds": np.array(seconds)}
            np.savez(handle, **kept)  # type: ignore[arg-type]
        path.with_suffix(".part").rename(path)
        shown = {name: round(float(values[0]), 4) for name, values in figures.items()}
        print(json.dumps({"line": line.key, "run": run, "seconds": round(seconds, 1), **shown}), flush=True)


def parse_plan(plan: list[str]) -> list[tuple[Line, list[int]]]:
    """Turns ``kmers:0-9`` into a line and its runs."""
    made = []
    for text in plan:
        key, _, runs = text.partition(":")
        first, _, last = (runs or "0").partition("-")
        made.append((LINES[key], list(range(int(first), int(last or first) + 1))))
    return made


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="Folder of finished runs.")
    parser.add_argument("--scratch", type=Path, help="Folder of finished folds; below --out if not given.")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--plan", nargs="+", required=True, help="Lines and runs in order: KEY:FIRST-LAST.")
    parser.add_argument(
        "--until", type=float, default=float("inf"), help="Time of the clock after which no fold begins."
    )
    parser.add_argument("--folds", type=int, nargs="+", help="Only these, where others do the rest.")
    parser.add_argument("--genes", type=int, help="Number of genes, to try the script out.")
    parser.add_argument("--epochs", type=int, help="Most epochs, to try the script out.")
    parser.add_argument("--starts", type=int, help="Networks of Xpresso that are begun.")
    parser.add_argument("--screening", type=int, help="Epochs of each of them.")
    given = parser.parse_args()
    given.scratch = given.scratch or given.out / "folds"
    for folder in (given.out, given.scratch):
        folder.mkdir(parents=True, exist_ok=True)
    device = torch.device(given.device)
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        torch.backends.cuda.enable_cudnn_sdp(False)  # it has no plan for some lengths of a row
    material = Material("human", given.work, device, given.genes)
    results = Results(material.genes, given.out, given.scratch)
    folds = given.folds or list(range(results.n_folds))
    failures = Failures(given.scratch)
    recorded = device.type == "cuda" and not failures.count("replays")
    if recorded:
        try:
            recorded = replays(device)
        except Exception as error:
            print(f"recorded steps failed: {error}", file=sys.stderr, flush=True)
            failures.add("replays")
            sys.exit(AGAIN)
        print(f"# recorded steps: {recorded}", flush=True)
    for line, runs in parse_plan(given.plan):
        line = shortened(line, given.epochs, given.starts, given.screening)
        left = [run for run in runs if not results.done(line, run)]
        failed = failures.count(line.key)
        if left and failed < MOST_FAILURES and time.time() < given.until:
            try:
                jobs = [(run, fold) for run in left for fold in folds if not results.has(line, run, fold)]
                stacked = device.type == "cuda" and failed < 2
                run_jobs(material, results, line, jobs, recorded and not failed, stacked, given.until)
            except Exception as error:  # a line that a device cannot compute must not cost the others
                print(f"{line.key} failed: {error}", file=sys.stderr, flush=True)
                failures.add(line.key)
                sys.exit(AGAIN)


def run_jobs(
    material: Material, results: Results, line: Line, jobs: list[Job], recorded: bool, stacked: bool, until: float
) -> None:
    """Does runs and folds of a line: by recorded steps if asked, and many networks at once if asked and they can.

    One network after the other is faster on a CPU.
    """
    clock = clock_of(material.device)
    started = clock()
    sizes = {"xpresso": XPRESSO_AT_ONCE, "vectors": VECTORS_AT_ONCE if stacked else 1}

    def show(text: str) -> None:
        print(f"# {line.key} {text}, {clock() - started:.0f} s", flush=True)

    size = sizes.get(line.kind, 1)
    for first in range(0, len(jobs), size):
        some, begun = jobs[first : first + size], clock()

        def keep(job: Job, predicted: np.ndarray, begun: float = begun, together: int = len(some)) -> None:
            results.add(line, *job, predicted, (clock() - begun) / together)

        if time.time() > until:
            return
        if line.kind == "xpresso":
            run_xpresso(material, line, some, show, keep)
        elif len(some) > 1:
            run_vectors(material, line, some, recorded, show, keep)
        else:
            keep(some[0], run_one(material, line, *some[0], recorded, show))


def replays(device: torch.device) -> bool:
    """Whether recorded steps move weights as other steps do, tried on networks without chance in them."""
    generator = torch.Generator().manual_seed(0)
    vectors, labels = torch.randn(240, 8, generator=generator), torch.randn(80, 2, generator=generator)
    mask = torch.ones(80, 3, dtype=torch.bool, device=device)
    parts = [(np.arange(first, first + 48), np.arange(8), np.arange(8)) for first in (8, 32)]
    settings = replace(LINES["deeplncloc"].settings, batch=8)
    moved = []
    for recorded in (False, True):
        features = Features(None, parts, device)
        feed = VectorFeed(vectors.to(device), mask, features, parts)
        networks = []
        for seed in range(2):
            torch.manual_seed(seed)
            networks.append(as_products(TextCNN(8, 2, n_segments=3, kernel_widths=(1, 3), filters=8, dropout=0.0)))
        stack = Stack(networks, parts, labels.to(device), feed, settings, 0, recorded=recorded)
        begun = torch.cat([value.detach().flatten() for value in stack.params.values()]).clone()
        for _ in range(3):
            stack.train_epoch()
        moved.append(torch.cat([value.detach().flatten() for value in stack.params.values()]) - begun)
    return bool(((moved[0] - moved[1]).abs().mean() < 0.1 * moved[0].abs().mean()).item())


def shortened(line: Line, epochs: int | None, starts: int | None, screening: int | None) -> Line:
    """The same line with fewer epochs, starts and epochs of each start, where a number is given."""
    return replace(
        line,
        settings=replace(line.settings, epochs=epochs or line.settings.epochs),
        starts=starts or line.starts,
        screening=screening or line.screening,
    )


if __name__ == "__main__":
    main()
