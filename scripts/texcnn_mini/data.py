"""What every stage reads: the genome slice and its genes, split by chromosome.

Paths: the real data of ``$TEXCNN_DATA`` (else ``../shared/data`` beside the repository), checkpoints in
``$TEXCNN_MINI_WORK`` (else ``work/`` beside this file).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from texcnn.features.half_life import half_life_features
from texcnn.genome.interval import Interval
from texcnn.genome.reference import Reference
from texcnn.genome.windows import WindowSpec
from texcnn.segments.segment import SegmentSpec

PROJECT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TEXCNN_DATA", PROJECT.parent / "shared" / "data"))
WORK = Path(os.environ.get("TEXCNN_MINI_WORK", Path(__file__).parent / "work"))
FASTA = DATA / "human" / "hg38_slice.fa.gz"
GTF = DATA / "human" / "hg38_refseq.gtf.gz"
TEACHER = DATA / "xpresso" / "human_trainepoch.11-0.426.h5"

SEED = 20_24
UPSTREAM, DOWNSTREAM, TILE = 7_000, 3_500, 250
N_TILES = (UPSTREAM + DOWNSTREAM) // TILE
"""Windows of the training data share tiles, whose bases and motifs are looked up once."""
WINDOW, SEGMENTS = WindowSpec(UPSTREAM, DOWNSTREAM), SegmentSpec(600)
"""How the model cuts windows: the last of 18 segments has 300 bp."""
MIN_KNOWN_BASES = 6_500
"""A gene with fewer known bases in its window is left out, in training and in evaluation."""

TEST_CHROMS = ("chr2", "chr17", "chr21")
VALIDATION_CHROMS = ("chr7", "chr16")
KEPT_CHROMS = ("chr5", "chr11", "chr20", "chr22")
"""Kept for an independent check: the slice has none of their bases, and none of their genes' labels are read."""

LENGTHS = (
    "log10_utr5_length_bp",
    "log10_cds_length_bp",
    "log10_intron_length_bp",
    "log10_utr3_length_bp",
    "log10_orf_exons_per_kb",
)
"""The half-life features that need an annotation alone, so that genes beyond the slice have them too."""

_COMPLEMENT = np.zeros(256, dtype=np.uint8)
_COMPLEMENT[np.frombuffer(b"ACGTN", dtype=np.uint8)] = np.frombuffer(b"TGCAN", dtype=np.uint8)


def split_of(chrom: str) -> str:
    """Returns ``"test"``, ``"validation"`` or ``"train"``; the same in every stage."""
    return "test" if chrom in TEST_CHROMS else "validation" if chrom in VALIDATION_CHROMS else "train"


def read_chromosomes(split: str) -> dict[str, np.ndarray]:
    """Returns the upper-case bases of the split's chromosomes, as ASCII codes."""
    with Reference(FASTA) as reference:
        return {
            chrom: np.frombuffer(reference.fetch(Interval(chrom, 0, length)).encode(), dtype=np.uint8)
            for chrom, length in reference.lengths.items()
            if split_of(chrom) == split
        }


def known_runs(bases: np.ndarray, min_length: int) -> Iterator[tuple[int, int]]:
    """Yields the half-open runs without N of at least ``min_length`` bases."""
    known = np.concatenate([[False], bases != ord("N"), [False]])
    edges = np.flatnonzero(known[1:] != known[:-1]).reshape(-1, 2)
    for start, end in edges:
        if end - start >= min_length:
            yield int(start), int(end)


def reverse_complement(bases: np.ndarray) -> np.ndarray:
    """Returns the other strand of rows of ASCII codes."""
    return _COMPLEMENT[bases[..., ::-1]]


def cut(bases: np.ndarray, start: int) -> np.ndarray:
    """Returns one window of ASCII codes from ``start``, N beyond the chromosome's ends."""
    window = np.full(UPSTREAM + DOWNSTREAM, ord("N"), dtype=np.uint8)
    left, right = max(start, 0), min(start + len(window), len(bases))
    window[left - start : right - start] = bases[left:right]
    return window


def to_strings(rows: np.ndarray) -> list[str]:
    """Turns rows of ASCII codes into sequences."""
    return [row.tobytes().decode("ascii") for row in np.ascontiguousarray(rows)]


