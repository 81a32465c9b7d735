"""Variants per second: the engine against two whole windows a variant, from files to tables, and haplotypes."""

from __future__ import annotations

import gzip
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from bench_encoders import SEGMENT, WINDOW, dnabert2
from memory import DATA, FASTA, GTF

import texcnn
from texcnn.bench.model import random_windows
from texcnn.bench.rounds import Goal, Row, median_ratio, skipped, time_rounds
from texcnn.effects.changes import ChangedWindow
from texcnn.effects.haplotypes import HaplotypeCounts
from texcnn.effects.outputs import EffectCounts
from texcnn.effects.score import EffectEngine, open_engine
from texcnn.embedding.cache import SegmentCache
from texcnn.genome.windows import WindowSpec
from texcnn.heads.spec import HeadSpec
from texcnn.heads.textcnn import TextCNN
from texcnn.model.bundle import BundleConfig
from texcnn.model.model import Model
from texcnn.model.network import SegmentNetwork, open_session
from texcnn.segments.segment import SegmentSpec

VCF = DATA / "variants" / "yeast_by_rm.vcf.gz"
LARGE_VARIANTS, MINI_VARIANTS, MINI_GENES, ISM_BASES = 100, 3_000, 20, 2_000
ROUNDS = 3
SAMPLES, GENES = 100, 500


def measure() -> list[Row]:
    """The engine on made-up windows, then yeast's variants from file to table, then haplotypes."""
    mini = texcnn.load_model("texcnn-mini")
    rows = [*_against_whole_windows(), *_many_genes(mini), *_saturation(mini)]
    if not VCF.is_file():
        return rows + skipped("no yeast variants: set TEXCNN_DATA", ["files to tables", "haplotypes"])
    with tempfile.TemporaryDirectory() as folder:
        return [*rows, *_yeast(Path(folder)), *_haplotypes(Path(folder))]


def substitutions(windows: Sequence[str], n: int) -> list[ChangedWindow]:
    """Random SNVs, the same each time."""
    rng = random.Random(0)
    changes = []
    for _ in range(n):
        row = rng.randrange(len(windows))
        window = windows[row]
        at = rng.randrange(len(window))
        other = rng.choice("ACGT".replace(window[at], ""))
        changes.append(ChangedWindow(row, window[:at] + other + window[at + 1 :], ((at, at + 1),)))
    return changes


def two_whole_windows(model: Model, windows: Sequence[str], changes: Sequence[ChangedWindow]) -> None:
    """What a plain script does: both windows of each variant, every segment again."""
    features = model.features.scaled(None, 1)
    for change in changes:
        for window in (windows[change.row], change.sequence):
            with open_session(model.network, cache=SegmentCache(0)) as session:
                model.network.predict([window], features, session)


@contextmanager
def ready_engine(model: Model) -> Iterator[EffectEngine]:
    """An engine whose check at the start of a run is done, and that remembers no segment."""
    with open_engine(model, cache=SegmentCache(0)) as opened:
        opened.score(random_windows(2, model.window.length)[1:], model.features.scaled(None, 1), [])
        yield opened


def score(opened: EffectEngine, model: Model, windows: Sequence[str], changes: Sequence[ChangedWindow]) -> None:
    """What texcnn does, the windows of the genes included."""
    opened.score(windows, model.features.scaled(None, len(windows)), changes)


