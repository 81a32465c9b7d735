"""Finds the genes of each alternative allele and changes their windows, a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from texcnn.genome.cached_bases import CachedBases
from texcnn.genome.check_variant import VariantCheck
from texcnn.genome.edit import EditedWindow, edit_window
from texcnn.genome.gene import Gene
from texcnn.genome.interval import Interval
from texcnn.genome.normalize import Edit
from texcnn.genome.reference import Reference
from texcnn.genome.variant import NotScored, Variant, VariantStatus
from texcnn.genome.window_index import WindowIndex, distance_to_tss
from texcnn.genome.windows import Window, WindowSpec

ALLELES_PER_CHUNK = 2048
"""Enough for full batches of the encoders, few enough to keep memory flat and to lose little when a run is killed."""

_WINDOWS_KEPT = 1024


@dataclass(frozen=True, slots=True)
class Pair:
    """One allele and one gene; the allele changes the gene's window.

    Attributes:
        allele: Which allele of the chunk.
        gene: Which gene of the annotation.
        distance: Bases from the TSS to the change along the gene, negative upstream.
        edited: The window after the change.
    """

    allele: int
    gene: int
    distance: int
    edited: EditedWindow


@dataclass(frozen=True)
class AlleleChunk:
    """Some alleles in the order of their source.

    Attributes:
        variants: The alleles as stated.
        problems: Why an allele has no pair; None where it has at least one.
        pairs: Alleles and genes, ordered by allele and then as the genes are.
        normalized: Numbers of the alleles that were trimmed or moved to the left.
    """

    variants: list[Variant]
    problems: list[NotScored | None]
    pairs: list[Pair] = field(default_factory=list)
    normalized: set[int] = field(default_factory=set)


class PairMaker:
    """Finds the genes of each allele and applies it to their windows.

    Args:
        reference: The genome.
        genes: Placed genes.
        spec: The window's reach.
        max_distance: Largest distance of a change from the TSS; None for the whole window.
    """

    def __init__(
        self, reference: Reference, genes: Sequence[Gene], spec: WindowSpec, *, max_distance: int | None = None
    ) -> None:
        self.genes = genes
        self.bases = CachedBases(reference)
        self._spec = spec
        self._index = WindowIndex(genes, spec, max_distance=max_distance)
        self.window = lru_cache(_WINDOWS_KEPT)(self._window)

    def chunks(self, variants: Iterable[Variant], check: VariantCheck, *, skip: int = 0) -> Iterator[AlleleChunk]:
        """Yields chunks of :data:`ALLELES_PER_CHUNK` alleles, the last one smaller.

        Args:
            variants: The alleles in the order of their source.
            check: Compares them with the genome, and counts.
            skip: Chunks whose alleles are only compared.

        Raises:
            InputError: The genome is another one than that of the variants.
        """
        source = iter(variants)
        for variant in islice(source, skip * ALLELES_PER_CHUNK):
            check.check(variant)
        while taken := list(islice(source, ALLELES_PER_CHUNK)):
            chunk = AlleleChunk(taken, [])
            for number, variant in enumerate(taken):
                before = check.normalized
                found = check.check(variant)
                if check.normalized > before:
                    chunk.normalized.add(number)
                pairs = [] if isinstance(found, NotScored) else self.pairs_of(number, found)
                chunk.pairs.extend(pairs)
                if isinstance(found, NotScored):
                    chunk.problems.append(found)
                else:
                    chunk.problems.append(None if pairs else _outside(variant))
            yield chunk

    def pairs_of(self, allele: int, edit: Edit) -> list[Pair]:
        """Returns the pairs of one allele."""
        return [self.pair(allele, row, edit) for row in self._index.genes_of(edit)]

    def pair(self, allele: int, row: int, edit: Edit) -> Pair:
        """Returns the pair of an allele and one gene."""
        edited = edit_window(self.bases, self.window(row), [edit])
        return Pair(allele, row, distance_to_tss(edit, self.genes[row]), edited)

    def _window(self, row: int) -> Window:
        gene = self.genes[row]
        interval = self._spec.interval(gene)
        # Reuse the blocks that the variants were compared with: reading the FASTA's blocks costs more than the bases.
        bases = self.bases.fetch_stranded(Interval(gene.chrom, interval.start, interval.end, gene.strand))
        return Window(gene, interval, bases)


def _outside(variant: Variant) -> NotScored:
    return NotScored(VariantStatus.OUTSIDE_WINDOWS, f"no window has {variant.chrom}:{variant.pos}")
