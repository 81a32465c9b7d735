"""From files to placed genes: what was asked for is either placed or skipped."""

from __future__ import annotations

from pathlib import Path

import pytest
from genome_files import write_fasta

from texcnn.errors import InputError
from texcnn.genome.gene import Gene
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection
from texcnn.genome.skipped import Skipped
from texcnn.genome.windows import WindowSpec

SPEC = WindowSpec(7, 3)


@pytest.fixture
def reference(tmp_path: Path) -> Reference:
    return Reference(write_fasta(tmp_path / "genome.fa", {"chr1": "ACGT" * 10}))


@pytest.fixture
def gtf(tmp_path: Path) -> Path:
    path = tmp_path / "genes.gtf"
    rows = [("A", "TA", 5, "chr1"), ("B", "TB", 15, "chr1"), ("B", "TC", 12, "chr1"), ("D", "TD", 5, "chr9")]
    with path.open("w") as handle:
        for gene, transcript, start, chrom in rows:
            attributes = f'gene_id "{gene}"; transcript_id "{transcript}"; gene_name "n{gene}";'
            handle.write(f"{chrom}\tx\texon\t{start}\t20\t.\t+\t.\t{attributes}\n")
    return path


@pytest.fixture
def bed(tmp_path: Path) -> Path:
    path = tmp_path / "intervals.bed"
    path.write_text("chr1\t10\t20\tA\t0\t+\nchr1\t30\t41\tB\t0\t-\n")
    return path


def test_genes_of_a_gtf(reference: Reference, gtf: Path) -> None:
    annotation = load_genes(reference, SPEC, GeneSelection(gtf=gtf))
    assert annotation.genes == [Gene("A", "nA", "chr1", 4, "+"), Gene("B", "nB", "chr1", 11, "+")]
    assert annotation.skipped == [Skipped("D", "chromosome 'chr9' is not in the FASTA")]


@pytest.mark.parametrize("transcripts", ["gene", "all"])
def test_a_gene_is_kept_where_the_genome_has_it(reference: Reference, tmp_path: Path, transcripts: str) -> None:
    path = tmp_path / "alternate.gtf"
    rows = [("A", "chr6_alt"), ("B", "chr1"), ("A", "chr1"), ("C", "chr6_alt")]
    path.write_text(
        "".join(f'{chrom}\tx\texon\t5\t20\t.\t+\t.\tgene_id "{gene}"; transcript_id "T";\n' for gene, chrom in rows)
    )
    annotation = load_genes(reference, SPEC, GeneSelection(gtf=path, transcripts=transcripts))
    assert sorted((gene.id, gene.chrom) for gene in annotation.genes) == [("A", "chr1"), ("B", "chr1")]
    reasons = {row.gene_id: row.reason for row in annotation.skipped}
    assert reasons["A"].startswith("further place chr6_alt:5-20(+)")
    assert reasons["C"] == "chromosome 'chr6_alt' is not in the FASTA"
    assert len(annotation.genes) + len(annotation.skipped) == len(rows)


def test_transcripts_of_a_gtf(reference: Reference, gtf: Path) -> None:
    annotation = load_genes(reference, SPEC, GeneSelection(gtf=gtf, transcripts="all"))
    assert [gene.transcript_id for gene in annotation.genes] == ["TA", "TB", "TC"]


def test_wanted_genes_are_placed_or_skipped(reference: Reference, gtf: Path) -> None:
    annotation = load_genes(reference, SPEC, GeneSelection(gtf=gtf, genes=["nB", "D", "Z"]))
    assert [gene.id for gene in annotation.genes] == ["B"]
    assert {row.gene_id for row in annotation.skipped} == {"D", "Z"}


@pytest.mark.parametrize(("anchor", "tss"), [("five-prime", [10]), ("center", [15, 35]), ("window", [17])])
def test_anchors_of_a_bed(reference: Reference, bed: Path, anchor: str, tss: list[int]) -> None:
    annotation = load_genes(reference, SPEC, GeneSelection(bed=bed, bed_anchor=anchor))
    assert [gene.tss for gene in annotation.genes] == tss
    assert len(annotation.genes) + len(annotation.skipped) == 2  # B's 5' end, base 41, lies beyond the chromosome


def test_exactly_one_of_gtf_and_bed(reference: Reference, gtf: Path, bed: Path) -> None:
    with pytest.raises(InputError, match=r"no genes .* in `gtf` and `bed`.*exactly one of them"):
        load_genes(reference, SPEC, GeneSelection())
    with pytest.raises(InputError, match=r"either a GTF or a BED .* in `gtf` and `bed`"):
        GeneSelection(gtf=gtf, bed=bed)


def test_transcripts_need_a_gtf(reference: Reference, bed: Path) -> None:
    with pytest.raises(InputError, match="transcripts are chosen from a GTF"):
        GeneSelection(bed=bed, transcripts="all")


def test_an_anchor_needs_a_bed(reference: Reference, gtf: Path) -> None:
    with pytest.raises(InputError, match=r"a GTF has the TSS – in `bed_anchor` – allowed: five-prime"):
        GeneSelection(gtf=gtf, bed_anchor="center")


def test_a_window_without_a_base_is_skipped(tmp_path: Path, reference: Reference) -> None:
    (tmp_path / "ends.bed").write_text("chr1\t0\t5\tA\t0\t+\nchr1\t1\t5\tB\t0\t+\nchr1\t30\t40\tC\t0\t-\n")
    annotation = load_genes(reference, WindowSpec(7, 0), GeneSelection(bed=tmp_path / "ends.bed"))
    assert [gene.id for gene in annotation.genes] == ["B"]
    assert annotation.skipped == [
        Skipped("A", "the window chr1:-7-0:+ lies wholly outside its chromosome"),
        Skipped("C", "the window chr1:40-47:- lies wholly outside its chromosome"),
    ]
