"""The pipeline on whole genomes next to the command line: wall time, peak memory, rows, and whether the numbers agree.

    scripts/whole_genomes/measure.py yeast --work DIR [--rounds 3] [--write docs/whole-genomes.md]
    scripts/whole_genomes/measure.py hg38 --work DIR [--rounds 1] [--write docs/whole-genomes.md]
    scripts/whole_genomes/measure.py heavy --work DIR         150 yeast genes and a random encoder of DNABERT-2's width
    scripts/whole_genomes/measure.py shards --work DIR        yeast in 1, 7 and 64 shards: the same bits?
    scripts/whole_genomes/measure.py scheduler --work DIR     a stub run of 64 shards x 20 samples

Data is read from $TEXCNN_DATA. A round runs the command line, then the pipeline, on the machine as it is: ratios are of
the same round. Next to a wall time is the processor time, which other processes move less, and the cores they used.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pandas as pd
from heavy_model import save_heavy_model
from variants_of import write_variants

PROJECT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TEXCNN_DATA", PROJECT.parent / "shared" / "data"))
NEXTFLOW = [str(PROJECT / "scripts" / "nextflow.sh")]
TEXCNN = [sys.executable, "-m", "texcnn"]


@dataclass(frozen=True)
class Case:
    """A genome, its genes and variants."""

    name: str
    fasta: Path
    gtf: Path
    model: str
    vcf: Path | None
    features: Path | None = None
    samples: str | None = None
    genes: Path | None = None


@dataclass(frozen=True)
class Done:
    """How long a command took, processor time with all that ran under it, and the most memory of one process."""

    seconds: float
    processor: float
    gigabytes: float


def run(command: Sequence[object], folder: Path) -> Done:
    """Runs a command; its output goes to ``log``."""
    folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with (folder / "log").open("a") as log:
        process = subprocess.Popen([str(part) for part in command], cwd=folder, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[0]} failed: see {folder / 'log'}")
    return Done(time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20)


def busy_seconds() -> tuple[float, float]:
    """Processor time since boot of all processes of the machine (Linux), and of what this process has waited for."""
    user, nice, system = (int(ticks) for ticks in Path("/proc/stat").read_text().split()[1:4])
    mine = os.times()
    return (user + nice + system) / os.sysconf("SC_CLK_TCK"), sum(mine[:4])


def yeast(work: Path) -> Case:
    """Texcnn-yeast with its codon features, and the variants between BY and RM."""
    folder, features = DATA / "yeast", work / "codons.tsv"
    fasta, gtf = folder / "R64-1-1.fa.gz", folder / "R64-1-1.81.gtf.gz"
    if not features.is_file():
        run([*TEXCNN, "features", "codons", "--fasta", fasta, "--gtf", gtf, "--out", features], work)
    vcf = DATA / "variants" / "yeast_by_rm.vcf.gz"
    return Case("yeast", fasta, gtf, "texcnn-yeast", vcf, features, "BY,RM")


def hg38(work: Path) -> Case:
    """Texcnn-mini with half-life features, and 5,000 variants drawn where bases are known."""
    folder, vcf = DATA / "human", work / "variants.vcf"
    if not vcf.is_file():
        write_variants(folder / "hg38_wide.fa.gz", folder / "hg38_wide.bed", vcf, count=5000, seed=0)
    return Case("hg38_wide", folder / "hg38_wide.fa.gz", folder / "hg38_refseq.gtf.gz", "texcnn-mini", vcf)


def heavy(work: Path) -> Case:
    """A model whose encoder takes nearly all the time."""
    folder, genes = DATA / "yeast", work / "genes-150.txt"
    if not genes.is_file():
        save_heavy_model(work / "heavy")
        ids = re.findall(r'gene_id "([^"]+)"', gzip.decompress((folder / "R64-1-1.81.gtf.gz").read_bytes()).decode())
        genes.write_text("\n".join(list(dict.fromkeys(ids))[:150]) + "\n")
    fasta, gtf = folder / "R64-1-1.fa.gz", folder / "R64-1-1.81.gtf.gz"
    return Case("heavy", fasta, gtf, str(work / "heavy"), None, genes=genes)


def command_line(case: Case, folder: Path) -> dict[str, Done]:
    """Predictions, effects and haplotypes, a command each."""
    shutil.rmtree(folder, ignore_errors=True)
    extra = [] if case.features is None else ["--features", case.features]
    extra += [] if case.genes is None else ["--genes", case.genes]
    files = ["--fasta", case.fasta, "--gtf", case.gtf, "--model", case.model, "--quiet", *extra]
    done = {"predictions": run([*TEXCNN, "predict", *files, "--out", "predictions.parquet"], folder)}
    if case.vcf is None:
        return done
    variants = [*TEXCNN, "variants", "--vcf", case.vcf, *files]
    # fmt: off
    done["effects"] = run([*variants, "--out", "effects.tsv.gz", "--summary", "effects.summary.tsv.gz",
                           "--annotate", "effects.vcf.gz"], folder)
    # fmt: on
    if case.samples:
        phased = ["--phased", "--samples", case.samples]
        done["haplotypes"] = run([*variants, *phased, "--out", "haplotypes.tsv.gz"], folder)
    return done


def pipeline(case: Case, folder: Path, *more: object, variants: bool) -> Done:
    """One run of real Nextflow from nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    arguments: list[object] = ["--fasta", case.fasta, "--gtf", case.gtf, "--models", case.model, *more]
    arguments += [] if case.features is None else ["--features", case.features]
    arguments += [] if case.genes is None else ["--genes", case.genes]
    arguments += ["--vcf", case.vcf] if variants and case.vcf is not None else []
    arguments += ["--samples", case.samples] if variants and case.samples else []
    return run([*NEXTFLOW, "run", PROJECT / "main.nf", "-ansi-log", "false", *arguments, "--outdir", "results"], folder)


