"""A window with variants in it: exact bases by hand, and what must hold for any change."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from variant_files import TextReference, mirrored, mirrored_gene, random_bases, random_row

from texcnn.errors import InputError
from texcnn.genome.cached_bases import CachedBases
from texcnn.genome.edit import EditedWindow, edit_window
from texcnn.genome.gene import Gene
from texcnn.genome.interval import reverse_complement
from texcnn.genome.normalize import Edit, to_edit
from texcnn.genome.windows import Window, WindowSpec, read_windows

#        0         1         2         3
#        0123456789012345678901234567890123456789
BASES = "ACTGATCCGTAGCTTAGACGGATTCAGCATGCCTAGTGAC"
SPEC = WindowSpec(upstream=6, downstream=4)
PLUS = Gene("p", "p", "chr1", 20, "+")  # window 14..24: TAGACG|GATT
MINUS = Gene("m", "m", "chr1", 20, "-")  # window 17..27 reversed: CTGAAT|CCGT


def window_of(gene: Gene, spec: WindowSpec = SPEC, bases: str = BASES) -> tuple[CachedBases, Window]:
    reference = TextReference(bases)
    return CachedBases(reference), next(read_windows(reference, [gene], spec))


def edited(gene: Gene, *edits: Edit) -> EditedWindow:
    cached, window = window_of(gene)
    return edit_window(cached, window, edits)


def change(start: int, ref: str, alt: str) -> Edit:
    assert BASES[start : start + len(ref)] == ref
    return Edit("chr1", start, start + len(ref), alt)


def test_no_change() -> None:
    result = edited(PLUS)
    assert result.sequence == "TAGACGGATT"
    assert (result.touched, result.tss_deleted, result.reach) == ((), False, (6, 4))
    assert edited(MINUS).sequence == "CTGAATCCGT"


@pytest.mark.parametrize(
    ("gene", "edit", "sequence", "touched", "reach"),
    [
        (PLUS, change(16, "G", "C"), "TACACGGATT", ((2, 3),), (6, 4)),
        (MINUS, change(25, "A", "C"), "CGGAATCCGT", ((1, 2),), (6, 4)),
        (PLUS, change(20, "G", "T"), "TAGACGTATT", ((6, 7),), (6, 4)),
        # A deletion upstream brings in the base before the window (T at 13), one downstream the base after (C at 24).
        (PLUS, change(16, "G", ""), "TTAACGGATT", ((0, 3),), (7, 4)),
        (PLUS, change(21, "A", ""), "TAGACGGTTC", ((7, 10),), (6, 5)),
        (MINUS, change(21, "A", ""), "GCTGAACCGT", ((0, 6),), (7, 4)),
        # An insertion crops the far end; just before the TSS it is upstream on either strand.
        (PLUS, change(17, "", "CC"), "GCCACGGATT", ((0, 3),), (4, 4)),
        (PLUS, change(22, "", "CC"), "TAGACGGACC", ((8, 10),), (6, 2)),
        (PLUS, change(20, "", "CC"), "GACGCCGATT", ((0, 6),), (4, 4)),
        (MINUS, change(21, "", "CC"), "GAATGGCCGT", ((0, 6),), (4, 4)),
        # Longer than what is left of the side: only its inner bases stay.
        (PLUS, change(22, "", "CCCCAA"), "TAGACGGACC", ((8, 10),), (6, 2)),
        (PLUS, change(15, "", "AAAACC"), "CAGACGGATT", ((0, 1),), (5, 4)),
        # Across the TSS: split there, and each side is shifted away from it.
        (PLUS, change(18, "CGGA", "TTTT"), "TAGATTTTTT", ((4, 8),), (6, 4)),
        (PLUS, change(18, "CGGA", "TTT"), "TAGATTTTTC", ((4, 10),), (6, 5)),
        # Outside the window nothing changes.
        (PLUS, change(12, "C", "A"), "TAGACGGATT", (), (6, 4)),
        (PLUS, change(24, "CAG", ""), "TAGACGGATT", (), (6, 4)),
        (PLUS, change(14, "", "G"), "TAGACGGATT", (), (6, 4)),
    ],
)
def test_bases_worked_out_by_hand(
    gene: Gene, edit: Edit, sequence: str, touched: tuple[tuple[int, int], ...], reach: tuple[int, int]
) -> None:
    result = edited(gene, edit)
    assert (result.sequence, result.touched, result.tss_deleted, result.reach) == (sequence, touched, False, reach)


def test_a_deleted_tss_is_reported_and_the_next_base_takes_its_place() -> None:
    result = edited(PLUS, change(19, "GGA", ""))
    assert (result.sequence, result.tss_deleted) == ("TTAGACTTCA", True)
    shorter = edited(PLUS, change(18, "CGGA", "TT"))
    assert (shorter.sequence, shorter.tss_deleted) == ("TAGATTTTCA", True)
    # On the minus strand TCC becomes G, which belongs to the side it begins on.
    minus = edited(MINUS, change(19, "GGA", "C"))
    assert (minus.sequence, minus.tss_deleted) == ("CTGAAGGTCT", True)


def test_an_indel_in_a_repeat_across_the_tss_is_applied_upstream() -> None:
    bases = "ACGTACGTACGATCTTTTTTCAGACGATACGATACG"
    for tss, strand in ((16, "+"), (17, "-")):
        cached, window = window_of(Gene("g", "g", "chr1", tss, strand), WindowSpec(5, 5), bases)
        sequences = set()
        for start in range(13, 19):
            stated = to_edit(cached, "chr1", start, bases[start : start + 2], bases[start])
            result = edit_window(cached, window, [stated])
            sequences.add(result.sequence)
            assert not result.tss_deleted
        assert len(sequences) == 1
        assert sequences.pop()[5:] == window.sequence[5:]


@pytest.mark.parametrize(
    ("tss", "edits", "sequence"),
    [
        (4, [], "NNACTGATCC"),
        (4, [change(2, "T", "")], "NNNACGATCC"),
        (4, [change(5, "TCC", "")], "NNACTGAGTA"),
        (37, [change(38, "A", "")], "CCTAGTGCNN"),
    ],
)
def test_far_ends_are_n_only_beyond_the_chromosome(tss: int, edits: list[Edit], sequence: str) -> None:
    assert edited(Gene("s", "s", "chr1", tss, "+"), *edits).sequence == sequence


def test_several_changes() -> None:
    # AG goes and C comes in upstream, so that one base before the window is used.
    result = edited(PLUS, change(15, "AG", ""), change(18, "", "C"), change(21, "A", "G"))
    assert (result.sequence, result.touched, result.reach) == ("TTACCGGGTT", ((0, 4), (7, 8)), (7, 4))


def test_a_deletion_pulls_in_changes_beyond_the_window() -> None:
    beyond = change(13, "T", "A")
    assert edited(PLUS, beyond).sequence == "TAGACGGATT"
    assert edited(PLUS, beyond, change(16, "G", "")).sequence == "ATAACGGATT"


def test_unsorted_or_overlapping_changes_are_refused() -> None:
    with pytest.raises(InputError, match="overlaps"):
        edited(PLUS, change(16, "GA", ""), change(17, "A", "C"))


SMALL = WindowSpec(upstream=30, downstream=20)


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, Gene, int, str, str]:
    """A genome, a gene on it and a variant as VCF states it, often near the TSS."""
    rng = random.Random(draw(st.integers(0, 10**6)))
    bases = random_bases(rng, 120)
    gene = Gene("g", "g", "chr1", draw(st.integers(20, 99)), draw(st.sampled_from("+-")))
    row = random_row(rng, bases, draw(st.integers(1, 112) | st.integers(gene.tss - 6, gene.tss + 2)))
    return bases, gene, row.start, row.ref, row.alts[0]


@settings(max_examples=400, deadline=None)
@given(case=cases())
def test_any_change_keeps_the_length_and_what_it_did_not_touch(case: tuple[str, Gene, int, str, str]) -> None:
    bases, gene, start, ref, alt = case
    cached, window = window_of(gene, SMALL, bases)
    edit = to_edit(cached, "chr1", start, ref, alt)
    result = edit_window(cached, window, [edit])
    assert len(result.sequence) == SMALL.length
    inside = {position for begin, end in result.touched for position in range(begin, end)}
    assert all(result.sequence[i] == window.sequence[i] for i in range(SMALL.length) if i not in inside)
    if not result.tss_deleted and (edit.end <= gene.tss or edit.start > gene.tss):
        assert result.sequence[SMALL.upstream] == window.sequence[SMALL.upstream]


@settings(max_examples=400, deadline=None)
@given(case=cases())
def test_a_changed_genomes_own_window_is_the_edited_one_and_back(case: tuple[str, Gene, int, str, str]) -> None:
    bases, gene, start, ref, alt = case
    cached, window = window_of(gene, SMALL, bases)
    edit = to_edit(cached, "chr1", start, ref, alt)
    edit = edit.moved(-edit.left if gene.strand == "+" else edit.right)
    if edit.start <= gene.tss < edit.end:
        return  # where the TSS is in a genome without it is a convention
    result = edit_window(cached, window, [edit])
    before_tss = edit.start <= gene.tss
    tss = gene.tss + (len(alt) - len(ref) if before_tss else 0)
    changed = bases[:start] + alt + bases[start + len(ref) :]
    there, after = window_of(Gene("g", "g", "chr1", tss, gene.strand), SMALL, changed)
    assert after.sequence == result.sequence
    back = to_edit(there, "chr1", start, alt, ref)
    assert edit_window(there, after, [back]).sequence == window.sequence


@settings(max_examples=400, deadline=None)
@given(case=cases())
def test_the_mirror_image_gives_the_same_window(case: tuple[str, Gene, int, str, str]) -> None:
    bases, gene, start, ref, alt = case
    cached, window = window_of(gene, SMALL, bases)
    result = edit_window(cached, window, [to_edit(cached, "chr1", start, ref, alt)])
    turned, turned_window = window_of(mirrored_gene(gene, len(bases)), SMALL, reverse_complement(bases))
    assert turned_window.sequence == window.sequence
    there = mirrored(bases, start, ref, alt)
    mirror = edit_window(turned, turned_window, [to_edit(turned, "chr1", *there)])
    assert (mirror.sequence, mirror.touched, mirror.tss_deleted) == (
        result.sequence,
        result.touched,
        result.tss_deleted,
    )
