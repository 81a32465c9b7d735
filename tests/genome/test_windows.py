"""Windows around the TSS: where they lie and what bases they hold."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from genome_files import write_fasta

from texcnn.errors import InputError
from texcnn.genome.annotation import read_bed, read_gtf
from texcnn.genome.gene import Annotation, Gene
from texcnn.genome.interval import Interval, reverse_complement
from texcnn.genome.reference import Reference
from texcnn.genome.skipped import Skipped
from texcnn.genome.windows import Window, WindowSpec, place_genes, read_windows

CHR1 = "ACGTACGTAACCGGTT"


@pytest.fixture
def reference(tmp_path: Path) -> Reference:
    return Reference(write_fasta(tmp_path / "genome.fa", {"chr1": CHR1, "chrM": "GGGGCCCC"}))


def genes_of(*genes: Gene) -> Annotation:
    return Annotation(list(genes), [Skipped("OLD", "earlier")], Path("genes.gtf"))


def test_default_window() -> None:
    assert (WindowSpec().upstream, WindowSpec().downstream, WindowSpec().length) == (7000, 3500, 10_500)


@pytest.mark.parametrize(
    ("strand", "start", "end"), [("+", 100 - 7, 100 + 3), ("-", 100 - 3 + 1, 100 + 7 + 1)]
)  # the TSS is base 100 in both
def test_interval_on_either_strand(strand: str, start: int, end: int) -> None:
    assert WindowSpec(7, 3).interval(Gene("G", "G", "chr1", 100, strand)) == Interval("chr1", start, end, strand)


def test_interval_may_be_negative() -> None:
    assert WindowSpec(7, 3).interval(Gene("G", "G", "chr1", 2, "+")).start == -5


@pytest.mark.parametrize(("upstream", "downstream"), [(-1, 5), (5, -1), (0, 0)])
def test_impossible_windows(upstream: int, downstream: int) -> None:
    with pytest.raises(InputError, match=f"{upstream} bp upstream and {downstream} bp downstream is impossible"):
        WindowSpec(upstream, downstream)


def test_one_sided_windows(reference: Reference) -> None:
    plus, minus = Gene("P", "P", "chr1", 8, "+"), Gene("M", "M", "chr1", 8, "-")
    after = [window.sequence for window in read_windows(reference, [plus, minus], WindowSpec(0, 3))]
    before = [window.sequence for window in read_windows(reference, [plus, minus], WindowSpec(3, 0))]
    assert after == [CHR1[8:11], reverse_complement(CHR1[6:9])]
    assert before == [CHR1[5:8], reverse_complement(CHR1[9:12])]


def test_the_tss_is_the_base_at_upstream_on_either_strand(reference: Reference) -> None:
    spec = WindowSpec(7, 3)
    genes = [Gene(f"{tss}{strand}", "", "chr1", tss, strand) for tss in range(16) for strand in "+-"]
    for window in read_windows(reference, genes, spec):
        base = CHR1[window.gene.tss]
        assert window.sequence[7] == (base if window.gene.strand == "+" else reverse_complement(base))
        assert len(window.sequence) == 10


def test_windows_are_padded_and_their_n_counted(reference: Reference) -> None:
    genes = [Gene("A", "A", "chr1", 1, "+"), Gene("B", "B", "chr1", 15, "-")]
    first, second = read_windows(reference, genes, WindowSpec(4, 4))
    assert (first.sequence, first.n_fraction) == ("NNN" + "ACGTA", 3 / 8)
    assert (second.sequence, second.n_fraction) == ("NNNN" + reverse_complement("GGTT"), 4 / 8)
    assert first.interval == Interval("chr1", -3, 5, "+")


def test_read_windows_is_lazy_and_keeps_the_order(reference: Reference) -> None:
    endless = (Gene(str(number), "", "chr1", number % 16, "+") for number in itertools.count())
    windows = read_windows(reference, endless, WindowSpec(2, 2))
    assert [window.gene.id for window in itertools.islice(windows, 5)] == ["0", "1", "2", "3", "4"]


def test_window_refuses_a_sequence_of_another_length() -> None:
    with pytest.raises(InputError, match=r"window of 5 bp holds 4 bases.*gene 'G'"):
        Window(Gene("G", "G", "chr1", 3, "+"), Interval("chr1", 0, 5), "ACGT")


def test_place_genes_skips_what_the_fasta_lacks(reference: Reference) -> None:
    good, unknown = Gene("A", "A", "chr1", 15, "+"), Gene("B", "B", "chr7", 3, "+")
    beyond, last = Gene("C", "C", "chr1", 16, "-"), Gene("D", "D", "chrM", 0, "-")
    annotation = place_genes(reference, genes_of(good, unknown, beyond, last))
    assert annotation.genes == [good, last]
    assert annotation.skipped == [
        Skipped("OLD", "earlier"),
        Skipped("B", "chromosome 'chr7' is not in the FASTA"),
        Skipped("C", "TSS 17 lies beyond the end of chromosome 'chr1' (16 bp)"),
    ]
    assert annotation.path == Path("genes.gtf")


def test_place_genes_refuses_or_maps_the_other_naming_style(reference: Reference) -> None:
    annotation = genes_of(Gene("A", "A", "1", 5, "+", "T"), Gene("B", "B", "MT", 3, "-"))
    with pytest.raises(InputError, match="`map_chrom_names`"):
        place_genes(reference, annotation)
    mapped = place_genes(reference, annotation, map_chrom_names=True)
    assert mapped.genes == [Gene("A", "A", "chr1", 5, "+", "T"), Gene("B", "B", "chrM", 3, "-")]
    sequences = [window.sequence for window in read_windows(reference, mapped.genes, WindowSpec(1, 1))]
    assert sequences == [CHR1[4:6], reverse_complement("GC")]


def test_place_genes_without_genes_keeps_the_skipped(reference: Reference) -> None:
    assert place_genes(reference, genes_of()) == genes_of()


@pytest.mark.data
def test_complete_windows_of_xpresso_in_the_slice(data: Path) -> None:
    spec = WindowSpec()
    bed = read_bed(data / "human" / "xpresso_tss_20kb.bed", anchor="center", spec=spec)
    with Reference(data / "human" / "hg38_slice.fa.gz") as reference:
        placed = place_genes(reference, bed)
        assert len(placed.genes) + len(placed.skipped) == 18_413
        complete = [window for window in read_windows(reference, placed.genes, spec) if window.n_fraction == 0]
        assert len(complete) > 200
        for window in complete[::10]:
            place = window.interval
            forward = reference.fetch(Interval(place.chrom, place.start, place.end))
            assert window.sequence == (forward if place.strand == "+" else reverse_complement(forward))


@pytest.mark.data
def test_yeast_start_codons_on_both_strands(data: Path) -> None:
    # This annotation has no UTRs: a transcript starts at its start codon.
    annotation = read_gtf(data / "yeast" / "R64-1-1.81.gtf.gz")
    with Reference(data / "yeast" / "R64-1-1.fa.gz") as reference:
        placed = place_genes(reference, annotation)
        assert (len(placed.genes), placed.skipped) == (7126, [])
        codons = [(w.gene.strand, w.sequence) for w in read_windows(reference, placed.genes, WindowSpec(0, 3))]
    for strand in "+-":
        starts = [codon == "ATG" for found, codon in codons if found == strand]
        assert sum(starts) > 0.9 * len(starts)