def trace(folder: Path) -> pd.DataFrame:
    """The tasks of a run."""
    (path,) = (folder / "results" / "pipeline_info").glob("trace_*.txt")
    return pd.read_csv(path, sep="\t")


def peak_task(folder: Path) -> float:
    """The most memory of a task, in GB."""
    units = {"KB": 2**-20, "MB": 2**-10, "GB": 1.0}
    sizes = [text.split() for text in trace(folder)["peak_rss"] if text != "-" and " " in text]
    return max(float(size) * units[unit] for size, unit in sizes)


def largest_difference(one: pd.DataFrame, other: pd.DataFrame, what: str) -> str:
    """Over all columns of numbers, quantiles apart; everything else has to be equal."""
    if list(one.columns) != list(other.columns) or len(one) != len(other):
        sys.exit(f"{what}: {one.shape} and {other.shape}, or other columns")
    numbers = [name for name in one if one[name].dtype.kind == "f"]
    rest = [name for name in one if name not in numbers]
    pd.testing.assert_frame_equal(one[rest], other[rest], check_dtype=False)
    if not (one[numbers].isna() == other[numbers].isna()).all(axis=None):
        sys.exit(f"{what}: unknown values differ")
    found = (one[numbers] - other[numbers]).abs().max()
    ranks = f", of quantiles {found.pop('quantile'):.1g}" if "quantile" in found else ""
    return f"{found.max():.1g}{ranks}"


def compare(case: Case, line: Path, flow: Path) -> list[str]:
    """Rows and numbers of both, as lines of a list."""
    results = flow / "results"
    mine = pd.read_parquet(line / "predictions.parquet")
    theirs = pd.read_parquet(results / "predictions" / "predictions.parquet")
    skipped = [
        len(pd.read_csv(path, sep="\t"))
        for path in (line / "predictions.parquet.skipped.tsv", results / "predictions" / "predictions.skipped.tsv")
    ]
    (counted,) = (results / "pipeline_info").glob("results_*.tsv")
    genes = int(pd.read_csv(counted, sep="\t")["genes"].iloc[0])
    if not len(mine) + skipped[0] == len(theirs) + skipped[1] == genes:
        sys.exit("rows in are not rows out and skipped")
    lines = [
        f"{genes:,} genes in = {len(theirs):,} rows + {skipped[1]:,} skipped; "
        f"largest difference {largest_difference(theirs, mine, 'predictions')}"
    ]
    if case.vcf is None:
        return lines
    for name in ("effects", "haplotypes") if case.samples else ("effects",):
        theirs, mine = (
            pd.read_csv(place / f"{name}.tsv.gz", sep="\t", low_memory=False) for place in (results / "variants", line)
        )
        lines.append(f"{name}: {len(theirs):,} rows; largest difference {largest_difference(theirs, mine, name)}")
    alleles = sum(
        len(alts.split(",")) for alts in pd.read_csv(case.vcf, sep="\t", comment="#", header=None, usecols=[4])[4]
    )
    effects = pd.read_csv(results / "variants" / "effects.tsv.gz", sep="\t", usecols=["chrom", "pos", "ref", "alt"])
    left_out = pd.read_csv(results / "variants" / "effects.tsv.gz.skipped.tsv", sep="\t")
    scored = len(effects.drop_duplicates())
    lines.append(f"{alleles:,} alleles in = {scored:,} scored + {len(left_out):,} skipped")
    if scored + len(left_out) != alleles:
        lines[-1] += " (DIFFERENT)"
    return lines


