"""Variants and saturation mutagenesis: the engine that embeds what a change touches, against whole windows.

Whole windows are what a program without the engine predicts: with and without each variant, no segment used twice.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import bench_encoders
import torch
from memory import FASTA, GTF

import texcnn
from texcnn.bench.rounds import Goal, Row, median_ratio, time_rounds
from texcnn.effects.ism import saturation_mutagenesis
from texcnn.effects.score import ChangedWindow, EffectEngine, open_engine
from texcnn.embedding.cache import SegmentCache
from texcnn.embedding.options import ComputeOptions
from texcnn.genome.annotation import read_gtf
from texcnn.genome.gene import Gene
from texcnn.genome.reference import Reference
from texcnn.genome.windows import WindowSpec
from texcnn.heads.textcnn import TextCNN
from texcnn.model.load import load_model
from texcnn.model.model import Model
from texcnn.model.network import SegmentNetwork
from texcnn.segments.segment import SegmentSpec

ROUNDS = 3
SNVS = 84
"""Of the large model, four per segment."""
SCANNED = 2000
"""Bases of a saturation mutagenesis."""
WINDOWS_TIMED = 100
GENES, SNVS_PER_GENE = 200, 20
VCF = FASTA.parents[1] / "variants" / "yeast_by_rm.vcf.gz"


def measure() -> list[Row]:
    """Times the engine at DNABERT-2's size and with texcnn-mini, and a whole VCF with texcnn-yeast."""
    torch.set_num_threads(bench_encoders.THREADS)
    return [*_large(), *_saturation(), *_many_genes(), *_yeast()]


def _large() -> list[Row]:
    """DNABERT-2 117M, random weights, 21 segments; the check of the fast path is left out."""
    mini = load_model("texcnn-mini")
    torch.manual_seed(0)
    head = TextCNN(768, len(mini.cell_types), n_segments=21, segment_positions=True)
    network = SegmentNetwork([bench_encoders.dnabert2()], head, SegmentSpec(bench_encoders.SEGMENT))
    model = Model(mini.config, network, mini.cell_type_table, "random weights")
    gene = bench_encoders.random_gene()
    changes = _substitutions([gene], SNVS)
    with open_engine(model, _options(), SegmentCache(0)) as engine:
        engine.score([gene], None, [])  # compares both ways
        assert engine.incremental
        seconds = time_rounds(
            {
                "engine": lambda: engine.score([gene], None, changes),
                "whole": lambda: _whole(engine, [gene, changes[0].sequence], None),
            },
            ROUNDS,
        )
        reference = min(time_rounds({"reference": lambda: engine.score([gene], None, [])}, 1)["reference"])
    per_snv = [second / SNVS for second in seconds["engine"]]
    window = statistics.median(seconds["whole"]) / 2
    n = 3 * SCANNED
    scan = reference + n * (statistics.median(seconds["engine"]) - reference) / SNVS
    name = "DNABERT-2 117M, 21 segments"
    return [
        Row(f"{name}: engine, {SNVS} SNVs of one gene", 1 / statistics.median(per_snv), "SNVs/s"),
        Row(f"{name}: two whole windows a variant", 1 / statistics.median(seconds["whole"]), "SNVs/s"),
        Row(f"{name}: engine / whole windows", median_ratio(seconds["whole"], per_snv), "x", Goal(20)),
        Row(f"{name}: ISM of {SCANNED:,} bp / naive ISM, at these rates", (n + 1) * window / scan, "x", Goal(20)),
    ]


def _saturation() -> list[Row]:
    """texcnn-mini, 18 segments; of the naive way's 6,001 windows some are timed."""
    model = load_model("texcnn-mini")
    gene = bench_encoders.random_gene()
    start = 7000 - SCANNED // 2
    features = model.features.scaled(None, 1)
    timed = [change.sequence for change in _substitutions([gene], WINDOWS_TIMED)]
    with open_engine(model, _options(), SegmentCache(0)) as engine:
        engine.score([gene], features, [])
        seconds = time_rounds(
            {
                "ism": lambda: saturation_mutagenesis(engine, gene, features, start, start + SCANNED),
                "naive": lambda: _whole(engine, timed, features),
            },
            ROUNDS,
        )
    naive = [(3 * SCANNED + 1) * second / WINDOWS_TIMED for second in seconds["naive"]]
    return [
        Row(f"texcnn-mini, 18 segments: ISM of {SCANNED:,} bp", statistics.median(seconds["ism"]), "s"),
        Row(f"texcnn-mini, naive ISM of {SCANNED:,} bp, {WINDOWS_TIMED} windows timed", statistics.median(naive), "s"),
        Row("texcnn-mini, ISM / naive ISM", median_ratio(naive, seconds["ism"]), "x", Goal(20)),
    ]


