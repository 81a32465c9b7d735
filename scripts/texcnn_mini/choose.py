"""Stage 5: how good each recipe is on genes of the validation chromosomes, and which together are best.

Reads what members that were trained without these chromosomes predict for them. A recipe is the mean of its seeds. The
search adds the recipe that helps most, again and again, each as often as it helps. To the mean of the bundled kinds
then comes what ``dragonn.py`` adds, more and more of it, and what ``deviations.py`` makes of it. ``validation.tsv``
(committed) has the figures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import deviations
import dragonn
import numpy as np
import pandas as pd
from data import WORK
from genome import load_pack
from train import PER_DEVIATION, judge

TABLE = Path(__file__).with_name("validation.tsv")
MOST_ADDED = 12
BUNDLED = (("m1", "m9"), ("xf",), ("k4", "k4f", "k4v"), ("k5s",), ("k6sn",))
"""The kinds of networks that are bundled, each with the recipes that are of it."""
EFFECTS = (0.0, 0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)


class Labels:
    """The part of the packed file that figures need."""

    def __init__(self) -> None:
        self.pack = load_pack(WORK / "pack.npz")
        labels = self.pack["labels"][self.pack["gene_split"] == 0]
        self.mean, self.scale = labels.mean(0), labels.std(0)


def predictions(labels: Labels) -> tuple[dict[str, list[np.ndarray]], np.ndarray]:
    """Returns each recipe's predictions, a seed at a time, without and with lengths ``(2, n, 58)``, and the genes."""
    found: dict[str, list[np.ndarray]] = {}
    rows = np.zeros(0)
    for path in sorted((WORK / "members").glob("*.npz")):
        with np.load(path) as file:
            rows = file["rows"]
            scaled = file["found"].astype(np.float32) / PER_DEVIATION
        found.setdefault(path.name.split(".")[0], []).append(scaled * labels.scale + labels.mean)
    return found, rows


def greedy(found: Mapping[str, np.ndarray], true: np.ndarray, most: int = MOST_ADDED) -> list[str]:
    """Adds recipes while the mean squared error over outputs, without and with lengths, falls."""

    def error(names: list[str]) -> float:
        mean = np.mean([found[name] for name in names], axis=0)
        return float(((mean - true) ** 2).mean() + ((mean[:, :, 0] - true[:, 0]) ** 2).mean())

    chosen: list[str] = []
    while len(chosen) < most:
        best = min(found, key=lambda name: error([*chosen, name]))
        if chosen and error([*chosen, best]) >= error(chosen):
            break
        chosen.append(best)
    return chosen


def mixes(labels: Labels, kinds: Mapping[str, np.ndarray], rows: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yields predictions ``(2, n, 58)`` with more and more of what follows single bases, then as they are bundled."""
    path = WORK / "members" / "dragonn.1.safetensors"
    if not path.exists():
        return
    added, mean = dragonn.added(path, labels.pack, rows), np.mean(list(kinds.values()), axis=0)
    for effect in EFFECTS:
        yield f"bundled kinds + {effect:g} x reporter", mean + added * effect / dragonn.EFFECT
    changed = [deviations.scaled(each, labels.mean, deviations.factor_of(name)) for name, each in kinds.items()]
    what = f"bundled kinds + {dragonn.EFFECT:g} x reporter, differences between cell types weighed"
    yield what, np.mean(changed, axis=0) + added


def main() -> None:
    """Writes ``validation.tsv``."""
    labels = Labels()
    seeds, rows = predictions(labels)
    true = labels.pack["labels"][rows]
    found = {name: np.mean(each, axis=0) for name, each in seeds.items()}
    table: list[dict[str, object]] = [
        {"what": name, "seeds": len(seeds[name]), **judge(mean[0], mean[1], rows, labels.pack)}
        for name, mean in found.items()
    ]
    chosen: list[str] = []
    for name in greedy(found, true):
        chosen.append(name)
        mean = np.mean([found[other] for other in chosen], axis=0)
        table.append({"what": " + ".join(chosen), "seeds": 0, **judge(mean[0], mean[1], rows, labels.pack)})
    kinds = {
        names[0]: np.mean([found[name] for name in names if name in found], axis=0)
        for names in BUNDLED
        if set(names) & set(found)
    }
    table += [
        {"what": what, "seeds": 0, **judge(each[0], each[1], rows, labels.pack)}
        for what, each in mixes(labels, kinds, rows)
    ]
    frame = pd.DataFrame(table)
    frame.to_csv(TABLE, sep="\t", index=False)
    print(frame.to_string(index=False))
    print(json.dumps({name: chosen.count(name) / len(chosen) for name in dict.fromkeys(chosen)}))


if __name__ == "__main__":
    main()