def measure(case: Case, work: Path, rounds: int) -> str:
    """Rounds of both, and what came of them, as Markdown."""
    ratios, all_ratios, rows = [], [], []
    for number in range(rounds):
        line = command_line(case, work / "line")
        plain = pipeline(case, work / "plain", variants=False)
        full = plain if case.vcf is None else pipeline(case, work / "full", variants=True)
        wall, processor = (sum(getattr(done, name) for done in line.values()) for name in ("seconds", "processor"))
        ratios.append(plain.seconds / line["predictions"].seconds)
        all_ratios.append(full.seconds / wall)
        rows.append(
            f"| {number + 1} | {line['predictions'].seconds:.1f} ({line['predictions'].processor:.1f}) "
            f"| {plain.seconds:.1f} ({plain.processor:.1f}) | {ratios[-1]:.2f} | {wall:.1f} ({processor:.1f}) "
            f"| {full.seconds:.1f} ({full.processor:.1f}) | {all_ratios[-1]:.2f} |"
        )
    head = (
        "Wall time, and processor time in brackets.\n\n"
        "| round | predict, s | pipeline, s | ratio | with variants, s | pipeline, s | ratio |\n"
        "|---|---|---|---|---|---|---|\n"
    )
    last = work / ("plain" if case.vcf is None else "full")
    memory = (
        f"Peak memory: command line {max(done.gigabytes for done in line.values()):.2f} GB; largest task of the "
        f"pipeline {peak_task(last):.2f} GB; Nextflow itself and its largest process {full.gigabytes:.2f} GB."
    )
    tasks = f"{len(trace(work / 'plain'))} tasks without variants, {len(trace(last))} with."
    checks = "\n".join(f"- {text}" for text in compare(case, work / "line", last))
    medians = f"Median ratio {statistics.median(ratios):.2f}, with variants {statistics.median(all_ratios):.2f}."
    return f"{head}{chr(10).join(rows)}\n\n{medians} {tasks} {memory}\n\n{checks}\n"


def shards(work: Path) -> str:
    """Yeast in other numbers of shards; a model that keeps vectors, and one that does not."""
    case, lines, first = yeast(work), [], None
    genes = 7126
    for count in (1, 7, 64):
        pipeline(case, work / f"shards-{count}", "--shard_size", -(-genes // count), variants=False)
        table = pd.read_parquet(work / f"shards-{count}" / "results" / "predictions" / "predictions.parquet")
        made = (trace(work / f"shards-{count}")["name"].str.contains("PREDICT_DIRECT")).sum()
        first = table if first is None else first
        lines.append(
            f"- {made} shards: {len(table):,} rows, largest difference {largest_difference(table, first, 'shards')}"
        )
    return "\n".join(lines) + "\n"


def scheduler(work: Path) -> str:
    """What Nextflow itself costs per task: stubs of 64 shards x 20 samples."""
    demo, folder = PROJECT / "assets" / "demo", work / "scheduler"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "stub.config").write_text(
        "process { withName: WINDOWS { ext.stub_shards = 64 } }\n"
        "executor { cpus = 64; memory = '512 GB'; queueSize = 8 }\n"
    )
    sheet = ["sample,fasta,gtf,genes"]
    for number in range(20):  # other genes: other windows
        (folder / f"genes-{number}.txt").write_text(f"DEMOG{number + 1:08}\n")
        sheet.append(f"s{number},{demo}/genome.fa.gz,{demo}/genes.gtf,{folder}/genes-{number}.txt")
    (folder / "sheet.csv").write_text("\n".join(sheet) + "\n")
    # fmt: off
    done = run([*NEXTFLOW, "run", PROJECT / "main.nf", "-stub", "-ansi-log", "false", "-c", "stub.config", "--input",
                "sheet.csv", "--outdir", "results"], folder)
    # fmt: on
    tasks = trace(folder)
    seconds = done.seconds / len(tasks)
    each = done.processor / len(tasks)
    return (
        f"{len(tasks):,} tasks that do nothing (20 samples x 64 shards) took {done.seconds:.0f} s: "
        f"{seconds * 1000:.0f} ms a task. Processor time {done.processor:.0f} s, {each * 1000:.0f} ms a task, "
        f"its bash included; Nextflow held {done.gigabytes:.2f} GB.\n"
    )


def main() -> None:
    """Runs one case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=("yeast", "hg38", "heavy", "shards", "scheduler"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--genes", type=Path, help="Only these genes, for a try.")
    parser.add_argument("--write", type=Path, help="Replace this case's part of a page, between its two marks.")
    asked = parser.parse_args()
    work = asked.work.absolute() / asked.case
    work.mkdir(parents=True, exist_ok=True)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    busy_before, began = busy_seconds(), time.monotonic()
    if asked.case in ("yeast", "hg38", "heavy"):
        case = {"yeast": yeast, "hg38": hg38, "heavy": heavy}[asked.case](work)
        case = case if asked.genes is None else replace(case, genes=asked.genes.absolute())
        text = measure(case, work, asked.rounds)
    else:
        text = {"shards": shards, "scheduler": scheduler}[asked.case](work)
    machine, mine = (now - then for now, then in zip(busy_seconds(), busy_before, strict=True))
    others = max(machine - mine, 0) / (time.monotonic() - began)
    load = f"load {os.getloadavg()[2]:.1f} over the last 15 minutes; other processes used {others:.2f} cores"
    text = f"Measured {date.today()}, {os.cpu_count()} cores, {load}.\n\n{text}"
    print(text)
    if asked.write:
        page = asked.write.read_text(encoding="utf-8")
        start, end = f"<!-- {asked.case} -->\n", f"<!-- end of {asked.case} -->"
        before, _, rest = page.partition(start)
        asked.write.write_text(before + start + text + end + rest.partition(end)[2], encoding="utf-8")


if __name__ == "__main__":
    main()
