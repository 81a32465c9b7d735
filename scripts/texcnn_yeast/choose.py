"""Stage 5: how good each head is on genes of the validation chromosomes, and which together are best.

Reads what models that were trained without these chromosomes predict for them; ``validation.tsv`` (committed) has the
figures: squared Pearson correlations of the median over conditions and of the mean over them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from pack import WORK
from train import figures
from yeast_genome import load_yeast_pack

TABLE = Path(__file__).with_name("validation.tsv")


def main() -> None:
    """Writes ``validation.tsv``."""
    pack = load_yeast_pack(WORK / "yeast.npz")
    held = pack["split"] == 1
    true, coding = pack["labels"][held].astype(np.float64), ~np.isnan(pack["codons"][held, 0])
    found: dict[str, list[np.ndarray]] = {}
    for path in sorted((WORK / "models").glob("heads.*.npz")):
        with np.load(path) as file:
            found.setdefault(path.name.split(".")[1], []).append(file["found"].astype(np.float64))
    means = {name: np.mean(runs, axis=0) for name, runs in found.items()}

    def row(what: str, seeds: int, alone: np.ndarray, given: np.ndarray) -> dict[str, object]:
        parts = {"all genes": figures(alone, true), "CDS": figures(alone[coding], true[coding])}
        parts["CDS, codons"] = figures(given[coding], true[coding])
        values = {f"{part}, {name}": value for part, both in parts.items() for name, value in both.items()}
        return {"what": what, "seeds": seeds, **{name: round(value, 4) for name, value in values.items()}}

    def error(names: list[str]) -> float:
        mean = sum(means[name] for name in names) / len(names)
        return float(np.nanmean((mean - true) ** 2))

    table = [row(name, 1, *run) for name, runs in found.items() for run in runs]
    table += [row(name, len(found[name]), *mean) for name, mean in means.items()]
    chosen: list[str] = []
    while len(chosen) < len(means):
        best = min(means, key=lambda name: error([*chosen, name]))
        if chosen and error([*chosen, best]) >= error(chosen):
            break
        chosen.append(best)
        table.append(row(" + ".join(chosen), 0, *(sum(means[name] for name in chosen) / len(chosen))))
    frame = pd.DataFrame(table)
    frame.to_csv(TABLE, sep="\t", index=False)
    print(frame.to_string(index=False))


if __name__ == "__main__":
    main()
