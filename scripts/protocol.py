"""Runs steps of a protocol file: python scripts/protocol.py protocol/protocol.toml [--set NAME=VALUE] [STEP ...].

Without a step it lists them with their commands. A step whose output is there already is not run again.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from texcnn.errors import unknown_name
from texcnn.files import atomic_file
from texcnn.tables.expression import read_expression


def steps(protocol: dict[str, Any], settings: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Returns every step by name, its settings filled in, in an order in which each finds what it needs."""
    found = {name: _fill(step, settings) for name, step in protocol["steps"].items()}
    models = protocol["models"]
    for window in models["window"]:
        for label, given in models["label"].items():
            for features, extra in models["features"].items():
                values = {**settings, **_fill(given, settings), "window": window, "label": label, "features": features}
                found[f"{label}-{window}-{features}"] = _fill({"texcnn": models["texcnn"] + extra}, values)
    for peer in protocol["peers"]["names"]:
        found[f"peer-{peer}"] = _fill({"texcnn": protocol["peers"]["texcnn"]}, {**settings, "peer": peer})
    return found


def run_step(step: dict[str, Any]) -> None:
    """Runs one step, unless what it makes is there.

    Raises:
        subprocess.CalledProcessError: when a texcnn command fails.
    """
    out = output(step)
    if out.exists():
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    if "texcnn" in step:
        subprocess.run([sys.executable, "-m", "texcnn", *step["texcnn"]], check=True)
    elif "join" in step:
        tables = [pd.read_csv(path, sep="\t", dtype={"gene_id": str}) for path in step["join"]["tables"]]
        joined = tables[0]
        for table in tables[1:]:
            # A gene that one table lacks has no complete features: texcnn train lists it as skipped.
            joined = joined.merge(table, on="gene_id", how="outer", validate="one_to_one")
        _write(joined.set_index("gene_id"), out)
    else:
        table = read_expression(Path(step["median"]["table"]))
        kept = table.drop(columns=[name for name in step["median"]["without"] if name in table])
        _write(np.log10(kept.median(axis=1) + 0.1).to_frame("median"), out)


def output(step: dict[str, Any]) -> Path:
    """Returns the file or folder that a step makes."""
    if "texcnn" in step:
        return Path(step["texcnn"][step["texcnn"].index("--out") + 1])
    (made,) = step.values()
    return Path(made["out"])


def _write(frame: pd.DataFrame, path: Path) -> None:
    with atomic_file(path) as temporary:
        frame.to_csv(temporary, sep="\t", index_label="gene_id")


def _fill(value: Any, settings: dict[str, str]) -> Any:
    """Puts settings in the place of their {names}."""
    if isinstance(value, str):
        return value.format_map(settings)
    if isinstance(value, list):
        return [_fill(entry, settings) for entry in value]
    return {name: _fill(entry, settings) for name, entry in value.items()}


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("protocol", type=Path)
    parser.add_argument("step", nargs="*", help="Steps to run, in this order; 'all' for every one.")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="Replace a setting.")
    given = parser.parse_intermixed_args()
    protocol = tomllib.loads(given.protocol.read_text(encoding="utf-8"))
    settings = dict(protocol["set"])
    for pair in given.set:
        name, _, value = pair.partition("=")
        if name not in settings:
            sys.exit(str(unknown_name("setting", name, settings, where="--set")))
        settings[name] = value
    known = steps(protocol, settings)
    for name in [*known] if given.step == ["all"] else given.step:
        if name not in known:
            sys.exit(str(unknown_name("step", name, known, where=given.protocol)))
        run_step(known[name])
    if not given.step:
        for name, step in known.items():
            words = ["texcnn", *step["texcnn"]] if "texcnn" in step else [str(step)]
            print(f"{name}\n    {shlex.join(words)}")


if __name__ == "__main__":
    main()
