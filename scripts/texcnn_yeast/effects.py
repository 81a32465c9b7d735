"""Stage 4: the member that was taught by the variants of another strain.

The strains BY and RM differ in 42,052 variants, and how much each gene's expression differs by its own variants was
measured (Smith & Kruglyak 2008). A line through the 4-mers that change in the 250 bp before the TSS, both strands as
one, is fitted to these effects on the training and validation chromosomes, and added to what the other members say. Two
penalties keep it small: of its weights, and of how much it differs between genes, which their expression does not bear.
No effect of a gene on a test chromosome is fitted. ``docs/variants.md`` says how this was chosen.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import torch
from heads import RECIPE
from pack import DATA, WORK, split_of
from safetensors.torch import save_file

from texcnn.encoders.kmer_counts import KmerCountsEncoder
from texcnn.genome.cached_bases import CachedBases
from texcnn.genome.check_variant import VariantCheck
from texcnn.genome.haplotype_windows import HaplotypeWindows
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection
from texcnn.genome.vcf import VcfReader
from texcnn.genome.windows import WindowSpec
from texcnn.heads.textcnn import TextCNN

NEAR = (1, 2)
"""Segments that it reads: the 250 bp before the TSS."""
VARIANTS, EFFECTS = (
    DATA.parent / "variants" / name for name in ("yeast_by_rm.vcf.gz", "yeast_by_rm_local_effects.tsv")
)
LARGEST = 0.5
"""Larger effects, in log2, count as this."""
OF_WEIGHTS, OF_GENES = 100.0, 300.0
"""Penalties of the sum of squared weights, and of the line's variance over genes."""
EFFECT = 2.2
"""log10 of expression that one unit of the line, which says too little of effects in log2, changes."""
WEIGHT = 0.02
"""Share of this member in the mean of all. It says the same of all genes but for the line, which is divided by it."""
OPTIONS: dict[str, Any] = {"kernel_widths": [1], "filters": 2, "dense_units": 2, "fusion_units": None}


def promoters() -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Returns the genes with their split, and 4-mers before the TSS in BY and in RM, ``(n, 256)`` each."""
    first, stop = (number * RECIPE.segment for number in NEAR)
    spec, rows, by, rm = WindowSpec(RECIPE.upstream, RECIPE.downstream), [], [], []
    with Reference(DATA / "R64-1-1.fa.gz") as reference, VcfReader(VARIANTS, samples=["RM"]) as reader:
        genes = load_genes(reference, spec, GeneSelection(gtf=DATA / "R64-1-1.81.gtf.gz")).genes
        bases = CachedBases(reference)
        check = VariantCheck(bases, VARIANTS.name, longest=spec.length, declared=reader.contigs)
        for found in HaplotypeWindows(reader, bases, check, genes, spec):
            gene = genes[found.gene]
            rows.append((gene.id, gene.chrom, split_of(gene.chrom)))
            by.append(found.window.sequence[first:stop])
            rm.append(found.windows[found.of_sample[0][0]].sequence[first:stop])
    encoder = KmerCountsEncoder(RECIPE.kmers)
    counts = [encoder.embed(encoder.tokenize(part)).double().numpy() for part in (by, rm)]
    return pd.DataFrame(rows, columns=["gene_id", "chrom", "split"]), counts[0], counts[1]


def other_strand() -> np.ndarray:
    """Returns the number of each k-mer's reverse complement."""
    left, found = np.arange(4**RECIPE.kmers), np.zeros(4**RECIPE.kmers, np.int64)
    for _ in range(RECIPE.kmers):
        found, left = found * 4 + 3 - left % 4, left // 4
    return found


