"""Windows per second: texcnn's reader, on plain FASTA and BGZF, and kipoiseq's two dataloaders, on the same genes."""

from __future__ import annotations

import gzip
import importlib.util
import shutil
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import pysam
from memory import FASTA, GTF

from texcnn.bench.rounds import Goal, Row, median_ratio, skipped, time_rounds
from texcnn.genome.annotation import read_gtf
from texcnn.genome.gene import Gene
from texcnn.genome.reference import Reference
from texcnn.genome.windows import WindowSpec, read_windows

ROUNDS = 5
GENES = 1000
SPEC = WindowSpec(upstream=7000, downstream=3500)


def measure() -> list[Row]:
    """Times the reading of 1,000 yeast windows, the opening of the files and the annotation left out."""
    with tempfile.TemporaryDirectory() as folder:
        plain, bgzf = Path(folder) / "yeast.fa", Path(folder) / "yeast.fa.gz"
        with gzip.open(FASTA) as source, plain.open("wb") as target:
            shutil.copyfileobj(source, target)
        pysam.tabix_compress(str(plain), str(bgzf))
        with Reference(plain) as flat, Reference(bgzf) as packed:
            genes = _genes_inside(flat)
            runs: dict[str, Callable[[], object]] = {
                "plain": lambda: [window.sequence for window in read_windows(flat, genes, SPEC)],
                "BGZF": lambda: [window.sequence for window in read_windows(packed, genes, SPEC)],
            }
            has_kipoiseq = importlib.util.find_spec("kipoiseq") is not None
            if has_kipoiseq:
                runs |= _kipoiseq_runs(plain, genes, Path(folder))
            seconds = time_rounds(runs, ROUNDS)
    names = {
        "plain": "texcnn read_windows, plain FASTA",
        "BGZF": "texcnn read_windows, BGZF",
        "anchored": "kipoiseq AnchoredGTFDl, plain FASTA",
        "intervals": "kipoiseq StringSeqIntervalDl, plain FASTA",
    }
    rows = [Row(names[run], median_ratio([len(genes)] * ROUNDS, seconds[run]), "windows/s") for run in seconds]
    ratios = {"AnchoredGTFDl": "anchored", "StringSeqIntervalDl": "intervals"}
    if not has_kipoiseq:
        return rows + skipped("kipoiseq is not installed (the extra 'kipoi')", [f"texcnn / {name}" for name in ratios])
    for name, run in ratios.items():
        goal = Goal(2) if run == "anchored" else None
        rows.append(Row(f"texcnn, plain FASTA / {name}", median_ratio(seconds[run], seconds["plain"]), "x", goal))
    against_bgzf = median_ratio(seconds["anchored"], seconds["BGZF"])
    return [*rows, Row("texcnn, BGZF / AnchoredGTFDl on plain FASTA", against_bgzf, "x", Goal(2))]


def _genes_inside(reference: Reference) -> list[Gene]:
    """Genes, spread over the genome, whose window is within its chromosome: kipoiseq cannot read the others."""
    inside = []
    for gene in read_gtf(GTF).genes:
        window = SPEC.interval(gene)
        # One base is kept free at each end, as kipoiseq anchors genes of the minus strand one base further left.
        if window.start > 0 and window.end < reference.lengths[gene.chrom]:
            inside.append(gene)
    return inside[:: len(inside) // GENES][:GENES]


def _kipoiseq_runs(fasta: Path, genes: Sequence[Gene], folder: Path) -> dict[str, Callable[[], object]]:
    """Both dataloaders over the genes' windows, each item read once, nothing encoded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from kipoiseq.dataloaders import AnchoredGTFDl, StringSeqIntervalDl
    bed = folder / "windows.bed"
    lines = []
    for gene in genes:
        window = SPEC.interval(gene)
        lines.append(f"{window.chrom}\t{window.start}\t{window.end}\t{gene.id}\t0\t{window.strand}\n")
    bed.write_text("".join(lines))
    wanted = {gene.id for gene in genes}
    anchored = AnchoredGTFDl(
        str(GTF),
        str(fasta),
        num_upstream=SPEC.upstream,
        num_downstream=SPEC.downstream,
        gtf_filter=lambda rows: rows[(rows.Feature == "gene") & rows.gene_id.isin(wanted)],
        transform=None,
    )
    assert len(anchored) == len(genes)
    intervals = StringSeqIntervalDl(str(bed), str(fasta), num_chr_fasta=True, use_strand=True, ignore_targets=True)
    assert len(intervals) == len(genes)
    return {
        "anchored": lambda: [str(anchored[row]["inputs"]) for row in range(len(anchored))],
        "intervals": lambda: [str(intervals[row]["inputs"]) for row in range(len(intervals))],
    }
