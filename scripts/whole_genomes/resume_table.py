"""What -resume runs again after each change, as a table: real Nextflow with -stub, whose probe is real.

    scripts/whole_genomes/resume_table.py --work DIR [--project FOLDER]

Another project folder, such as a worktree of an earlier commit, gives the column of that commit. The package that tasks
run is the one in the copy of the project that the script edits.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HERE / "tests"))

from tiny import save_tiny_dnabert2  # noqa: E402  the tests' smallest model

PARTS = (
    "main.nf",
    "nextflow.config",
    "nextflow_schema.json",
    "modules",
    "subworkflows",
    "workflows",
    "conf",
    "bin",
    "assets",
    "texcnn",
)
UNCOUNTED = "\nexecutor {\n    cpus = 64\n    memory = '512 GB'\n    queueSize = 2\n}\n"


class Trial:
    """A copy of a project, a model, and runs with -resume."""

    def __init__(self, project: Path, work: Path) -> None:
        shutil.rmtree(work, ignore_errors=True)
        self.work, self.copy, self.number = work, work / "pipeline", 0
        self.copy.mkdir(parents=True)
        for name in PARTS:
            if (project / name).exists():
                copy = shutil.copytree if (project / name).is_dir() else shutil.copy2
                copy(project / name, self.copy / name)
        with (self.copy / "nextflow.config").open("a") as config:
            config.write(UNCOUNTED)
        demo = self.copy / "assets" / "demo"
        for name in ("genome.fa.gz", "genome.fa.gz.fai", "genome.fa.gz.gzi", "genes.gtf", "truth.tsv"):
            shutil.copy2(demo / name, work / name)
        self.model = save_tiny_dnabert2(work / "tiny")
        self.sheet = work / "sheet.csv"
        self.sheet.write_text("sample\nliver\n")

    def run(self, *changed: str) -> list[str]:
        """Runs everything; returns the tasks that were not cached. A later value replaces an earlier one."""
        self.number += 1
        given = {"input": self.sheet.name, "fasta": "genome.fa.gz", "gtf": "genes.gtf", "truth": "truth.tsv",
                 "models": str(self.model), "shard_size": "25", "outdir": f"results-{self.number}"}  # fmt: skip
        given |= dict(part.split("=", 1) for part in changed)
        command = [
            str(HERE / "scripts" / "nextflow.sh"),
            "run",
            str(self.copy / "main.nf"),
            "-stub",
            "-resume",
            "-ansi-log",
            "false",
        ]
        for name, value in given.items():
            command += [f"--{name}", value] if value else []
        environment = {**os.environ, "PYTHONPATH": str(self.copy), "NXF_OFFLINE": "true"}
        done = subprocess.run(command, cwd=self.work, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        latest = max((self.work / given["outdir"]).rglob("*trace*.txt"), key=lambda path: path.stat().st_mtime_ns)
        trace = pd.read_csv(latest, sep="\t")
        names = trace.loc[trace["status"] == "COMPLETED", "name"].str.extract(r"(\w+)(?: \(|$)", expand=False)
        return sorted(set(names) - {"PROBE"})

    def edit(self, file: str, text: str) -> None:
        """Appends to a file of the copy."""
        with (self.copy / file).open("a") as source:
            source.write(text)

    def new_weights(self, prefix: str) -> None:
        """Other numbers in the tensors of that prefix."""
        from safetensors.numpy import load_file, save_file

        from texcnn.files import sha256_file

        path = self.model / "model.safetensors"
        weights = load_file(path)
        save_file({name: value + 0.5 * name.startswith(prefix) for name, value in weights.items()}, path)
        config = json.loads((self.model / "config.json").read_text())
        config["sha256"]["model.safetensors"] = sha256_file(path)
        (self.model / "config.json").write_text(json.dumps(config))

    def move_project(self) -> None:
        """Another folder of the same content."""
        self.copy = self.copy.rename(self.copy.with_name("moved"))

    def move_model(self) -> None:
        """Another folder, and other words in the card, whose sum the config then has."""
        from texcnn.files import sha256_file

        (self.work / "elsewhere").mkdir()
        self.model = self.model.rename(self.work / "elsewhere" / "tiny")
        card, described = self.model / "README.md", self.model / "config.json"
        before = sha256_file(card)
        card.write_text("# another card\n")
        described.write_text(described.read_text().replace(before, sha256_file(card)))

    def rename_sample(self) -> None:
        """Another name in the samplesheet."""
        self.sheet.write_text("sample\nbrain\n")

    def one_gene_more(self) -> None:
        """A gene at another place."""
        row = [line for line in (self.work / "genes.gtf").read_text().splitlines() if 'DEMOG00000001"' in line]
        with (self.work / "genes.gtf").open("a") as gtf:
            gtf.write("".join(line.replace("DEMOG00000001", "DEMOG99999999") + "\n" for line in row))


def steps(trial: Trial, settings: set[str]) -> list[tuple[str, Callable[[], None], list[str]]]:
    """Each change: what it is called, what is done, which parameters are given from then on."""

    def engine() -> str:
        return next(
            f"texcnn/embedding/{name}.py"
            for name in ("engine", "embed")
            if (trial.copy / f"texcnn/embedding/{name}.py").is_file()
        )

    report = (
        "texcnn/report/report.py" if (trial.copy / "texcnn/report/report.py").is_file() else "texcnn/report/write.py"
    )
    (trial.work / "features.tsv").write_text("gene_id\nDEMOG00000001\n")
    return [
        ("nothing", lambda: None, []),
        ("`--outdir`", lambda: None, ["outdir=elsewhere-results"]),
        ("`--batch_size`", lambda: None, ["batch_size=7"]),
        (
            "`--gpus`, with the same `--dtype`",
            lambda: None,
            ["gpus=2", *(["dtype=float32"] if "dtype" in settings else [])],
        ),
        ("the project's folder moved", trial.move_project, []),
        ("a comment in a module", lambda: trial.edit("modules/local/merge/main.nf", "// a comment\n"), []),
        ("a comment in report code", lambda: trial.edit(report, "# a comment\n"), []),
        ("an editor's file in the package", lambda: trial.edit("texcnn/.engine.py.swp", "x"), []),
        ("an edit of report code", lambda: trial.edit(report, "EDITED = True\n"), []),
        ("an edit of embedding code", lambda: trial.edit(engine(), "EDITED = True\n"), []),
        ("weights of the head", lambda: trial.new_weights("head."), []),
        ("weights of an encoder", lambda: trial.new_weights("encoders."), []),
        ("the model's folder moved, its card edited", trial.move_model, []),
        ("the sample renamed", trial.rename_sample, []),
        ("one gene more", trial.one_gene_more, []),
        ("`--dtype`", lambda: None, ["dtype=bfloat16"] if "dtype" in settings else ["skip=1"]),
        ("`--features`", lambda: None, ["features=features.tsv"]),
        ("`--truth`", lambda: None, ["truth="]),
    ]


def main() -> None:
    """Makes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--project", type=Path, default=HERE)
    asked = parser.parse_args()
    trial = Trial(asked.project.absolute(), asked.work.absolute())
    settings = set(re.findall(r"^    (\w+) +=", (trial.copy / "nextflow.config").read_text(), re.MULTILINE))
    print("first:", ", ".join(trial.run()), flush=True)
    for name, change, parameters in steps(trial, settings):
        if parameters == ["skip=1"]:
            print(f"| {name} | no such parameter |", flush=True)
            continue
        change()
        print(f"| {name} | {', '.join(trial.run(*parameters)) or 'nothing'} |", flush=True)


if __name__ == "__main__":
    main()
