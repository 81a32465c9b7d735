"""Writes the demo genome: simulated chromosomes, genes, variants, and the expression its grammar defines.

Nothing here comes from an organism. Bases are drawn from a seeded generator; every gene carries a planted
promoter whose strength is a noise-free formula (``assets/demo/README.md``), so the true expression of every
gene and the true effect of every variant are known.

    python scripts/make_demo_genome.py --out assets/demo
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pysam

SEED = 20261121
SLOT = 5200
"""Bases reserved for each gene, so that no gene body touches another's promoter."""
TSS_OFFSET = 1500
"""Position of the TSS in the gene's slot, on its strand."""
GAP = 11500
"""Length of the run of N; the default window (7,000 + 3,500) of the gene in its middle has no other base."""
CHROMOSOMES = {"demo1": (24, 8000), "demo2": (17, 8000), "demo3": (8, 500)}
"""Name to (number of genes, bases before the first and after the last slot)."""
GAP_CHROMOSOME, GAP_AFTER = "demo2", 9

# The grammar. Offsets are relative to the TSS, read on the gene's strand, end excluded.
CPG_REGION = (-500, 500)
TATA, TATA_REGION = "TATAAAAG", (-40, -20)
ACTIVATOR, REPRESSOR = "ACCGGAAGTG", "TTCAGCACCACGGA"
MOTIF_REGION = (-200, -50)
BASELINE, FLOOR = -1.0, -1.0  # log10(0 + 0.1): a silent gene
WEIGHTS = {"n_cpg": 0.02, "n_tata": 0.5, "n_activator": 0.35, "n_repressor": -0.8}

_COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


def reverse_complement(bases: str) -> str:
    """Reads the other strand."""
    return bases.translate(_COMPLEMENT)[::-1]


class Dice:
    """A seeded generator that uses only ``random()``, the one method whose stream Python promises to keep."""

    def __init__(self, seed: int) -> None:
        """Starts the stream of a seed."""
        self._random = random.Random(seed).random

    def between(self, low: float, high: float) -> float:
        """Draws a number of [low, high)."""
        return low + (high - low) * self._random()

    def integer(self, low: int, high: int) -> int:
        """Draws an integer of [low, high]."""
        return low + int(self._random() * (high - low + 1))

    def bases(self, length: int, gc: float, cpg: float) -> list[str]:
        """Draws bases of a GC content; a G after a C is accepted with probability ``cpg`` (CpG depletion)."""
        drawn: list[str] = []
        while len(drawn) < length:
            strong = self._random() < gc
            base = ("CG" if strong else "AT")[self._random() < 0.5]
            if base == "G" and drawn and drawn[-1] == "C" and self._random() >= cpg:
                continue
            drawn.append(base)
        return drawn


@dataclass
class Transcript:
    """Exons and CDS parts as offsets from the gene's TSS, on its strand, end excluded."""

    id: str
    biotype: str
    exons: list[tuple[int, int]]
    cds: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class DemoGene:
    """A planted gene; ``tss`` is 0-based."""

    id: str
    name: str
    chrom: str
    tss: int
    strand: str
    transcripts: list[Transcript]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Turns offsets from the TSS into chromosome coordinates (0-based, half-open)."""
        return (self.tss + start, self.tss + end) if self.strand == "+" else (self.tss - end + 1, self.tss - start + 1)


def promoter_features(chromosome: str, tss: int, strand: str) -> dict[str, int]:
    """Counts the grammar's features around a TSS; motifs other than the TATA box count on both strands."""

    def region(bounds: tuple[int, int]) -> str:
        if strand == "+":
            return chromosome[tss + bounds[0] : tss + bounds[1]]
        return reverse_complement(chromosome[tss - bounds[1] + 1 : tss - bounds[0] + 1])

    motifs = region(MOTIF_REGION)
    return {
        "n_cpg": region(CPG_REGION).count("CG"),
        "n_tata": int(TATA in region(TATA_REGION)),
        "n_activator": motifs.count(ACTIVATOR) + motifs.count(reverse_complement(ACTIVATOR)),
        "n_repressor": motifs.count(REPRESSOR) + motifs.count(reverse_complement(REPRESSOR)),
    }


