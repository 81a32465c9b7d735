"""Codon features by hand-made genes on both strands, and against the yeast genome's own reading frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from texcnn.errors import InputError
from texcnn.features.codons import CODON_COLUMNS, CODON_FEATURES, CODON_NUMBER, codon_counts, codon_features
from texcnn.features.gene_features import GeneFeatures
from texcnn.genome.gtf import read_chosen_transcripts
from texcnn.genome.interval import Interval, reverse_complement
from texcnn.genome.mrna import Mrna
from texcnn.genome.reference import Reference

# Exons of 5 and 8 bases of the CDS: the third codon, CTN, and the fourth, GCC, lie on both sides of the border.
PIECES = ("GGGG", "ATGCT", "TTTT", "TGCCGCCT", "GGGG")
CDS = ((4, 9), (13, 21))


def run(folder: Path, genes: dict[str, tuple[str, str, tuple[tuple[int, int], ...]]]) -> GeneFeatures:
    """Genes by id: bases of their chromosome, strand, CDS."""
    text, fasta = "", ""
    for gene, (bases, strand, blocks) in genes.items():
        fasta += f">chr_{gene}\n{bases}\n"
        rows = [("exon", start, end) for start, end in blocks or [(0, 5)]] + [("CDS", *block) for block in blocks]
        for feature, start, end in rows:
            ids = f'gene_id "{gene}"; transcript_id "{gene}.t";'
            text += f"chr_{gene}\tx\t{feature}\t{start + 1}\t{end}\t.\t{strand}\t.\t{ids}\n"
    (folder / "genome.fa").write_text(fasta)
    (folder / "genes.gtf").write_text(text)
    with Reference(folder / "genome.fa") as reference:
        return codon_features(reference, folder / "genes.gtf")


def shares(found: GeneFeatures, gene: str) -> dict[str, float]:
    row = found.frame.set_index("gene_id").loc[gene, list(CODON_FEATURES)]
    return {name.removeprefix("codon_"): value for name, value in row.items() if value}


def test_codons_are_read_along_the_mrna_of_either_strand(tmp_path):
    bases = "".join(PIECES)
    mirrored = tuple(sorted((len(bases) - end, len(bases) - start) for start, end in CDS))
    found = run(tmp_path, {"plus": (bases, "+", CDS), "minus": (reverse_complement(bases), "-", mirrored)})
    # ATG CTT GCC GCC, and a T that makes no codon.
    assert shares(found, "plus") == shares(found, "minus") == {"ATG": 25, "CTT": 25, "GCC": 50}
    assert found.frame.columns.tolist() == ["gene_id", *CODON_COLUMNS]
    assert found.frame[CODON_NUMBER].tolist() == pytest.approx([np.log10(4)] * 2)
    assert found.skipped == []


def test_stop_codons_and_unknown_bases_do_not_count(tmp_path):
    found = run(tmp_path, {"a": ("ATGNTGTGATAATAGAAAatg", "+", ((0, 21),))})
    assert shares(found, "a") == {"ATG": pytest.approx(200 / 3), "AAA": pytest.approx(100 / 3)}
    assert found.frame[CODON_NUMBER].item() == pytest.approx(np.log10(3))
    assert len(CODON_FEATURES) == 61
    assert not {"codon_TAA", "codon_TAG", "codon_TGA"} & set(CODON_FEATURES)


def test_genes_without_a_known_codon_are_skipped(tmp_path):
    found = run(tmp_path, {"a": ("ATGAAA", "+", ((0, 6),)), "b": ("NNNNNN", "+", ((0, 6),)), "c": ("ATGAAA", "+", ())})
    assert found.frame["gene_id"].tolist() == ["a"]
    assert {skipped.gene_id: skipped.reason for skipped in found.skipped} == {
        "b": "no codon of the CDS is known",
        "c": "no transcript has a CDS: the gene is not protein coding",
    }


def test_an_annotation_without_cds_is_refused(tmp_path):
    with pytest.raises(InputError, match="no gene has a CDS"):
        run(tmp_path, {"c": ("ATGAAA", "+", ())})


def test_counts_agree_with_a_loop():
    bases = "".join(np.random.default_rng(0).choice(list("ACGTN"), 300, p=[0.24, 0.24, 0.24, 0.24, 0.04]))
    for strand, read in (("+", bases), ("-", reverse_complement(bases))):
        codons = [read[start : start + 3] for start in range(0, 300, 3)]
        expected = [codons.count(name.removeprefix("codon_")) for name in CODON_FEATURES]
        assert codon_counts(bases, strand).tolist() == expected


@pytest.mark.data
def test_yeast_genes_are_read_in_frame(data):
    folder = data / "yeast"
    chosen, _ = read_chosen_transcripts(folder / "R64-1-1.81.gtf.gz")
    some = [(gene, transcript) for gene, transcript in chosen if transcript.cds_bases][:300]
    with Reference(folder / "R64-1-1.fa.gz") as reference:
        names = [gene.id for gene, _ in some]
        frame = codon_features(reference, folder / "R64-1-1.81.gtf.gz", genes=names).frame.set_index("gene_id")
        starts = []
        for gene, transcript in some:
            blocks = Mrna.of(transcript.exons, transcript.coding, gene.strand).cds
            cds = "".join(reference.fetch(Interval(gene.chrom, *block)) for block in blocks)
            starts.append((reverse_complement(cds) if gene.strand == "-" else cds)[:3])
    assert (frame[list(CODON_FEATURES)].sum(axis=1) - 100).abs().max() < 1e-9
    assert np.mean([start == "ATG" for start in starts]) > 0.95
    # Every gene that starts with ATG has it at least once among its codons; in another frame many would not.
    begins = [gene.id for (gene, _), start in zip(some, starts, strict=True) if start == "ATG"]
    assert (frame.loc[begins, "codon_ATG"] > 0).all()