def large_model() -> Model:
    """DNABERT-2 117M with random weights and a head over 21 segments."""
    torch.manual_seed(0)
    encoder = dnabert2()
    sizes: dict[str, Any] = {"dim": encoder.dim, "n_cell_types": 56, "n_segments": WINDOW // SEGMENT}
    network = SegmentNetwork([encoder], TextCNN(**sizes), SegmentSpec(SEGMENT))
    config = BundleConfig("117M", "1", "segments", "u", WindowSpec(), HeadSpec("textcnn", sizes), SegmentSpec(SEGMENT))
    return Model(config, network, pd.DataFrame({"cell_type": [str(column) for column in range(56)]}), "")


def _against_whole_windows() -> list[Row]:
    model, windows = large_model(), random_windows(1, WINDOW)
    changes = substitutions(windows, LARGE_VARIANTS)
    with ready_engine(model) as opened:
        runs = {
            "whole": lambda: two_whole_windows(model, windows, changes[:1]),
            "engine": lambda: score(opened, model, windows, changes),
        }
        seconds = time_rounds(runs, ROUNDS)
    per_variant = [taken / LARGE_VARIANTS for taken in seconds["engine"]]
    what = f"DNABERT-2 117M, {LARGE_VARIANTS} SNVs of one gene"
    return [
        Row(f"{what}, its window included", 1 / median_ratio(per_variant, [1] * ROUNDS), "SNVs/s"),
        Row(
            f"{what}: two whole windows a variant / engine", median_ratio(seconds["whole"], per_variant), "x", Goal(20)
        ),
    ]


def _many_genes(model: Model) -> list[Row]:
    windows = random_windows(MINI_GENES, model.window.length)
    changes = substitutions(windows, MINI_VARIANTS)
    with ready_engine(model) as opened:
        runs = {"engine": lambda: score(opened, model, windows, changes)}
        seconds = time_rounds(runs, ROUNDS)
    rate = 1 / median_ratio([taken / len(changes) for taken in seconds["engine"]], [1] * ROUNDS)
    return [Row(f"texcnn-mini, {len(changes):,} SNVs of {len(windows)} genes", rate, "SNVs/s", Goal(1500))]


def _saturation(model: Model) -> list[Row]:
    windows = random_windows(1, model.window.length)
    start = (model.window.length - ISM_BASES) // 2
    window = windows[0]
    changes = [
        ChangedWindow(0, window[:at] + other + window[at + 1 :], ((at, at + 1),))
        for at in range(start, start + ISM_BASES)
        for other in "ACGT".replace(window[at], "")
    ]
    few = changes[:: len(changes) // 20]
    with ready_engine(model) as opened:
        runs = {
            "naive": lambda: two_whole_windows(model, windows, few),
            "engine": lambda: score(opened, model, windows, changes),
        }
        seconds = time_rounds(runs, ROUNDS)
    naive = [taken / len(few) for taken in seconds["naive"]]
    ours = [taken / len(changes) for taken in seconds["engine"]]
    return [
        Row(f"texcnn-mini, every SNV of {ISM_BASES:,} bp: naive / engine", median_ratio(naive, ours), "x", Goal(20))
    ]


def _yeast(folder: Path) -> list[Row]:
    start = time.perf_counter()
    counts = texcnn.variant_effects("texcnn-yeast", FASTA, vcf=VCF, gtf=GTF, out=folder / "effects.parquet")
    assert isinstance(counts, EffectCounts)
    seconds = time.perf_counter() - start
    what = f"texcnn-yeast, {counts.alleles:,} variants of yeast x genes, to Parquet"
    return [Row(what, seconds, "s", Goal(60, at_least=False))]


def _haplotypes(folder: Path) -> list[Row]:
    vcf = folder / "people.vcf"
    _write_people(vcf)
    frame = texcnn.predict("texcnn-yeast", FASTA, gtf=GTF)
    genes = frame["gene_id"].iloc[:: len(frame) // GENES].head(GENES).tolist()
    start = time.perf_counter()
    counts = texcnn.variant_effects(
        "texcnn-yeast", FASTA, vcf=vcf, gtf=GTF, genes=genes, phased=True, out=folder / "people.parquet"
    )
    seconds = time.perf_counter() - start
    assert isinstance(counts, HaplotypeCounts)
    what = f"texcnn-yeast, {counts.samples} phased samples x {counts.genes} genes"
    return [
        Row(f"{what}, to Parquet", seconds, "s"),
        Row(f"{what}: distinct haplotypes, of {2 * counts.samples * counts.genes:,}", counts.distinct, ""),
    ]


def _write_people(path: Path) -> None:
    """Gives yeast's variants phased genotypes: each person has two mosaics of the two strains, in blocks of 200."""
    rng = random.Random(1)
    strain = [[0, 0] for _ in range(SAMPLES)]
    with gzip.open(VCF, "rt") as source, path.open("w") as target:
        for number, line in enumerate(source):
            if line.startswith("##"):
                target.write(line)
                continue
            fixed = line.split("\t")[:9]
            if line.startswith("#"):
                target.write("\t".join([*fixed, *(f"p{person}" for person in range(SAMPLES))]) + "\n")
                continue
            if number % 200 == 0:
                strain = [[rng.randrange(2), rng.randrange(2)] for _ in range(SAMPLES)]
            target.write("\t".join([*fixed, *(f"{one}|{two}" for one, two in strain)]) + "\n")
