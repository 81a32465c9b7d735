"""Every architecture on the genes of hg38_wide with known promoters, the same five folds of chromosomes for all.

    python scripts/crossvalidation/wide/run.py --work work --out out --device cuda --plan kmers:0-9 xpresso:0-2

``--work`` holds what genes.py wrote. A run is one pass over the folds; its figures, those of 1,000 draws of genes and
its predictions of the median are a file of its own. A run whose file is there is not done again, nor a fold.
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

from texcnn.heads.xpresso import XpressoCNN

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2] / "texcnn_mini")]
from feeds import BasesFeed, Convolutions, Features, LiveFeed, LiveNetwork, VectorFeed  # noqa: E402
from figures import Draws  # noqa: E402
from genes import Genes  # noqa: E402
from lines import FEATURES, LINES, Line  # noqa: E402
from material import Material  # noqa: E402
from stack import Feed, Stack, as_products  # noqa: E402
from xpresso_stack import fit_best_starts  # noqa: E402

Show = Callable[[str], None]
SCREENING = 6
"""Epochs after which the best of several starts goes on."""


def run_vectors(material: Material, line: Line, runs: list[int], show: Show) -> dict[int, dict[int, np.ndarray]]:
    """All runs and folds of a line at once: predictions by run and fold."""
    folds = material.genes.folds()
    vectors, mask = material.vectors(line.encoders[0])
    values = material.features(FEATURES[line.features])
    parts = [part for _ in runs for part in folds]
    features = Features(values, parts, material.device)
    feed = VectorFeed(vectors, mask, features, parts, scaled=not line.encoders[0].startswith("words"))
    networks = []
    for run in runs:
        for fold in range(len(folds)):
            torch.manual_seed(1_000 * run + fold)
            made = line.make(vectors.shape[1], mask.shape[1], material.genes.labels.shape[1], features.n)
            networks.append(as_products(made))
    stack = Stack(networks, parts, material.genes.labels, feed, line.settings, 1_000 * runs[0])
    found = stack.fit(show=show)
    return {run: {fold: found[i * len(folds) + fold] for fold in range(len(folds))} for i, run in enumerate(runs)}


def run_one(material: Material, line: Line, run: int, fold: int, show: Show) -> np.ndarray:
    """One network of one fold."""
    genes, device = material.genes, material.device
    part = genes.folds()[fold]
    features = Features(material.features(FEATURES[line.features]), [part], device)
    torch.manual_seed(1_000 * run + fold)
    outputs = genes.labels.shape[1]
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
        feed = VectorFeed(vectors, mask, features, [part], scaled=False)
        network = line.make(vectors.shape[1], mask.shape[1], outputs, features.n)
    else:
        feed = BasesFeed(genes.codes, features)
        network = line.make(0, 0, outputs, features.n)
    stack = Stack([network], [part], genes.labels, feed, line.settings, 1_000 * run + fold)
    return stack.fit(show=show)[0]


def run_xpresso(material: Material, line: Line, runs: list[int], fold: int, show: Show) -> dict[int, np.ndarray]:
    """The best of several starts of each run, one fold."""
    genes = material.genes
    labels = genes.labels[:, :1] if line.median_only else genes.labels
    values = material.features(FEATURES[line.features])
    n_features = 0 if values is None else values.shape[1]

    def make(seed: int) -> XpressoCNN:
        torch.manual_seed(10 * seed + fold)
        network = line.make(0, 0, labels.shape[1], n_features)
        assert isinstance(network, XpressoCNN)
        return network

    found = fit_best_starts(
        make, runs, line.starts, genes.folds()[fold], labels, material.bins, values, line.settings, SCREENING,
        show=show,
    )  # fmt: skip
    return {run: found[i] for i, run in enumerate(runs)}


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
    parser.add_argument("--genes", type=int, help="Only so many, to try the script out.")
    parser.add_argument("--epochs", type=int, help="At most so many, to try the script out.")
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
    for line, runs in parse_plan(given.plan):
        if given.epochs:
            line = shortened(line, given.epochs)
        left = [run for run in runs if not results.done(line, run)]
        if left and time.time() < given.until:
            try:
                run_line(material, results, line, left, given.until)
            except RuntimeError as error:  # a line that a device cannot compute must not cost the others
                print(f"{line.key} failed: {error}", file=sys.stderr, flush=True)
                torch.cuda.empty_cache()


def run_line(material: Material, results: Results, line: Line, runs: list[int], until: float) -> None:
    """Does what is left of some runs of a line."""
    started = time.time()

    def show(text: str) -> None:
        print(f"# {line.key} {text}, {time.time() - started:.0f} s", flush=True)

    if line.kind == "vectors":
        found = run_vectors(material, line, runs, show)
        seconds = (time.time() - started) / len(runs) / results.n_folds
        for run, folds in found.items():
            for fold, predicted in folds.items():
                results.add(line, run, fold, predicted, seconds)
        return
    for fold in range(results.n_folds):
        if line.kind == "xpresso":
            left = [run for run in runs if not results.has(line, run, fold)]
            if left and time.time() < until:
                begun = time.time()
                for run, predicted in run_xpresso(material, line, left, fold, show).items():
                    results.add(line, run, fold, predicted, (time.time() - begun) / len(left))
            continue
    for run in runs if line.kind != "xpresso" else ():
        for fold in range(results.n_folds):
            if not results.has(line, run, fold) and time.time() < until:
                begun = time.time()
                results.add(line, run, fold, run_one(material, line, run, fold, show), time.time() - begun)


def shortened(line: Line, epochs: int) -> Line:
    """The same line with fewer epochs."""
    return replace(line, settings=replace(line.settings, epochs=epochs))


if __name__ == "__main__":
    main()
