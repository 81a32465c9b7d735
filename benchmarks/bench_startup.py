"""How long commands take before the work begins: one gene, no genes at all, and the annotation of a whole genome."""

from __future__ import annotations

import functools
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from memory import DATA

from texcnn.bench.model import random_windows
from texcnn.bench.rounds import Goal, Row, median_ratio, skipped, time_rounds
from texcnn.genome.gtf import read_gtf

ROUNDS = 5
HUMAN_GTF = DATA / "human" / "hg38_refseq.gtf.gz"
PREDICT_SECONDS, GTF_SECONDS = 2.5, 2.0


def measure(*, quick: bool = False) -> list[Row]:
    """Starts commands in fresh processes, in interleaved rounds; then reads the human annotation.

    Args:
        quick: Whether three rounds are enough.
    """
    rounds = 3 if quick else ROUNDS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        genome = _write_gene(folder)
        commands = {
            "texcnn predict, one gene": ["-m", "texcnn", "predict", *genome, "--out", f"{folder}/out.tsv"],
            "texcnn windows, one gene": ["-m", "texcnn", "windows", *genome, "--out", f"{folder}/windows.tsv"],
            "texcnn models list": ["-m", "texcnn", "models", "list"],
            "texcnn --help": ["-m", "texcnn", "--help"],
            "import torch": ["-c", "import torch"],
        }
        commands["texcnn predict, one gene"] += ["--overwrite", "--device", "cpu"]
        commands["texcnn windows, one gene"].append("--overwrite")
        seconds = time_rounds({what: functools.partial(_start, end) for what, end in commands.items()}, rounds)
    goals = {"texcnn predict, one gene": Goal(PREDICT_SECONDS, at_least=False)}
    rows = [Row(what, statistics.median(times), "s", goals.get(what)) for what, times in seconds.items()]
    ratio = median_ratio(seconds["texcnn predict, one gene"], seconds["import torch"])
    rows.append(Row("texcnn predict, one gene / import torch", ratio, "x"))
    what = "GTF of 27,642 human loci"
    return [*rows, *(_gtf_rows(what, rounds) if HUMAN_GTF.is_file() else skipped("no human annotation", [what]))]


def _write_gene(folder: Path) -> list[str]:
    """Writes a genome with one gene; returns the options that name it."""
    fasta, gtf = folder / "genome.fa", folder / "genes.gtf"
    fasta.write_text(f">chr1\n{random_windows(1, 40_000)[0]}\n", encoding="utf-8")
    row = 'chr1\tmade-up\t{}\t20001\t22000\t.\t+\t.\tgene_id "G1"; transcript_id "T1";\n'
    gtf.write_text("".join(row.format(feature) for feature in ("transcript", "exon")), encoding="utf-8")
    return ["--fasta", str(fasta), "--gtf", str(gtf)]


def _start(arguments: list[str]) -> None:
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _gtf_rows(what: str, rounds: int) -> list[Row]:
    seconds, processor = [], []
    for _ in range(rounds):
        start, used = time.perf_counter(), time.process_time()
        read_gtf(HUMAN_GTF)
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    return [
        Row(what, statistics.median(seconds), "s", Goal(GTF_SECONDS, at_least=False)),
        Row(f"{what}, processor time", statistics.median(processor), "s"),
    ]
