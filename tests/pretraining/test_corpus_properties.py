"""Pieces of any genome and any regions, against a search base by base."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from texcnn.errors import InputError
from texcnn.genome.interval import Interval, reverse_complement
from texcnn.pretraining.corpus import Corpus, SegmentSampler, _cut, _draw, _merged
from texcnn.pretraining.masking import mask_spans, mask_tokens

sys.path.append(str(Path(__file__).parents[1] / "genome"))

from variant_files import TextReference

GENOMES = st.lists(st.tuples(st.sampled_from(["N", "ACGGT", "TTGCA"]), st.integers(1, 12)), min_size=1, max_size=8).map(
    lambda parts: "".join(unit * times for unit, times in parts)
)
REGIONS = st.lists(st.tuples(st.integers(-5, 120), st.integers(1, 60)), min_size=1, max_size=5)


def bases_of(pieces: tuple[Interval, ...]) -> Counter[int]:
    return Counter(place for piece in pieces for place in range(piece.start, piece.end))


def known_runs(genome: str, places: set[int], length: int) -> tuple[set[int], int]:
    """Known bases in runs long enough, and how many are in shorter ones."""
    kept: set[int] = set()
    short = 0
    run: list[int] = []
    for place in range(len(genome) + 1):
        if place in places and place < len(genome) and genome[place] != "N":
            run.append(place)
            continue
        if len(run) >= length:
            kept |= set(run)
        else:
            short += len(run)
        run = []
    return kept, short


def scan_or_refuse(genome: str, kept: set[int], length: int, **options: Any) -> Corpus | None:
    """The corpus; None where it is refused because the known bases do not suffice, with their number."""
    try:
        return Corpus.scan(TextReference(genome), length=length, **options)
    except InputError as error:
        if f"too few known bases: {len(kept)} in runs of {length} or more" not in str(error):
            raise
        return None


@given(genome=GENOMES, length=st.integers(1, 12), share=st.floats(0.05, 0.95), seed=st.integers(0, 5))
def test_a_whole_genome(genome: str, length: int, share: float, seed: int) -> None:
    kept, short = known_runs(genome, set(range(len(genome))), length)
    corpus = scan_or_refuse(genome, kept, length, valid_fraction=share, seed=seed)
    if corpus is None:
        assert len(kept) < 2 * length, "two runs, or one twice as long as a segment, are two pieces"
        return
    found = bases_of((*corpus.train, *corpus.valid))
    assert found == dict.fromkeys(kept, 1), "each known base in a long run once, and no other"
    assert corpus.n_short == short
    assert corpus.n_unknown == genome.count("N")
    assert corpus.train
    assert corpus.valid
    assert all(len(piece) >= length for piece in (*corpus.train, *corpus.valid))
    assert corpus.n_train + corpus.n_valid == len(kept)


@given(genome=GENOMES, regions=REGIONS, length=st.integers(1, 6))
def test_regions_that_overlap_and_hang_over(genome: str, regions: list[tuple[int, int]], length: int) -> None:
    given_regions = [Interval("chr1", start, start + size) for start, size in regions]
    assume(all(region.start < len(genome) and region.end > 0 for region in given_regions))
    places = {place for region in given_regions for place in range(max(region.start, 0), region.end)}
    kept, short = known_runs(genome, places, length)
    corpus = scan_or_refuse(genome, kept, length, valid_fraction=0.5, seed=0, regions=given_regions)
    if corpus is None:
        return
    assert bases_of((*corpus.train, *corpus.valid)) == dict.fromkeys(kept, 1)
    assert corpus.n_short == short
    assert corpus.n_unknown == sum(genome[place] == "N" for place in places if place < len(genome))


@given(regions=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 50), st.integers(1, 20)), min_size=1))
def test_merged_regions_are_the_same_bases_apart_from_each_other(regions: list[tuple[str, int, int]]) -> None:
    intervals = [Interval(chrom, start, start + size) for chrom, start, size in regions]
    merged = _merged(intervals)
    wanted = {(region.chrom, place) for region in intervals for place in range(region.start, region.end)}
    found = Counter((region.chrom, place) for region in merged for place in range(region.start, region.end))
    assert found == dict.fromkeys(wanted, 1)
    for one, other in pairwise(merged):
        assert one.chrom != other.chrom or one.end < other.start
    assert [region.chrom for region in merged] == sorted(
        (region.chrom for region in merged), key=[chrom for chrom, *_ in regions].index
    )


@given(start=st.integers(0, 10), length=st.integers(1, 500), size=st.integers(1, 60))
def test_pieces_of_a_run_are_all_of_it_and_of_like_sizes(start: int, length: int, size: int) -> None:
    pieces = _cut([Interval("c", start, start + length)], size)
    assert pieces[0].start == start
    assert pieces[-1].end == start + length
    assert all(one.end == other.start for one, other in pairwise(pieces))
    sizes = [len(piece) for piece in pieces]
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= min(size, length)
    assert max(sizes) < 2 * size or len(pieces) == 1


@given(sizes=st.lists(st.integers(1, 50), min_size=2, max_size=20), share=st.floats(0, 1), seed=st.integers(0, 3))
def test_as_many_pieces_are_held_out_as_are_needed_and_never_all(sizes: list[int], share: float, seed: int) -> None:
    pieces = [Interval("c", 100 * number, 100 * number + size) for number, size in enumerate(sizes)]
    wanted = share * sum(sizes)
    chosen = _draw(pieces, wanted, seed)
    assert 1 <= len(chosen) < len(pieces)
    held = sum(sizes[index] for index in chosen)
    if len(chosen) < len(pieces) - 1:
        assert held >= wanted
    assert len(chosen) == 1 or held - max(sizes[index] for index in chosen) < wanted
    assert _draw(pieces, wanted, seed) == chosen


@given(genome=st.text("ACGT", min_size=20, max_size=60), length=st.integers(1, 8), seed=st.integers(0, 9))
def test_segments_lie_in_one_piece(genome: str, length: int, seed: int) -> None:
    middle = len(genome) // 2
    pieces = [Interval("chr1", 0, middle), Interval("chr1", middle, len(genome))]
    segments = SegmentSampler(TextReference(genome), pieces, length).draw(20, np.random.default_rng(seed))
    possible = {
        part[start : start + length]
        for part in (genome[:middle], genome[middle:])
        for start in range(len(part) - length + 1)
    }
    assert set(segments) <= possible | {reverse_complement(segment) for segment in possible}


class TestSpans:
    """Runs of k neighbouring k-mers are hidden together, as one alone could be read off its neighbours."""

    PAD, CLS, SEP, MASK, VOCABULARY = 0, 1, 2, 3, 50

    def mask(self, ids: torch.Tensor, k: int, *, seed: int = 0, fraction: float = 0.15):  # type: ignore[no-untyped-def]
        return mask_spans(
            ids, k=k, special_ids=(self.PAD, self.CLS, self.SEP), mask_id=self.MASK, vocab_size=self.VOCABULARY,
            fraction=fraction, generator=torch.Generator().manual_seed(seed),
        )  # fmt: skip

    @pytest.mark.parametrize("k", [3, 4, 5, 6])
    def test_runs_are_k_long_but_at_special_tokens(self, k: int) -> None:
        ids = torch.full((40, 400), 7)
        ids[:, 0], ids[:, 200], ids[:, 390:] = self.CLS, self.SEP, self.PAD
        _, chosen = self.mask(ids, k, fraction=0.05)
        lengths = []
        for row in chosen.tolist():
            place = 0
            while place < len(row):
                end = place
                while end < len(row) and row[end]:
                    end += 1
                if end > place:
                    at_border = place - 1 in (0, 200) or end in (200, 390, 400)
                    lengths.append((end - place, at_border))
                place = end + 1
        assert any(length == k for length, _ in lengths)
        assert all(length >= k or at_border for length, at_border in lengths)
        assert not chosen[:, [0, 200]].any()
        assert not chosen[:, 390:].any()

    @pytest.mark.parametrize("k", [3, 6])
    def test_about_the_wanted_share_is_chosen(self, k: int) -> None:
        ids = torch.full((200, 500), 7)
        seen, chosen = self.mask(ids, k)
        # Runs overlap now and then: 1 - (1 - 0.15 / k) ** k of the tokens are in one.
        assert chosen.float().mean().item() == pytest.approx(1 - (1 - 0.15 / k) ** k, abs=0.004)
        assert torch.equal(seen[~chosen], ids[~chosen])
        assert (seen[chosen] == self.MASK).float().mean().item() == pytest.approx(0.8 + 0.1 / 50, abs=0.01)
        assert (seen[chosen] == 7).float().mean().item() == pytest.approx(0.1 + 0.1 / 50, abs=0.01)

    def test_a_centre_hides_its_neighbours_on_either_side(self) -> None:
        """Of one centre in a row of special tokens all but k: (k - 1) // 2 before it and k // 2 behind."""
        ids = torch.full((3000, 13), 7)
        for k, before, after in ((3, 1, 1), (4, 1, 2), (6, 2, 3)):
            _, chosen = self.mask(ids, k, fraction=0.02)
            single = [row.nonzero().flatten().tolist() for row in chosen if 0 < row.sum() <= k]
            inside = [places for places in single if len(places) == k]
            assert inside
            assert all(places == list(range(places[0], places[0] + k)) for places in inside)
            at_start = {len(places) for places in single if places[0] == 0 and len(places) < k}
            assert at_start <= set(range(after + 1, k))
            at_end = {len(places) for places in single if places[-1] == 12 and len(places) < k}
            assert at_end <= set(range(before + 1, k))

    def test_one_base_per_token_is_single_tokens(self) -> None:
        ids = torch.full((20, 300), 7)
        _, chosen = self.mask(ids, 1)
        assert chosen.float().mean().item() == pytest.approx(0.15, abs=0.02)

    def test_the_generator_decides(self) -> None:
        ids = torch.full((4, 100), 7)
        assert torch.equal(self.mask(ids, 6, seed=1)[0], self.mask(ids, 6, seed=1)[0])
        assert not torch.equal(self.mask(ids, 6, seed=1)[1], self.mask(ids, 6, seed=2)[1])


@given(
    ids=st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=4), min_size=1, max_size=5),
    fraction=st.floats(0, 1),
    seed=st.integers(0, 5),
)
def test_masking_changes_chosen_tokens_only_and_never_special_ones(
    ids: list[list[int]], fraction: float, seed: int
) -> None:
    tokens = torch.tensor(ids)
    seen, chosen = mask_tokens(
        tokens, special_ids=(0, 1), mask_id=9, vocab_size=10, fraction=fraction,
        generator=torch.Generator().manual_seed(seed),
    )  # fmt: skip
    assert torch.equal(seen[~chosen], tokens[~chosen])
    assert not chosen[(tokens == 0) | (tokens == 1)].any()
    if fraction == 1:
        assert torch.equal(chosen, tokens > 1)