def _many_genes() -> list[Row]:
    """texcnn-mini through ``texcnn.variant_effects``: SNVs in windows of genes that lie apart."""
    model = load_model("texcnn-mini")
    with tempfile.TemporaryDirectory() as folder, Reference(FASTA) as reference:
        genes = _apart(read_gtf(GTF).genes, model.window, reference.lengths)[:GENES]
        bed = Path(folder) / "genes.bed"
        bed.write_text(
            "".join(f"{gene.chrom}\t{gene.tss}\t{gene.tss + 1}\t{gene.id}\t0\t{gene.strand}\n" for gene in genes)
        )
        generator = random.Random(1)
        variants = []
        for gene in genes:
            window = model.window.interval(gene)
            bases = reference.fetch(window)  # on the gene's strand, which the interval has
            for place in sorted(generator.sample(range(len(window)), SNVS_PER_GENE)):
                at = window.start + place if gene.strand == "+" else window.end - 1 - place
                base = bases[place] if gene.strand == "+" else "TGCA"["ACGT".index(bases[place])]
                variants.append(f"{gene.chrom}:{at + 1}:{base}>{generator.choice([o for o in 'ACGT' if o != base])}")
        began = time.perf_counter()
        frame = texcnn.variant_effects(
            model, FASTA, variants=variants, bed=bed, cell_types="median", quantile=False, device="cpu"
        )
        seconds = time.perf_counter() - began
    assert len(frame) == len(variants)
    name = f"texcnn-mini: {len(variants):,} SNVs of {len(genes)} genes that lie apart, from FASTA to rows"
    return [Row(name, len(variants) / seconds, "SNVs/s", Goal(1500))]


def _yeast() -> list[Row]:
    """texcnn-yeast on every variant between two strains and all genes."""
    began = time.perf_counter()
    frame = texcnn.variant_effects("texcnn-yeast", FASTA, vcf=VCF, gtf=GTF, cell_types="metab16|H", device="cpu")
    seconds = time.perf_counter() - began
    alleles = sum(frame.attrs["statuses"].values())
    return [
        Row(f"texcnn-yeast: {alleles:,} variants, {len(frame):,} pairs of variant and gene", seconds, "s",
            Goal(60, at_least=False)),
    ]  # fmt: skip


def _options() -> ComputeOptions:
    return ComputeOptions(bench_encoders.BATCH_SIZE, "cpu", "float32")


def _substitutions(windows: Sequence[str], number: int) -> list[ChangedWindow]:
    """As many substitutions of each window, evenly spaced."""
    changes = []
    for row, window in enumerate(windows):
        for place in range(0, len(window), len(window) // number)[:number]:
            base = "C" if window[place] != "C" else "A"
            changes.append(ChangedWindow(row, window[:place] + base + window[place + 1 :], ((place, place + 1),)))
    return changes


def _whole(engine: EffectEngine, windows: Sequence[str], features: torch.Tensor | None) -> None:
    """Predicts each window by itself; the engine's cache keeps nothing."""
    for window in windows:
        engine.score([window], features, [])


def _apart(genes: Sequence[Gene], spec: WindowSpec, lengths: dict[str, int]) -> list[Gene]:
    """Genes whose windows lie within their chromosome and do not touch each other."""
    chosen: list[Gene] = []
    for gene in sorted(genes, key=lambda gene: (gene.chrom, spec.interval(gene).start)):
        window = spec.interval(gene)
        if window.start < 0 or window.end > lengths[gene.chrom]:
            continue
        if not chosen or chosen[-1].chrom != gene.chrom or spec.interval(chosen[-1]).end <= window.start:
            chosen.append(gene)
    return chosen
