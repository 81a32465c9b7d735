"""From genes to windows of bases around their TSS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from texcnn.errors import InputError
from texcnn.genome.gene import Annotation, Gene
from texcnn.genome.interval import Interval
from texcnn.genome.naming import match_names
from texcnn.genome.reference import Reference
from texcnn.genome.skipped import Skipped


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """How far a window reaches from the TSS, along the gene's strand.

    Attributes:
        upstream: Bases before the TSS.
        downstream: Bases from the TSS on, the TSS included.
        grid: Shift the window, by half of this at most, so that its 5' end is on a multiple of this many bases of
            the chromosome: windows of neighbouring genes on one strand then consist of the same segments. None keeps
            the window where the TSS puts it.

    Raises:
        InputError: A number is negative, both are 0, or the grid is so wide that a window could miss its TSS.
    """

    upstream: int = 7000
    downstream: int = 3500
    grid: int | None = None

    def __post_init__(self) -> None:
        """Checks the fields."""
        if self.upstream < 0 or self.downstream < 0 or self.length == 0:
            raise InputError(
                f"a window of {self.upstream} bp upstream and {self.downstream} bp downstream is impossible",
                allowed="numbers of at least 0 that are not both 0",
            )
        reach = min(self.upstream, self.downstream)
        if self.grid is not None and (self.grid < 1 or self.grid // 2 >= reach):
            raise InputError(
                f"no grid of {self.grid} bp for a window of {self.upstream} bp upstream and {self.downstream} bp "
                "downstream: it could miss its TSS",
                allowed=f"1 to {2 * reach - 1} bp" if reach else "none",
            )

    @property
    def length(self) -> int:
        """Bases in a window."""
        return self.upstream + self.downstream

    def interval(self, gene: Gene) -> Interval:
        """The window of a gene, which may hang over either end of the chromosome."""
        if gene.strand == "+":
            start = self._on_grid(gene.tss - self.upstream)
            return Interval(gene.chrom, start, start + self.length, "+")
        end = self._on_grid(gene.tss + self.upstream + 1)
        return Interval(gene.chrom, end - self.length, end, "-")

    def _on_grid(self, place: int) -> int:
        return place if self.grid is None else (place + self.grid // 2) // self.grid * self.grid


@dataclass(frozen=True, slots=True)
class Window:
    """The bases around one gene's TSS.

    Attributes:
        gene: The gene.
        interval: Position of the bases.
        sequence: Upper-case ``ACGTN`` on the gene's strand, one letter per base of ``interval``.

    Raises:
        InputError: The sequence is not as long as the interval.
    """

    gene: Gene
    interval: Interval
    sequence: str

    def __post_init__(self) -> None:
        """Checks the fields."""
        if len(self.sequence) != len(self.interval):
            raise InputError(
                f"a window of {len(self.interval)} bp holds {len(self.sequence)} bases", where=f"gene '{self.gene.id}'"
            )

    @property
    def n_fraction(self) -> float:
        """Share of the window's bases that are N, from 0 to 1."""
        return self.sequence.count("N") / len(self.sequence)


def place_genes(reference: Reference, annotation: Annotation, *, map_chrom_names: bool = False) -> Annotation:
    """Finds each gene's chromosome in the FASTA.

    Args:
        reference: The genome.
        annotation: Genes from a GTF or BED.
        map_chrom_names: Translate chromosome names between the UCSC and Ensembl styles (chr1/1, chrM/MT)
            to the FASTA's instead of refusing a mismatch.

    Returns:
        The genes under the FASTA's chromosome names, in the same order. Genes on a chromosome the FASTA lacks, or
        with a TSS beyond its end, are among the skipped.

    Raises:
        InputError: No chromosome is known, or most would be known only under the other naming style.
    """
    if not annotation.genes:
        return annotation
    names = match_names(annotation, reference.path, list(reference.lengths), map_names=map_chrom_names)
    placed: list[Gene] = []
    skipped = list(annotation.skipped)
    for gene in annotation.genes:
        chrom = names.get(gene.chrom)
        if chrom is None:
            skipped.append(Skipped(gene.id, f"chromosome '{gene.chrom}' is not in the FASTA"))
        elif gene.tss >= (length := reference.lengths[chrom]):
            reason = f"TSS {gene.tss + 1} lies beyond the end of chromosome '{chrom}' ({length} bp)"
            skipped.append(Skipped(gene.id, reason))
        else:
            placed.append(gene if chrom == gene.chrom else replace(gene, chrom=chrom))
    return Annotation(placed, skipped, annotation.path)


def read_windows(reference: Reference, genes: Iterable[Gene], spec: WindowSpec) -> Iterator[Window]:
    """Reads the genes' windows one by one, in the order given; memory does not grow with their number.

    Args:
        reference: The genome.
        genes: Genes that ``place_genes`` found in it.
        spec: The window's reach.

    Yields:
        One window per gene, padded with N beyond the chromosome's ends.

    Raises:
        InputError: A gene's chromosome is unknown or its window is wholly beyond the chromosome.
    """
    for gene in genes:
        interval = spec.interval(gene)
        yield Window(gene, interval, reference.fetch(interval))
