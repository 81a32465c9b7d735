"""Every architecture on the same chromosome-grouped folds.

    python scripts/crossvalidation/run.py --data ../shared/data --dataset human --work cv --minutes 40

A run is one pass over all five folds. Each fold's predictions are kept in a file, so that an interrupted run
continues where it stopped; table.py makes the page of them. On a CPU, networks that read every base are twice as fast
where the allocator keeps their memory: MALLOC_MMAP_THRESHOLD_=8589934592 MALLOC_TRIM_THRESHOLD_=17179869184.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from dataset import FEW, MEDIAN, Dataset
from entries import MODELS, Entry, Feeder
from folds import FOLDS

from texcnn.evaluation.baselines import GC_CPG, predict_baselines, sequence_inputs
from texcnn.features.spec import scale_features
from texcnn.files import atomic_file
from texcnn.training.architectures import find_architecture
from texcnn.training.examples import Examples, SegmentVectors, fit_features
from texcnn.training.fit import Fit, fit_head, predict_rows
from texcnn.training.runs import is_constant


def run_fold(
    dataset: Dataset,
    feeder: Feeder,
    entry: Entry,
    run: int,
    fold: int,
    features: tuple[np.ndarray, list[str]] | None,
    device: torch.device,
) -> dict[str, np.ndarray]:
    """Fits one network and predicts the genes of one fold: ``rows`` and ``predicted (n, n_cell_types)``."""
    parts = [np.array(rows) for rows in dataset.folds()[fold]]
    if features is not None:
        complete = ~np.isnan(features[0]).any(axis=1)
        parts = [rows[complete[rows]] for rows in parts]
    train, valid, test = (rows.tolist() for rows in parts)
    if not entry.architecture:
        frame = pd.DataFrame(dataset.labels.numpy(), index=dataset.ids, columns=dataset.cell_types)
        of_bases = sequence_inputs(iter(dataset.windows)) if entry.name == GC_CPG else {}
        if entry.name == GC_CPG:
            # One output: boosting is fitted to each alone, and 58 of them would take an hour.
            frame, of_bases = frame[[MEDIAN]], {GC_CPG: of_bases[GC_CPG]}
        baselines = predict_baselines(frame.iloc[train + valid], [dataset.ids[row] for row in test], of_bases)
        predicted = baselines[entry.name].reindex(columns=dataset.cell_types).to_numpy()
        return {"rows": np.array(test), "predicted": predicted}
    inputs = feeder.inputs(entry, fold, dataset.folds()[fold][0])
    scaled, n_features = None, 0
    if features is not None:
        values = np.nan_to_num(features[0])
        scaled = scale_features(values, fit_features(values[train], features[1]))
        n_features = len(features[1])
    if isinstance(inputs, SegmentVectors):
        _, n_segments, dim = inputs.embeddings.values.shape
        sizes = {"dim": dim, "n_segments": n_segments}
    else:
        sizes = {"length": dataset.window.length}
    outputs = [dataset.cell_types.index(MEDIAN)] if entry.median_only else list(range(len(dataset.cell_types)))
    sizes |= {"n_cell_types": len(outputs), "n_features": n_features}
    names = tuple(dataset.cell_types[column] for column in outputs)
    examples = Examples(inputs, scaled, dataset.labels[:, outputs], names)
    seed = 1_000 * run + fold
    with TemporaryDirectory() as folder:
        fit_start = partial(_fit, entry, sizes, examples, (train, valid), device, Path(folder))
        seeds = [100_000 * start + seed for start in range(entry.starts)]
        fit = best_start(fit_start, seeds, examples, valid, device) if entry.starts > 1 else fit_start(seed)
    made = [
        predict_rows(fit.head, examples, part.tolist(), device=device)
        for part in np.array_split(np.array(test), -(-len(test) // 64))
    ]
    predicted = np.full((len(test), len(dataset.cell_types)), np.nan, np.float32)
    predicted[:, outputs] = torch.cat(made).numpy()
    return {"rows": np.array(test), "predicted": predicted, "epochs": np.array(len(fit.history))}


def best_start(
    fit: Callable[..., Fit], seeds: list[int], examples: Examples, valid: list[int], device: torch.device
) -> Fit:
    """Begins a network from each seed and finishes the most promising one.

    One that predicts a single value for every gene after two epochs is given up; of the others the one with the
    smallest loss after eight is trained to the end.
    """
    begun = {seed: fit(seed, epochs=2) for seed in seeds}
    found = {seed: predict_rows(one.head, examples, valid, device=device) for seed, one in begun.items()}
    alive = [seed for seed in seeds if not is_constant(found[seed])]
    further = {seed: fit(seed, epochs=8) for seed in alive} or begun
    return fit(min(further, key=lambda seed: further[seed].best.valid_loss))


def _fit(
    entry: Entry,
    sizes: dict[str, int],
    examples: Examples,
    parts: tuple[list[int], list[int]],
    device: torch.device,
    folder: Path,
    seed: int,
    **given: int,
) -> Fit:
    """Fits one network; a call with more epochs continues the one before."""
    architecture = find_architecture(entry.architecture)
    torch.manual_seed(seed)
    head = architecture.make_head(sizes, {})
    if architecture.solve is not None:
        return architecture.solve(head, examples, *parts)
    settings = {**entry.fit, **(entry.few if len(parts[0]) < FEW else {}), **given}
    return fit_head(
        head,
        examples,
        *parts,
        replace(architecture.fit, seed=seed, **settings),
        device=device,
        checkpoint=folder / f"{seed}.safetensors" if entry.starts > 1 else None,
    )


def run_all(dataset: Dataset, work: Path, minutes: float, keys: list[str], runs: int, device: torch.device) -> None:
    """Runs what is not done yet, the first run of every entry before the second, until the time is over."""
    end = time.monotonic() + 60 * minutes
    folder = work / dataset.name
    folder.mkdir(parents=True, exist_ok=True)
    feeder = Feeder(dataset, folder)
    np.savez(folder / "truth.npz", labels=dataset.labels.numpy(), ids=dataset.ids, cell_types=dataset.cell_types)
    entries = [entry for entry in MODELS if not keys or entry.key in keys]
    features = {entry.key: dataset.features(entry.features) for entry in entries if entry.features}
    for run in range(runs):
        for entry in entries:
            for fold in range(FOLDS):
                path = folder / f"{entry.key}-{run}-{fold}.npz"
                if run >= entry.runs or path.exists():
                    continue
                if time.monotonic() > end:
                    print("time is over")
                    return
                start = time.monotonic()
                made = run_fold(dataset, feeder, entry, run, fold, features.get(entry.key), device)
                with atomic_file(path) as temporary, temporary.open("wb") as handle:
                    np.savez(handle, **{**made, "seconds": np.array(time.monotonic() - start)})  # type: ignore[arg-type]
                print(dataset.name, entry.key, run, fold, f"{time.monotonic() - start:.1f} s", flush=True)


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="Folder of the real data.")
    parser.add_argument("--work", type=Path, required=True, help="Folder of finished folds.")
    parser.add_argument("--dataset", choices=["human", "yeast"], default="human")
    parser.add_argument("--minutes", type=float, default=60, help="No new fold is started after these.")
    keys = [entry.key for entry in MODELS]
    parser.add_argument("--model", action="append", default=[], choices=keys, help="Only this line; repeatable.")
    parser.add_argument("--runs", type=int, default=10, help="How many, of a line with chance in it.")
    parser.add_argument("--device", type=torch.device, default="cpu", help="Where to compute.")
    given = parser.parse_args()
    torch.set_num_threads(1)
    run_all(Dataset(given.dataset, given.data), given.work, given.minutes, given.model, given.runs, given.device)


if __name__ == "__main__":
    main()
