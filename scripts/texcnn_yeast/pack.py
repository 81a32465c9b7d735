"""Stage 1: the yeast genome, its genes and their expression in one file, for a machine without the data."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from texcnn.features.codons import CODON_COLUMNS, codon_features
from texcnn.genome.gtf import read_chosen_transcripts
from texcnn.genome.interval import Interval
from texcnn.genome.reference import Reference
from texcnn.segments.bases import base_codes

PROJECT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TEXCNN_DATA", PROJECT.parent / "shared" / "data")) / "yeast"
WORK = Path(os.environ.get("TEXCNN_YEAST_WORK", Path(__file__).parent / "work"))
GAP = 6_000
"""Unknown bases between two chromosomes, more than any window reaches."""
VALIDATION_CHROMS, TEST_CHROMS = ("II", "XIV"), ("IV", "IX", "XVI")


def split_of(chrom: str) -> int:
    """Returns 0 for training, 1 for validation, 2 for test."""
    return 1 if chrom in VALIDATION_CHROMS else 2 if chrom in TEST_CHROMS else 0


def main() -> None:
    """Writes ``yeast.npz``."""
    WORK.mkdir(parents=True, exist_ok=True)
    expression = pd.read_csv(DATA / "expression_tpm_conditions.tsv.gz", sep="\t", index_col=0)
    gtf = DATA / "R64-1-1.81.gtf.gz"
    with Reference(DATA / "R64-1-1.fa.gz") as reference:
        lengths = dict(reference.lengths)
        bases = {chrom: base_codes(reference.fetch(Interval(chrom, 0, length))) for chrom, length in lengths.items()}
        codons = codon_features(reference, gtf).frame.set_index("gene_id")
    assert all((codes < 4).all() for codes in bases.values())
    starts, end = {}, GAP
    for chrom, codes in bases.items():
        starts[chrom] = end
        end += len(codes) + GAP
    chosen, _ = read_chosen_transcripts(gtf, on_genome=list(lengths).__contains__)
    rows = []
    for gene, transcript in chosen:
        if gene.id in expression.index:
            blocks = transcript.exons or transcript.coding
            last = max(blocks) if gene.strand == "+" else min(blocks)
            rows.append(
                (
                    gene.id,
                    gene.chrom,
                    starts[gene.chrom] + gene.tss,
                    1 if gene.strand == "+" else -1,
                    abs(last - gene.tss),
                )
            )
    genes = pd.DataFrame(rows, columns=["gene_id", "chrom", "place", "strand", "span"])
    packed = np.concatenate(list(bases.values()))
    padded = np.pad(packed, (0, -len(packed) % 4)).reshape(-1, 4)
    np.savez_compressed(
        WORK / "yeast.npz",
        bases=(padded[:, 0] | padded[:, 1] << 2 | padded[:, 2] << 4 | padded[:, 3] << 6).astype(np.uint8),
        starts=np.array(list(starts.values())),
        lengths=np.array([len(codes) for codes in bases.values()]),
        chrom_split=np.array([split_of(chrom) for chrom in bases], np.uint8),
        end=np.array(end),
        gene_id=genes["gene_id"].to_numpy(str),
        chrom=genes["chrom"].to_numpy(str),
        place=genes["place"].to_numpy(np.int32),
        strand=genes["strand"].to_numpy(np.int8),
        span=genes["span"].to_numpy(np.int32),
        split=np.array([split_of(chrom) for chrom in genes["chrom"]], np.uint8),
        labels=np.log10(expression.loc[genes["gene_id"]].to_numpy(np.float32) + 0.1).astype(np.float16),
        conditions=np.array(expression.columns, str),
        codons=codons.reindex(genes["gene_id"]).to_numpy(np.float16),
        codon_names=np.array(CODON_COLUMNS),
    )
    print(
        genes.groupby(genes["chrom"].map(split_of)).size().to_dict(),
        f"{(WORK / 'yeast.npz').stat().st_size / 1e6:.1f} MB",
    )


if __name__ == "__main__":
    main()
