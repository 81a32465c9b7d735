"""What every stage reads: the real bases and genes, split by chromosome.

Paths: the real data of ``$TEXCNN_DATA`` (else ``../shared/data`` next to the repository), checkpoints in
``$TEXCNN_MINI_WORK`` (else ``work/`` next to this file).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

PROJECT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TEXCNN_DATA", PROJECT.parent / "shared" / "data"))
WORK = Path(os.environ.get("TEXCNN_MINI_WORK", Path(__file__).parent / "work"))
FASTA = DATA / "human" / "hg38_wide.fa.gz"
GTF = DATA / "human" / "hg38_refseq.gtf.gz"
TEACHERS = {
    "median": "human_trainepoch.11-0.426.h5",
    "K562": "K562_trainepoch.11-0.4917.h5",
    "GM12878": "GM12878_trainepoch.06-0.5062.h5",
    "mouse_median": "mouseMedian_trainepoch.05-0.278.h5",
    "mESC": "mESC_trainepoch.10-0.3867.h5",
}
"""Xpresso's published networks by what they predict."""

UPSTREAM, DOWNSTREAM = 7_000, 3_500
LENGTH = UPSTREAM + DOWNSTREAM
NEAR = 1_000
"""A gene's bases within so many of its TSS must be known for it to be judged."""
MIN_KNOWN_NEAR = 1_500
"""At least so many of the ``2 * NEAR`` bases."""

TEST_CHROMS = ("chr2", "chr17", "chr21")
VALIDATION_CHROMS = ("chr3", "chr7", "chr16")
KEPT_CHROMS = ("chr5", "chr11", "chr20", "chr22")
"""Kept for an independent check: none of their bases is known here, and none of their genes' labels is read."""

LENGTHS = (
    "log10_utr5_length_bp",
    "log10_cds_length_bp",
    "log10_intron_length_bp",
    "log10_utr3_length_bp",
    "log10_orf_exons_per_kb",
)
"""The half-life features that need an annotation alone, so that they do not depend on which bases are known."""


def split_of(chrom: str) -> str:
    """Returns ``"test"``, ``"validation"`` or ``"train"``; the same in every stage."""
    return "test" if chrom in TEST_CHROMS else "validation" if chrom in VALIDATION_CHROMS else "train"


def cell_types() -> pd.DataFrame:
    """Returns one row per output: the median, then the 57 epigenomes in the order of their legend."""
    legend = pd.read_csv(DATA / "human" / "expression_roadmap57_columns.tsv", sep="\t")
    legend = legend.rename(columns={"mnemonic": "cell_type"})
    median = pd.DataFrame({"cell_type": ["median"], "name": ["Median of the 56 epigenomes without E000"]})
    columns = ["cell_type", "eid", "name", "group", "anatomy", "type"]
    return pd.concat([median, legend])[columns].fillna("").reset_index(drop=True)


def expression() -> pd.DataFrame:
    """Returns log10(RPKM + 0.1), genes by cell types, in the order of :func:`cell_types`."""
    path = DATA / "human" / "expression_roadmap57_rpkm.tsv.gz"
    # Rows end with a tab that the header lacks: without index_col=False every column would move by one.
    rpkm = pd.read_csv(path, sep="\t", index_col=False).set_index("gene_id")
    table = cell_types()
    rpkm = rpkm[table["eid"][1:]]
    rpkm.insert(0, "median", rpkm.drop(columns="E000").median(axis="columns"))
    rpkm.columns = pd.Index(table["cell_type"])
    return (rpkm + 0.1).apply(np.log10)


def tissue_expression() -> pd.DataFrame:
    """Returns log10(nTPM + 0.1) of 54 tissues of the Human Protein Atlas, a second measurement of the same genes."""
    table = pd.read_csv(DATA / "human" / "expression_hpa21_consensus_ntpm.tsv.gz", sep="\t", index_col=0)
    return (table + 0.1).apply(np.log10)


def transcription_factors() -> pd.DataFrame:
    """Returns which of 181 transcription factors bind near a gene, 0 or 1, by gene id."""
    table = pd.read_csv(DATA / "human" / "tf_targets_encode181.tsv.gz", sep="\t")
    return table.drop(columns="symbol").drop_duplicates("ensembl_id").set_index("ensembl_id")


def bed_genes() -> pd.DataFrame:
    """Returns the genes of Xpresso's table that are open: ``chrom``, ``gene_id``, ``strand``, 0-based ``tss``, score.

    ``score`` is Xpresso's published prediction, a z-score; ``new`` is True for genes that it was not trained on.
    """
    bed = pd.read_csv(
        DATA / "human" / "xpresso_tss_20kb.bed", sep="\t", names=["chrom", "start", "end", "gene_id", "_", "strand"]
    )
    scores = pd.read_csv(DATA / "xpresso" / "kipoi_predictions.tsv", sep="\t")["preds/expression_pred"].to_numpy()
    split = pd.read_csv(DATA / "human" / "xpresso_labels_split.tsv", sep="\t").set_index("gene_id")["split"]
    bed = bed.assign(tss=bed["start"] + UPSTREAM + 3_000, score=scores, new=bed["gene_id"].map(split) != "train")
    return bed[~bed["chrom"].isin(KEPT_CHROMS)].reset_index(drop=True)
