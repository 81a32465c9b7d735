#!/usr/bin/env python
"""Follows the README and every how-to page, command by command, as a reader would.

    python scripts/follow_docs.py               # in a new folder; prints what ran, what was shortened and why
    python scripts/follow_docs.py docs/predict.md

The files that the pages name (genome.fa, genes.gtf, calls.vcf.gz, ...) are made from the demo genome. A command that
fails, or a line that this script does not know how to follow, ends it with status 1.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "scripts"))

from followed_files import write_files  # noqa: E402  the path has to be set first

ELSEWHERE = {
    r"^nextflow run main.nf .*(hg38|slurm|docker)": "needs a whole genome, a cluster or a container: tests/pipeline",
    r"^nextflow run main.nf ": "tests/pipeline runs it",
    r"^texcnn .*(--device cuda|--encoder dnabert2)": "needs a GPU, or weights from the Hub: tests/gpu, tests/training",
    r"^python scripts/protocol.py \S+ ": "tests/protocol runs the steps",
    r"^(pip|git|make|docker|\.venv/bin/pre-commit) ": "sets a machine up: CI does it",
    r"^(vep|bcftools) ": "another program",
    r"^kipoi env create TExCNN$": "needs conda",
}
"""Lines that are not run here, and why."""

SHORTER = {
    r"^texcnn pretrain ": "--steps 2 --segments-per-step 4 --layers 1 --hidden-size 16 --heads 2",
    r"^texcnn pretrain (?!.*dnabert )": "--vocab-size 100",
    r"^texcnn train ": "--epochs 2 --split random --valid-fraction 0.2 --test-fraction 0.5",
    r"^texcnn evaluate ": "--bootstrap 20",
    r"^texcnn .*--threads": "--threads 1",
}
"""Options that make a command quicker; every one that fits is added."""

REPLACED = {
    " ... ": " --fasta genome.fa --gtf genes.gtf ",
    "chr17:7674220:G>A": "chr17:92673:A>C",
    "chrX:139530000-139531000": "chr17:92650-92700",
    "--gene F9 --cell-type LIV.HEPG2.CNCR": "--gene F9 --cell-type LIV.HEPG2.CNCR --method ablation",
    "BUNDLE": "my-model",
    "kipoi env": "texcnn kipoi register 2> register.log; kipoi env",
    "kipoi predict": "texcnn kipoi register 2> register.log; kipoi predict",
}
"""Parts of commands that only a whole genome has, or that a reader fills in."""


@dataclass(frozen=True)
class Step:
    """One command of a page: what is written, what is run (empty: not here), and why it differs."""

    page: str
    written: str
    run: str
    note: str = ""


def followed_pages() -> list[Path]:
    """Returns the README, the quick start, every how-to page of the navigation, and two more pages with commands."""
    navigation = yaml.load((PROJECT / "mkdocs.yml").read_text(encoding="utf-8"), yaml.BaseLoader)["nav"]
    entries = {title: page for entry in navigation for title, page in entry.items()}
    how_to = [page for entry in entries["How to"] for page in entry.values()]
    return [
        PROJECT / "README.md",
        *(PROJECT / "docs" / name for name in (entries["Quick start"], *how_to, "models.md", "reference/python.md")),
    ]


def steps_of(page: Path) -> Iterator[Step]:
    """Returns a page's commands: lines of code blocks, continued ones joined, and blocks of Python as a whole."""
    name = page.relative_to(PROJECT).as_posix()
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
        if language == "python":
            yield Step(name, "python: " + block.strip().splitlines()[-1], block)
        elif language in ("", "bash"):
            for line in re.sub(r"\s*\\\n\s*", " ", block).splitlines():
                written = re.split(r"\s+#\s", line)[0].strip()
                if written and looks_like_a_command(written):
                    yield plan(name, written)


def looks_like_a_command(line: str) -> bool:
    """Tells commands from the tables and trees that code blocks also hold."""
    known = "texcnn|python|nextflow|kipoi|pip|git|make|docker|vep|bcftools|eval|echo"
    return bool(re.match(rf"(\w+=\S+ )?({known}|\.venv/bin/\S+)( |$)", line))


def plan(page: str, written: str) -> Step:
    """Decides how a command is followed."""
    for pattern, reason in ELSEWHERE.items():
        if re.search(pattern, written):
            return Step(page, written, "", reason)
    shell = re.search(r"_TEXCNN_COMPLETE=\w+ texcnn", written)
    if shell:
        return Step(page, written, f"{shell[0]} > completion && grep texcnn completion", "what the shell would read")
    run = written
    for part, other in REPLACED.items():
        run = run.replace(part, other)
    added = " ".join(options for pattern, options in SHORTER.items() if re.search(pattern, written))
    return Step(page, written, f"{run} {added}".strip(), added)


def follow(step: Step) -> tuple[bool, str]:
    """Runs a step in the current folder; returns whether it went well, and what it printed."""
    if step.written.startswith("python: "):
        return in_this_process(lambda: exec(compile(step.run, step.page, "exec"), {"__name__": step.page}))
    words = shlex.split(step.run) if step.written.startswith(("texcnn ", "kipoi ")) else []
    for flag in ("--out", "-o"):  # a reader who starts has no results yet
        if flag in words:
            made = Path(words[words.index(flag) + 1])
            for path in (made, *Path().glob(f"{made}.*")):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    if step.written.startswith("texcnn "):
        from texcnn.cli.main import main

        return in_this_process(lambda: main(words[1:]))
    command = step.run.replace("python scripts/", f"python {PROJECT}/scripts/").replace(
        " protocol/", f" {PROJECT}/protocol/"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def in_this_process(call: object) -> tuple[bool, str]:
    """Calls something that may leave with an exit status: Python and PyTorch start once for all commands."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            call()  # type: ignore[operator]
        except SystemExit as leaving:
            return not leaving.code, output.getvalue()
        except Exception as error:
            return False, f"{output.getvalue()}{type(error).__name__}: {error}"
    return True, output.getvalue()


def main(pages: list[Path]) -> int:
    """Follows pages in a new folder; returns the exit status."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        write_files(Path(), PROJECT)
        os.environ["HOME"] = str(Path("home").absolute())  # Kipoi's settings are not the reader's
        # The texcnn of this interpreter first.
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        Path("home").mkdir()
        for page in pages:
            for step in steps_of(page):
                if not step.run:
                    print(f"not here  {step.page}: {step.written} ({step.note})", flush=True)
                    continue
                start = time.monotonic()
                passed, output = follow(step)
                failed += not passed
                note = f" (shorter: {step.note})" if step.note else ""
                took = time.monotonic() - start
                print(f"{'ran' if passed else 'FAILED':<7}{took:4.1f} s  {step.page}: {step.written}{note}")
                if not passed:
                    print(output[-2000:])
                sys.stdout.flush()
    print(f"{failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main([Path(name).resolve() for name in sys.argv[1:]] or followed_pages()))