def cell_types() -> pd.DataFrame:
    """Returns one row per output: the median, then the 57 epigenomes in the order of their legend."""
    legend = pd.read_csv(DATA / "human" / "expression_roadmap57_columns.tsv", sep="\t")
    legend = legend.rename(columns={"mnemonic": "cell_type"})
    median = pd.DataFrame({"cell_type": ["median"], "name": ["Median of the 56 epigenomes without E000"]})
    columns = ["cell_type", "eid", "name", "group", "anatomy", "type"]
    return pd.concat([median, legend])[columns].fillna("").reset_index(drop=True)


@cache
def expression() -> pd.DataFrame:
    """Returns log10(RPKM + 0.1), genes by cell types, in the order of :func:`cell_types`."""
    path = DATA / "human" / "expression_roadmap57_rpkm.tsv.gz"
    # Rows end with a tab that the header lacks: without index_col=False every column would move by one.
    rpkm = pd.read_csv(path, sep="\t", index_col=False).set_index("gene_id")
    table = cell_types()
    rpkm = rpkm[table["eid"][1:]]
    rpkm.insert(0, "median", rpkm.drop(columns="E000").median(axis="columns"))
    rpkm.columns = pd.Index(table["cell_type"])
    return np.log10(rpkm + 0.1)


def bed_genes() -> pd.DataFrame:
    """Returns the genes of Xpresso's table: ``chrom``, ``gene_id``, ``strand``, 0-based ``tss``, and their ``row``."""
    bed = pd.read_csv(
        DATA / "human" / "xpresso_tss_20kb.bed", sep="\t", names=["chrom", "start", "end", "gene_id", "_", "strand"]
    )
    return bed.assign(tss=bed["start"] + 10_000, row=np.arange(len(bed)))


def published_scores() -> np.ndarray:
    """Returns Xpresso's published predictions, z-scores, one per row of :func:`bed_genes`."""
    return pd.read_csv(DATA / "xpresso" / "kipoi_predictions.tsv", sep="\t")["preds/expression_pred"].to_numpy()


@cache
def lengths() -> pd.DataFrame:
    """Returns :data:`LENGTHS` of every coding gene of the annotation, indexed by gene id."""
    with Reference(FASTA) as reference:
        return half_life_features(reference, GTF, log10=True).frame.set_index("gene_id")[list(LENGTHS)]


def genes(split: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Returns the split's measured genes with enough known bases, and their windows ``(n, 10500)``.

    The table is indexed by gene id, with the columns ``chrom``, ``tss`` (0-based), ``strand``, ``known``
    (bases) and ``row`` (of the BED file, which is the row of Xpresso's published predictions).
    """
    bed = bed_genes()
    measured = set(expression().index)
    chromosomes = read_chromosomes(split)
    kept, windows = [], []
    for gene in bed.itertuples():
        if gene.chrom not in chromosomes or gene.gene_id not in measured:
            continue
        window = window_at(chromosomes[gene.chrom], gene.tss, gene.strand)
        if (window != ord("N")).sum() >= MIN_KNOWN_BASES:
            kept.append(gene.Index)
            windows.append(window)
    windows = np.stack(windows)
    table = bed.loc[kept, ["gene_id", "chrom", "tss", "strand", "row"]].set_index("gene_id")
    table["known"] = (windows != ord("N")).sum(axis=1)
    return table, windows


def window_at(bases: np.ndarray, tss: int, strand: str) -> np.ndarray:
    """Returns the window round a TSS (0-based), on the gene's strand."""
    if strand == "+":
        return cut(bases, tss - UPSTREAM)
    # As Xpresso and kipoiseq cut it: the TSS's own base lies just before the window's 3,500.
    return reverse_complement(cut(bases, tss - DOWNSTREAM))


def annotated_tss(split: str) -> list[tuple[str, int, str]]:
    """Returns each distinct (chromosome, 0-based TSS, strand) of the split's RefSeq transcripts."""
    gtf = pd.read_csv(GTF, sep="\t", comment="#", header=None, usecols=[0, 2, 3, 4, 6])
    gtf.columns = pd.Index(["chrom", "feature", "start", "end", "strand"])
    gtf = gtf[(gtf["feature"] == "transcript") & (gtf["chrom"].map(split_of) == split)]
    tss = np.where(gtf["strand"] == "+", gtf["start"] - 1, gtf["end"] - 1)
    return sorted(set(zip(gtf["chrom"], (int(position) for position in tss), gtf["strand"], strict=True)))
