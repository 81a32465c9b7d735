"""Genes of both species with windows, labels, features and folds.

Genes are grouped by chromosome into ten groups of like size. A fold tests two of them, stops the training by a third
and fits to the other seven.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from folds import chromosome_groups, fold_rows

from texcnn.features.half_life import half_life_features
from texcnn.features.tf_targets import tf_target_features
from texcnn.genome.annotation import without_version
from texcnn.genome.gene import Gene
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection
from texcnn.genome.windows import Window, WindowSpec, read_windows
from texcnn.training.targets import read_targets

MEDIAN = "median"
MIN_KNOWN = 6_500
FEW = 1_000
"""Training genes below which an epoch of a published batch size is a handful of steps."""


class Dataset:
    """Genes with windows, labels, features and folds.

    Args:
        name: ``human`` or ``yeast``.
        data: Folder of the project's real data.
    """

    def __init__(self, name: str, data: Path) -> None:
        self.name = name
        folder = data / name
        if name == "human":
            fasta, self.window = folder / "hg38_slice.fa.gz", WindowSpec(7_000, 3_500)
            selection = GeneSelection(bed=folder / "xpresso_tss_20kb.bed", bed_anchor="center")
            table, unit, self.gtf = folder / "expression_roadmap57_rpkm.tsv.gz", "RPKM", folder / "hg38_refseq.gtf.gz"
            self.tf = folder / "tf_targets_encode181.tsv.gz"
        else:
            fasta, self.window = folder / "R64-1-1.fa.gz", WindowSpec(1_000, 500)
            selection = GeneSelection(gtf=folder / "R64-1-1.81.gtf.gz")
            table, unit, self.gtf = folder / "expression_tpm_conditions.tsv.gz", "TPM", folder / "R64-1-1.81.gtf.gz"
            self.tf = folder / "tf_targets_yeastract220.tsv.gz"
        self.fasta = fasta
        targets = read_targets(table, unit=unit, transform="log10p0.1")
        rows = {without_version(gene_id): row for gene_id, row in targets.rows.items()}
        with Reference(fasta) as reference:
            placed = load_genes(reference, self.window, selection).genes
            genes = [gene for gene in placed if without_version(gene.id) in rows]
            least = MIN_KNOWN if name == "human" else 1
            windows = (read for read in read_windows(reference, genes, self.window))
            self.windows: list[Window] = [read for read in windows if known_bases(read) >= least]
        self.genes: list[Gene] = [read.gene for read in self.windows]
        self.ids = [gene.id for gene in self.genes]
        values = targets.values[[rows[without_version(gene_id)] for gene_id in self.ids]]
        self.cell_types = [*targets.cell_types]
        if name == "human":
            # Xpresso's label: the median over the 56 epigenomes, without the universal reference, of RPKM itself.
            raw = 10.0 ** values[:, [place for place, cell in enumerate(self.cell_types) if cell != "E000"]] - 0.1
            values = np.column_stack([values, np.log10(np.median(raw, axis=1) + 0.1).astype(np.float32)])
        else:
            values = np.column_stack([values, np.nanmedian(values, axis=1)])
        known = ~np.isnan(values).all(axis=1)
        if not known.all():
            kept = np.flatnonzero(known).tolist()
            self.windows, self.genes = [self.windows[i] for i in kept], [self.genes[i] for i in kept]
            self.ids, values = [self.ids[i] for i in kept], values[kept]
        self.cell_types.append(MEDIAN)
        self.labels = torch.from_numpy(values)
        self.group = chromosome_groups([gene.chrom for gene in self.genes])

    def folds(self) -> list[tuple[list[int], list[int], list[int]]]:
        """Returns rows to fit to, to stop by and to test, of each fold."""
        return [tuple(part.tolist() for part in fold) for fold in fold_rows(self.group)]

    def features(self, names: tuple[str, ...]) -> tuple[np.ndarray, list[str]]:
        """Returns features of the genes, NaN where unknown."""
        frames = []
        for name in names:
            if name == "half-life":
                with Reference(self.fasta) as reference:
                    frame = half_life_features(reference, self.gtf, genes=self.ids, log10=True).frame
            else:
                exclude = ("POLR2A",) if name == "tf-no-polr2a" and self.name == "human" else ()
                frame = tf_target_features(self.tf, exclude=exclude).frame
            frame = frame.set_index(frame["gene_id"].map(without_version)).drop(columns="gene_id")
            frames.append(frame.reindex([without_version(gene_id) for gene_id in self.ids]))
        joined = pd.concat(frames, axis=1)
        return joined.to_numpy(np.float32), [str(name) for name in joined.columns]


def known_bases(window: Window) -> int:
    """Counts the bases of a window that are no N."""
    return len(window.sequence) - window.sequence.count("N")