def true_expression(features: dict[str, int]) -> float:
    """The expression, log10(RPKM + 0.1), that the grammar gives to the features."""
    return max(FLOOR, BASELINE + sum(WEIGHTS[name] * count for name, count in features.items()))


def _clip(exons: list[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    return [(max(a, start), min(b, end)) for a, b in exons if max(a, start) < min(b, end)]


def _open_reading_frame(bases: list[str], exons: list[tuple[int, int]], dice: Dice) -> list[tuple[int, int]]:
    """Writes ATG, codons without a stop, and TAA into the exons; returns the CDS, stop codon excluded."""
    utr5, utr3 = dice.integer(60, 120), dice.integer(80, 150)
    positions = [p for a, b in exons for p in range(a, b)][utr5:-utr3]
    codons = [positions[i : i + 3] for i in range(0, len(positions) - len(positions) % 3, 3)]
    for codon in codons[1:-1]:
        if "".join(bases[TSS_OFFSET + p] for p in codon) in {"TAA", "TAG", "TGA"}:
            bases[TSS_OFFSET + codon[0]] = "C"
    for codon, letters in ((codons[0], "ATG"), (codons[-1], "TAA")):
        for position, letter in zip(codon, letters, strict=True):
            bases[TSS_OFFSET + position] = letter
    return _clip(exons, codons[0][0], codons[-2][2] + 1)


def _transcripts(number: int, bases: list[str], dice: Dice) -> list[Transcript]:
    """Draws a gene's exons and writes its splice sites and reading frame into the bases."""
    exons, start = [], 0
    count = dice.integer(1, 4)
    for index in range(count):
        length = dice.integer(300, 600) if index in (0, count - 1) else dice.integer(80, 250)
        exons.append((start, start + length))
        start += length + dice.integer(100, 400)
    for (_, left), (right, _) in pairwise(exons):
        bases[TSS_OFFSET + left : TSS_OFFSET + left + 2] = "GT"
        bases[TSS_OFFSET + right - 2 : TSS_OFFSET + right] = "AG"
    identity = f"DEMOT{number:08d}"
    if number % 10 == 0:
        return [Transcript(f"{identity}1", "lncRNA", exons)]
    cds = _open_reading_frame(bases, exons, dice)
    transcripts = [Transcript(f"{identity}1", "protein_coding", exons, cds)]
    if number % 4 == 0:  # starts further upstream and is longer, but codes for nothing
        transcripts.append(Transcript(f"{identity}2", "processed_transcript", [(-300, exons[0][1]), *exons[1:]]))
    elif number % 4 == 1 and count > 1 and _clip(exons[1:], *cds[-1]):  # starts later, with a shorter CDS
        later = [part for part in cds if part[0] >= exons[1][0]]
        transcripts.append(Transcript(f"{identity}2", "protein_coding", exons[1:], later))
    return transcripts


def _plant(bases: list[str], dice: Dice) -> None:
    """Clears the bases before the TSS of chance motifs, then plants TATA box, activators and repressor."""
    upstream = "".join(bases[:TSS_OFFSET])
    for motif in (TATA, ACTIVATOR, REPRESSOR):
        for found in (motif, reverse_complement(motif)):
            upstream = upstream.replace(found, found[:3] + ("A" if found[3] != "A" else "C") + found[4:])
    bases[:TSS_OFFSET] = upstream
    if dice.between(0, 1) < 0.4:
        bases[TSS_OFFSET - 32 : TSS_OFFSET - 32 + len(TATA)] = TATA
    motifs = [ACTIVATOR] * dice.integer(0, 3) + [REPRESSOR] * (dice.between(0, 1) < 0.25)
    for motif, site in zip(motifs, (-190, -165, -140, -115), strict=False):
        oriented = motif if dice.between(0, 1) < 0.5 else reverse_complement(motif)
        bases[TSS_OFFSET + site : TSS_OFFSET + site + len(motif)] = oriented


def simulate(seed: int) -> tuple[dict[str, str], list[DemoGene]]:
    """Draws the chromosomes and their genes, in genome order; the gene inside the gap comes in its place."""
    dice = Dice(seed)
    chromosomes: dict[str, str] = {}
    genes: list[DemoGene] = []
    for chrom, (count, margin) in CHROMOSOMES.items():
        sequence = "".join(dice.bases(margin, 0.41, 0.25))
        for index in range(count):
            number = len(genes) + 1
            if chrom == GAP_CHROMOSOME and index == GAP_AFTER:
                start = len(sequence) + (GAP - 10500) // 2 + 7000
                sequence += "N" * GAP
                transcript = Transcript(f"DEMOT{number:08d}1", "lncRNA", [(0, 400)])
                genes.append(DemoGene(f"DEMOG{number:08d}", "GAP1", chrom, start, "+", [transcript]))
                number += 1
            background = dice.between(0.36, 0.52)  # isochores
            bases = dice.bases(SLOT, background, 0.25)
            half = dice.integer(250, 700)
            if dice.between(0, 1) < 0.6:
                island = dice.bases(2 * half, dice.between(0.56, 0.70), dice.between(0.55, 1.0))
                bases[TSS_OFFSET - half : TSS_OFFSET + half] = island
            transcripts = _transcripts(number, bases, dice)
            _plant(bases, dice)
            ends = chrom == "demo3" and index in (0, count - 1)  # windows that hang over a chromosome's end
            strand = ("+" if index == 0 else "-") if ends else "+-"[dice.integer(0, 1)]
            oriented = "".join(bases) if strand == "+" else reverse_complement("".join(bases))
            tss = len(sequence) + (TSS_OFFSET if strand == "+" else SLOT - 1 - TSS_OFFSET)
            sequence += oriented
            genes.append(DemoGene(f"DEMOG{number:08d}", f"DEM{number}", chrom, tss, strand, transcripts))
        chromosomes[chrom] = sequence + "".join(dice.bases(margin, 0.41, 0.25))
    return chromosomes, genes


def gtf_text(genes: list[DemoGene], seed: int) -> str:
    """The annotation in Ensembl's GTF style; CDS rows leave out the stop codon."""
    rows = [
        f"#!genome-build texcnn-demo: SIMULATED by scripts/make_demo_genome.py, seed {seed}; not a real organism",
    ]

    def row(gene: DemoGene, kind: str, span: tuple[int, int], attributes: str, frame: str = ".") -> None:
        start, end = gene.span(*span)
        rows.append(f"{gene.chrom}\tdemo\t{kind}\t{start + 1}\t{end}\t.\t{gene.strand}\t{frame}\t{attributes}")

    for gene in genes:
        starts, ends = zip(*(part for t in gene.transcripts for part in t.exons), strict=True)
        biotype = gene.transcripts[0].biotype
        common = f'gene_id "{gene.id}"; gene_name "{gene.name}"; gene_biotype "{biotype}";'
        row(gene, "gene", (min(starts), max(ends)), common)
        for transcript in gene.transcripts:
            of_transcript = f'{common} transcript_id "{transcript.id}"; transcript_biotype "{transcript.biotype}";'
            row(gene, "transcript", (transcript.exons[0][0], transcript.exons[-1][1]), of_transcript)
            for number, exon in enumerate(transcript.exons, start=1):
                row(
                    gene, "exon", exon, f'gene_id "{gene.id}"; transcript_id "{transcript.id}"; exon_number "{number}";'
                )
            # The first transcript's phase holds for the others too: their CDS is a tail of its CDS.
            phases, length = {}, 0
            for start, end in gene.transcripts[0].cds:
                phases[start], length = -length % 3, length + end - start
            for part in transcript.cds:
                attributes = f'gene_id "{gene.id}"; transcript_id "{transcript.id}";'
                row(gene, "CDS", part, attributes, str(phases[part[0]]))
    return "\n".join(rows) + "\n"


def truth_text(chromosomes: dict[str, str], genes: list[DemoGene]) -> str:
    """One row per gene that can be predicted; ``tss`` is 1-based. The gene inside the gap has none."""
    rows = ["\t".join(["gene_id", "true_expression", "chrom", "tss", "strand", *WEIGHTS])]
    for gene in genes:
        if gene.name == "GAP1":
            continue
        features = promoter_features(chromosomes[gene.chrom], gene.tss, gene.strand)
        values = [gene.id, f"{true_expression(features):.2f}", gene.chrom, gene.tss + 1, gene.strand]
        rows.append("\t".join(map(str, [*values, *features.values()])))
    return "\n".join(rows) + "\n"


def _variant_sites(sequence: str, gene: DemoGene) -> list[tuple[str, int, int]]:
    """(kind, first base, length) of each planted motif of a gene, and of a place far from the promoter."""
    sites = []
    for kind, motif, bounds in (
        ("tata", TATA, TATA_REGION),
        ("activator", ACTIVATOR, MOTIF_REGION),
        ("repressor", REPRESSOR, MOTIF_REGION),
    ):
        start, end = gene.span(*bounds)
        for word in (motif, reverse_complement(motif)):
            at = sequence.find(word, start, end)
            if at >= 0:
                sites.append((kind, at, len(motif)))
                break
    sites.append(("neutral", gene.span(-1200, -1199)[0], 1))
    return sites


def vcf_text(chromosomes: dict[str, str], genes: list[DemoGene], seed: int) -> str:
    """Variants that break a planted motif (SNVs, some deletions) and neutral ones, with their true effect."""
    header = [
        "##fileformat=VCFv4.3",
        f"##source=scripts/make_demo_genome.py, seed {seed}: SIMULATED, not a real organism",
        *(f"##contig=<ID={chrom},length={len(sequence)}>" for chrom, sequence in chromosomes.items()),
        '##INFO=<ID=GENE,Number=1,Type=String,Description="Gene whose promoter it lies in">',
        '##INFO=<ID=KIND,Number=1,Type=String,Description="What it breaks">',
        '##INFO=<ID=TRUE_DELTA,Number=1,Type=Float,Description="True change of log10(RPKM + 0.1)">',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
    ]
    wanted = {"tata": 5, "activator": 7, "repressor": 3, "neutral": 5}
    rows = []
    predictable = [gene for gene in genes if gene.name != "GAP1"]
    for gene in predictable[::-2]:  # every second one, so that the variants spread over all chromosomes
        sequence = chromosomes[gene.chrom]
        kind, at, length = max(_variant_sites(sequence, gene), key=lambda site: wanted[site[0]])
        if not wanted[kind]:
            continue
        wanted[kind] -= 1
        if kind == "activator" and wanted[kind] < 2:  # delete the whole motif
            ref, alt, pos = sequence[at - 1 : at + length], sequence[at - 1], at - 1
        else:
            pos = at + length // 2
            ref = sequence[pos]
            alt = {"A": "C", "C": "A", "G": "T", "T": "G"}[ref]
        changed = sequence[:pos] + alt + sequence[pos + len(ref) :]
        tss = gene.tss + (len(alt) - len(ref) if pos < gene.tss else 0)
        before = true_expression(promoter_features(sequence, gene.tss, gene.strand))
        delta = true_expression(promoter_features(changed, tss, gene.strand)) - before
        info = f"GENE={gene.id};KIND={kind};TRUE_DELTA={delta:.2f}"
        rows.append(
            (list(chromosomes).index(gene.chrom), pos, f"{gene.chrom}\t{pos + 1}\t{{}}\t{ref}\t{alt}\t.\t.\t{info}")
        )
    lines = [text.format(f"demo_v{number}") for number, (_, _, text) in enumerate(sorted(rows), start=1)]
    return "\n".join(header + lines) + "\n"


def write_demo_genome(out: Path, seed: int = SEED) -> None:
    """Writes genome.fa.gz (with .fai and .gzi), genes.gtf, variants.vcf and truth.tsv into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    chromosomes, genes = simulate(seed)
    (out / "genes.gtf").write_text(gtf_text(genes, seed), encoding="utf-8")
    (out / "truth.tsv").write_text(truth_text(chromosomes, genes), encoding="utf-8")
    (out / "variants.vcf").write_text(vcf_text(chromosomes, genes, seed), encoding="utf-8")
    lines = []
    for chrom, sequence in chromosomes.items():
        lines.append(f">{chrom} SIMULATED by scripts/make_demo_genome.py, seed {seed}; not a real organism")
        lines += [sequence[start : start + 60] for start in range(0, len(sequence), 60)]
    fasta = out / "genome.fa.gz"
    with pysam.BGZFile(str(fasta), "w", index=None) as file:
        file.write(("\n".join(lines) + "\n").encode())
    pysam.faidx(str(fasta))


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    write_demo_genome(arguments.out, arguments.seed)


if __name__ == "__main__":
    main()