def line(changes: np.ndarray, effects: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Fits effects ``(n,)`` to changes of 4-mers ``(n, k)``, with the covariance of 4-mers over genes ``(k, k)``."""
    normal = changes.T @ changes + OF_WEIGHTS * np.eye(changes.shape[1]) + OF_GENES * variance
    found: np.ndarray = np.linalg.solve(normal, changes.T @ effects)
    return found


def head(weights: np.ndarray, usual: np.ndarray, mean: np.ndarray, n_features: int) -> TextCNN:
    """Returns the text CNN that adds the line up: filters and units of either sign, so that ReLU cuts nothing off.

    Args:
        weights: Of the 4-mers, ``(256,)``.
        usual: 4-mers of the usual gene.
        mean: Usual expression in each condition.
        n_features: Extra features, of which it takes no notice.
    """
    found = TextCNN(len(weights), len(mean), n_segments=NEAR[1] - NEAR[0], n_features=n_features, **OPTIONS)
    found.requires_grad_(False)
    tensors = dict(found.named_parameters())
    for tensor in tensors.values():
        tensor.zero_()
    signs = torch.tensor([1.0, -1.0])
    scaled = torch.from_numpy(weights * EFFECT / WEIGHT).float()
    tensors["convolutions.0.weight"][:, :, 0] = signs[:, None] * scaled
    tensors["convolutions.0.bias"].copy_(-signs * float(scaled @ torch.from_numpy(usual).float()))
    tensors["dense.0.weight"].view(2, 2).copy_(torch.outer(signs, signs))
    found.output.weight[:, :2] = signs
    found.output.bias.copy_(torch.from_numpy(mean))
    return found.eval()


def main() -> None:
    """Writes ``effects.safetensors`` and ``effects.json``."""
    genes, by, rm = promoters()
    with np.load(WORK / "yeast.npz") as pack:
        labels, n_features = pack["labels"].astype(np.float64), len(pack["codon_names"])
        known = pd.Series(pack["split"] < 2, index=pack["gene_id"])
        coding = pd.Series(~np.isnan(pack["codons"][:, 0]), index=pack["gene_id"])
        mean = np.nanmean(labels[pack["split"] < 2], axis=0)
    # Counts in place of multiples of equal shares; a k-mer and its reverse complement as one.
    per_count = 4**RECIPE.kmers / (RECIPE.segment - RECIPE.kmers + 1)
    other = other_strand()
    kept = np.flatnonzero(np.arange(len(other)) <= other)
    by_both, rm_both = (((part + part[:, other]) / 2 / per_count)[:, kept] for part in (by, rm))
    trained = genes["gene_id"].isin(known.index[known & coding]).to_numpy()
    variance = np.cov(by_both[trained], rowvar=False)
    # The table has BY - RM in log2.
    effects = -pd.read_csv(EFFECTS, sep="\t", index_col=0)["effect_mean"].clip(-LARGEST, LARGEST)
    measured = genes["gene_id"].map(effects).to_numpy(float)
    fitted = np.flatnonzero((genes["split"] < 2).to_numpy() & ~np.isnan(measured))
    changes, target, chrom = rm_both[fitted] - by_both[fitted], measured[fitted], genes["chrom"].to_numpy()[fitted]
    left_out = np.zeros(len(fitted))
    for name in np.unique(chrom):
        others = chrom != name
        left_out[~others] = changes[~others] @ line(changes[others], target[others], variance)
    of_counts = line(changes, target, variance)
    weights = np.zeros(4**RECIPE.kmers)
    weights[kept] = of_counts
    weights = (weights + weights[other]) / 2 / per_count
    found = head(weights, by[trained].mean(axis=0), mean, n_features)
    described = {
        "genes": len(fitted),
        "left_out_correlation": round(float(np.corrcoef(left_out, target)[0, 1]), 4),
        "deviation_of_changes": round(float(EFFECT * left_out.std()), 4),
        "deviation_of_genes": round(float(EFFECT * (by_both[trained] @ of_counts).std()), 4),
    }
    print(json.dumps(described))
    table = genes.iloc[fitted].assign(left_out=EFFECT * left_out)
    table.to_csv(WORK / "models" / "effects.tsv", sep="\t", index=False, float_format="%.6g")
    save_file(
        {key: value.half().contiguous() for key, value in found.state_dict().items()},
        WORK / "models" / "effects.safetensors",
    )
    (WORK / "models" / "effects.json").write_text(json.dumps(described))


if __name__ == "__main__":
    main()
