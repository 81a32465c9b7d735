"""Alleles and the genes whose windows they change, against a search through all genes and windows edited as text."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from variant_files import TextReference, random_bases, random_row

from texcnn.effects import pairs as pairing
from texcnn.effects.pairs import PairMaker
from texcnn.genome.check_variant import VariantCheck
from texcnn.genome.gene import Gene
from texcnn.genome.interval import reverse_complement
from texcnn.genome.normalize import Edit
from texcnn.genome.variant import NotScored, Variant, VariantStatus
from texcnn.genome.windows import WindowSpec

SPEC = WindowSpec(upstream=20, downstream=10)
BASES = random_bases(random.Random(11), 600)
GENES = [
    Gene(f"g{number}", f"G{number}", "chr1", place, strand)
    for number, (place, strand) in enumerate(zip(range(15, 590, 23), "+-" * 20, strict=False))
]


@pytest.fixture
def reference() -> TextReference:
    return TextReference(BASES)


def snv(place: int) -> Variant:
    return Variant("chr1", place, BASES[place], "A" if BASES[place] != "A" else "C")


def of_check(reference: TextReference, maker: PairMaker) -> VariantCheck:
    return VariantCheck(maker.bases, "test.vcf", longest=SPEC.length)


def in_window(place: int, gene: Gene) -> bool:
    if gene.strand == "+":
        return gene.tss - SPEC.upstream <= place < gene.tss + SPEC.downstream
    return gene.tss - SPEC.downstream < place <= gene.tss + SPEC.upstream


def test_a_substitution_is_paired_with_the_genes_whose_window_has_it(reference: TextReference) -> None:
    maker = PairMaker(reference, GENES, SPEC)
    for place in range(len(BASES)):
        variant = snv(place)
        found = maker.pairs_of(7, Edit("chr1", place, place + 1, variant.alt))
        assert [pair.gene for pair in found] == [row for row, gene in enumerate(GENES) if in_window(place, gene)]
        for pair in found:
            gene = GENES[pair.gene]
            assert pair.allele == 7
            assert pair.distance == (place - gene.tss if gene.strand == "+" else gene.tss - place)


def test_an_edited_window_is_that_of_the_edited_genome(reference: TextReference) -> None:
    maker = PairMaker(reference, GENES, SPEC)
    for place in range(0, len(BASES), 7):
        variant = snv(place)
        genome = BASES[:place] + variant.alt + BASES[place + 1 :]
        for pair in maker.pairs_of(0, Edit("chr1", place, place + 1, variant.alt)):
            gene = GENES[pair.gene]
            interval = SPEC.interval(gene)
            padded = "N" * 100 + genome + "N" * 100
            expected = padded[interval.start + 100 : interval.end + 100]
            assert pair.edited.sequence == (expected if gene.strand == "+" else reverse_complement(expected))
            ((start, end),) = pair.edited.touched
            assert end - start == 1
            assert start == (place - interval.start if gene.strand == "+" else interval.end - 1 - place)
            assert maker.window(pair.gene).sequence[start] != pair.edited.sequence[start]


@pytest.mark.parametrize("most", [0, 1, 5, 25])
def test_the_largest_distance_is_that_to_the_tss(reference: TextReference, most: int) -> None:
    maker = PairMaker(reference, GENES, SPEC, max_distance=most)
    for place in range(0, len(BASES), 3):
        found = maker.pairs_of(0, Edit("chr1", place, place + 1, snv(place).alt))
        expected = [row for row, gene in enumerate(GENES) if in_window(place, gene) and abs(place - gene.tss) <= most]
        assert [pair.gene for pair in found] == expected


class TestChunks:
    @pytest.fixture
    def variants(self) -> list[Variant]:
        rng = random.Random(4)
        rows = [random_row(rng, BASES, start) for start in sorted(rng.choices(range(2, 570), k=50))]
        usual = [Variant("chr1", row.start, row.ref, row.alts[0], f"v{number}") for number, row in enumerate(rows)]
        odd = [
            Variant("chr1", 30, BASES[30], "."),
            Variant("chr1", 30, BASES[30], "<DEL>"),
            Variant("chr9", 3, "A", "C"),
        ]
        return [*usual[:25], *odd, *usual[25:]]

    def test_problems_and_pairs_of_each_allele(self, reference: TextReference, variants: list[Variant]) -> None:
        maker = PairMaker(reference, GENES, SPEC)
        (chunk,) = maker.chunks(variants, of_check(reference, maker))
        assert chunk.variants == variants
        with_pairs = {pair.allele for pair in chunk.pairs}
        for number, problem in enumerate(chunk.problems):
            assert (problem is None) == (number in with_pairs)
        statuses = [problem.status for problem in chunk.problems[25:28] if problem is not None]
        assert statuses == [VariantStatus.NO_ALT, VariantStatus.SYMBOLIC, VariantStatus.CONTIG_MISSING]
        order = [(pair.allele, pair.gene) for pair in chunk.pairs]
        assert order == sorted(order)

    @pytest.mark.parametrize("size", [1, 10, 52, 53, 54])
    def test_borders_of_chunks_lose_and_change_nothing(
        self, reference: TextReference, variants: list[Variant], monkeypatch: pytest.MonkeyPatch, size: int
    ) -> None:
        maker = PairMaker(reference, GENES, SPEC)
        (whole,) = maker.chunks(variants, of_check(reference, maker))
        monkeypatch.setattr(pairing, "ALLELES_PER_CHUNK", size)
        parts = list(maker.chunks(iter(variants), of_check(reference, maker)))
        assert [len(part.variants) for part in parts] == [
            min(size, len(variants) - start) for start in range(0, len(variants), size)
        ]
        assert [variant for part in parts for variant in part.variants] == variants
        assert [problem for part in parts for problem in part.problems] == whole.problems
        shifted = [
            replace(pair, allele=pair.allele + size * number)
            for number, part in enumerate(parts)
            for pair in part.pairs
        ]
        assert shifted == whole.pairs

    def test_skipped_chunks_are_compared_with_the_genome_all_the_same(
        self, reference: TextReference, variants: list[Variant], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pairing, "ALLELES_PER_CHUNK", 20)
        maker = PairMaker(reference, GENES, SPEC)
        everything, rest = of_check(reference, maker), of_check(reference, maker)
        whole = list(maker.chunks(variants, everything))
        assert list(maker.chunks(variants, rest, skip=2)) == whole[2:]
        assert rest.normalized == everything.normalized
        assert list(maker.chunks(variants, of_check(reference, maker), skip=3)) == []

    def test_an_allele_between_genes_says_where_it_lies(self, reference: TextReference) -> None:
        maker = PairMaker(reference, GENES[:1], SPEC)
        (chunk,) = maker.chunks([snv(500)], of_check(reference, maker))
        assert chunk.problems == [NotScored(VariantStatus.OUTSIDE_WINDOWS, "no window has chr1:501")]

    def test_no_allele_gives_no_chunk(self, reference: TextReference) -> None:
        maker = PairMaker(reference, GENES, SPEC)
        assert list(maker.chunks([], of_check(reference, maker))) == []


def test_windows_are_read_once(reference: TextReference, tmp_path: Path) -> None:
    maker = PairMaker(reference, GENES, SPEC)
    assert maker.window(3) is maker.window(3)
    window = maker.window(1)
    assert (window.gene, window.interval.strand, len(window.sequence)) == (GENES[1], "-", SPEC.length)
    interval = SPEC.interval(GENES[1])
    assert window.sequence == reverse_complement(BASES[interval.start : interval.end])
