"""Many demo genomes in one: genes whose promoter grammar is known, and what each planted motif is worth.

Nothing here comes from an organism (scripts/make_demo_genome.py).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import make_demo_genome as demo
import pandas as pd


@dataclass(frozen=True)
class Simulated:
    """Files of simulated genomes.

    Attributes:
        fasta: All chromosomes.
        bed: One base per gene, its TSS.
        expression: True expression in RPKM, in the column ``simulated``.
        effects: ``chrom pos ref alt effect gene_id significant``: one base of each planted motif replaced, as many
            bases far from it, and what that truly changes.
        motifs: ``gene_id chrom start end kind``: the planted motifs' bases, 0-based half-open.
    """

    fasta: Path
    bed: Path
    expression: Path
    effects: Path
    motifs: Path


def simulate(folder: Path, seeds: Iterable[int]) -> Simulated:
    """Writes the genomes of some seeds into one folder."""
    folder.mkdir(parents=True, exist_ok=True)
    files = Simulated(*(folder / name for name in ("genome.fa", "genes.bed", "rpkm.tsv", "effects.tsv", "motifs.tsv")))
    lines, genes, expression, effects, motifs = [], [], [], [], []
    for seed in seeds:
        chromosomes, of_seed = demo.simulate(seed)
        for chrom, bases in chromosomes.items():
            lines += [f">s{seed}_{chrom}", *(bases[start : start + 60] for start in range(0, len(bases), 60))]
        for gene in of_seed:
            if gene.name == "GAP1":
                continue
            name, chrom, bases = f"S{seed}_{gene.id}", f"s{seed}_{gene.chrom}", chromosomes[gene.chrom]
            genes.append(f"{chrom}\t{gene.tss}\t{gene.tss + 1}\t{name}\t0\t{gene.strand}\n")
            before = demo.true_expression(demo.promoter_features(bases, gene.tss, gene.strand))
            expression.append((name, max(10**before - 0.1, 0)))
            for kind, first, length in demo._variant_sites(bases, gene):
                pos = first + length // 2
                alt = {"A": "C", "C": "A", "G": "T", "T": "G"}[bases[pos]]
                after = demo.true_expression(
                    demo.promoter_features(bases[:pos] + alt + bases[pos + 1 :], gene.tss, gene.strand)
                )
                effect = round(after - before, 6)
                effects.append((chrom, pos + 1, bases[pos], alt, effect, name, effect != 0))
                if kind != "neutral":
                    motifs.append((name, chrom, first, first + length, kind))
    files.fasta.write_text("\n".join(lines) + "\n")
    files.bed.write_text("".join(genes))
    _write(files.expression, expression, ["gene_id", "simulated"])
    _write(files.effects, effects, ["chrom", "pos", "ref", "alt", "effect", "gene_id", "significant"])
    _write(files.motifs, motifs, ["gene_id", "chrom", "start", "end", "kind"])
    return files


def _write(path: Path, rows: Sequence[tuple[object, ...]], columns: list[str]) -> None:
    pd.DataFrame(rows, columns=columns).to_csv(path, sep="\t", index=False)
