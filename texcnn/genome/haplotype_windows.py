"""The windows of genes on both haplotypes of many samples, from one pass through a sorted VCF."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

from texcnn.errors import InputError, RunError
from texcnn.genome.cached_bases import CachedBases
from texcnn.genome.check_variant import VariantCheck
from texcnn.genome.edit import EditedWindow, edit_window
from texcnn.genome.gene import Gene
from texcnn.genome.haplotype import ABSENT, MISSING, FirstWins, carried
from texcnn.genome.normalize import Edit
from texcnn.genome.variant import NotScored, Variant
from texcnn.genome.vcf import VcfReader, VcfRecord
from texcnn.genome.windows import Window, WindowSpec


@dataclass(frozen=True)
class GeneHaplotypes:
    """One gene's window on the haplotypes of all samples, equal ones once.

    Attributes:
        gene: Which gene.
        window: The window of the genome.
        windows: The distinct windows after the samples' variants.
        of_sample: For each sample, which of ``windows`` are its two haplotypes; the second is None where the sample
            has one chromosome only.
        n_variants: For each sample, how many alleles were applied within the window, both haplotypes together.
    """

    gene: int
    window: Window
    windows: list[EditedWindow]
    of_sample: list[tuple[int, int | None]]
    n_variants: list[int]


class _Haplotype:
    """The changes on one chromosome of one sample that genes still need."""

    __slots__ = ("edits", "rule", "starts")

    def __init__(self) -> None:
        self.rule = FirstWins()
        self.starts: list[int] = []
        self.edits: list[Edit] = []

    def between(self, start: int, end: int) -> tuple[Edit, ...]:
        """Changes that touch a stretch of the chromosome."""
        low, high = bisect_left(self.starts, start), bisect_left(self.starts, end)
        if low and self.edits[low - 1].end > start:
            low -= 1
        return tuple(self.edits[low:high])

    def forget(self, before: int) -> None:
        """Drops changes that start before a place."""
        low = bisect_left(self.starts, before)
        del self.starts[:low], self.edits[:low]


class HaplotypeWindows:
    """Applies all variants of each sample to the windows of genes.

    Variants farther than a window's length from every window are not read: no shorter allele reaches from there.

    Args:
        reader: A VCF with genotypes, sorted within each chromosome.
        bases: The genome.
        check: Compares alleles with the genome.
        genes: Placed genes.
        spec: The window's reach.
        unphased: One of :data:`texcnn.genome.haplotype.UNPHASED_CHOICES`.
        only: The FASTA's names of the chromosomes whose genes are wanted; None for all.

    Attributes:
        samples: Names of the samples.
        overlapping: For each sample, alleles that were left out since an earlier one overlaps them.
        missing: For each sample, alleles of half or wholly missing calls; they count as REF.
        elsewhere: Records on chromosomes that the FASTA lacks.
        not_applied: Alleles that some sample carries and that cannot be applied, with the reason.
        chromosomes: The VCF's chromosomes in its order so far, each with its name in the FASTA, None where it lacks it.
    """

    def __init__(
        self,
        reader: VcfReader,
        bases: CachedBases,
        check: VariantCheck,
        genes: Sequence[Gene],
        spec: WindowSpec,
        *,
        unphased: str = "error",
        only: Container[str] | None = None,
    ) -> None:
        self.samples = reader.samples
        self._reader, self._bases, self._check = reader, bases, check
        self._genes, self._spec, self._unphased = genes, spec, unphased
        self._haplotypes = [(_Haplotype(), _Haplotype()) for _ in self.samples]
        self._places: list[int] = []
        self._haploid_now: set[int] = set()
        self._haploid: list[list[int]] = [[] for _ in self.samples]
        self._unknown: list[list[int]] = [[] for _ in self.samples]
        self.overlapping: Counter[str] = Counter()
        self.missing: Counter[str] = Counter()
        self.elsewhere = 0
        self.not_applied: list[tuple[Variant, NotScored]] = []
        self.chromosomes: dict[str, str | None] = {}
        self._by_chrom: dict[str, list[tuple[int, int]]] = {}
        for row, gene in enumerate(genes):
            if only is not None and gene.chrom not in only:
                continue
            self._by_chrom.setdefault(gene.chrom, []).append((spec.interval(gene).start, row))
        for places in self._by_chrom.values():
            places.sort()

    def __iter__(self) -> Iterator[GeneHaplotypes]:
        """Yields each gene once: chromosomes as in the VCF, then those without records; windows by their start.

        Raises:
            InputError: The VCF is not sorted, a genotype cannot be used, or the genome is another one.
        """
        seen: dict[str, None] = {}
        chrom, last = None, -1
        pending: deque[tuple[int, int]] = deque()
        for record in self._reader:
            name = self._check.chromosome(record.chrom)
            self.chromosomes.setdefault(record.chrom, name)
            self.elsewhere += name is None
            if name != chrom:
                yield from self._finish(pending)
                if name is not None and name in seen:
                    raise self._unsorted(record)
                self._start()
                chrom, last = name, -1
                pending = deque(self._by_chrom.get(name, ()) if name is not None else ())
                if name is not None:
                    seen[name] = None
            if record.start < last:
                raise self._unsorted(record)
            last = record.start
            while pending and pending[0][0] + 2 * self._spec.length <= record.start:
                yield self._gene(pending.popleft()[1])
                if pending:
                    self._forget(pending[0][0] - self._spec.length)
            if pending and record.start + len(record.ref) > pending[0][0] - self._spec.length:
                self._add(record)
        yield from self._finish(pending)
        self._start()
        for name in self._by_chrom:
            if name not in seen:
                yield from self._finish(deque(self._by_chrom[name]))
        self._check.finish()

    def _start(self) -> None:
        self._haplotypes = [(_Haplotype(), _Haplotype()) for _ in self.samples]
        self._places = []
        self._haploid_now = set()
        self._haploid = [[] for _ in self.samples]
        self._unknown = [[] for _ in self.samples]

    def _finish(self, pending: deque[tuple[int, int]]) -> Iterator[GeneHaplotypes]:
        for _, row in pending:
            yield self._gene(row)
        pending.clear()

    def _forget(self, before: int) -> None:
        for pair in self._haplotypes:
            for haplotype in pair:
                haplotype.forget(before)
        for places in (self._places, *self._haploid, *self._unknown):
            del places[: bisect_left(places, before)]

    def _add(self, record: VcfRecord) -> None:
        found: dict[int, Edit | NotScored] = {}
        self._places.append(record.start)
        haploid_now: set[int] = set()
        for sample, alleles in carried(record, self._unphased, self.samples):
            if alleles[1] == ABSENT:
                self._haploid[sample].append(record.start)
                haploid_now.add(sample)
            elif alleles == (MISSING, MISSING):
                self._unknown[sample].append(record.start)
                haploid_now |= self._haploid_now & {sample}
            self.missing[self.samples[sample]] += alleles.count(MISSING)
            for side, allele in enumerate(alleles):
                if allele <= 0:
                    continue
                if allele not in found:
                    variant = Variant(record.chrom, record.start, record.ref, record.alts[allele - 1], record.id)
                    found[allele] = change = self._check.check(variant)
                    if isinstance(change, NotScored):
                        self.not_applied.append((variant, change))
                change = found[allele]
                if isinstance(change, NotScored):
                    continue
                haplotype = self._haplotypes[sample][side]
                if haplotype.rule.takes(record, record.alts[allele - 1]):
                    haplotype.starts.append(change.start)
                    haplotype.edits.append(change)
                else:
                    self.overlapping[self.samples[sample]] += 1
        self._haploid_now = haploid_now

    def _gene(self, row: int) -> GeneHaplotypes:
        gene = self._genes[row]
        interval = self._spec.interval(gene)
        window = Window(gene, interval, self._bases.fetch_stranded(interval))
        before = gene.tss - interval.start if gene.strand == "+" else interval.end - 1 - gene.tss
        limits = before, self._spec.length - before
        by_edits: dict[tuple[Edit, ...], int] = {}
        by_bases: dict[str, int] = {}
        windows: list[EditedWindow] = []

        def number_of(haplotype: _Haplotype) -> tuple[int, int]:
            edits = haplotype.between(interval.start, interval.end)
            number = by_edits.get(edits)
            if number is not None:
                return number, len(edits)
            edited = edit_window(self._bases, window, edits)
            wide = edits
            if edited.reach[0] > limits[0] or edited.reach[1] > limits[1]:
                # A deletion pulls in bases from beyond the window, and with them the sample's changes there.
                wide = haplotype.between(interval.start - self._spec.length, interval.end + self._spec.length)
                edited = edit_window(self._bases, window, wide)
                if max(edited.reach[0] - limits[0], edited.reach[1] - limits[1]) > self._spec.length:
                    raise RunError(
                        "deletions of a haplotype are longer than the window together", where=f"gene '{gene.id}'",
                        remedy="leave long deletions out of the VCF",
                    )  # fmt: skip
            number = by_bases.setdefault(edited.sequence, len(windows))
            if number == len(windows):
                windows.append(edited)
            if wide is edits:
                by_edits[edits] = number
            return number, len(edits)

        of_sample: list[tuple[int, int | None]] = []
        n_variants: list[int] = []
        for sample, (first, second) in enumerate(self._haplotypes):
            one, n_one = number_of(first)
            if self._has_one_chromosome(sample, interval.start, interval.end):
                of_sample.append((one, None))
                n_variants.append(n_one)
                continue
            two, n_two = number_of(second)
            of_sample.append((one, two))
            n_variants.append(n_one + n_two)
        return GeneHaplotypes(row, window, windows, of_sample, n_variants)

    def _has_one_chromosome(self, sample: int, start: int, end: int) -> bool:
        """Whether a sample's calls in a window are haploid or missing; without any, the last call before counts."""
        haploid, unknown, all_places = (
            bisect_left(places, end) - bisect_left(places, start)
            for places in (self._haploid[sample], self._unknown[sample], self._places)
        )
        if not haploid:
            return unknown == all_places and sample in self._haploid_now
        return haploid + unknown == all_places

    def _unsorted(self, record: VcfRecord) -> InputError:
        return InputError(
            "the VCF is not sorted", where=f"{self._reader.path}, {record}",
            allowed="records by position, chromosomes one after the other", remedy="sort it with bcftools sort",
        )  # fmt: skip
