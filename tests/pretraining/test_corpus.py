"""Which bases a language model learns from, and how segments are drawn from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from texcnn.errors import InputError
from texcnn.genome.interval import Interval
from texcnn.genome.reference import Reference
from texcnn.pretraining import corpus as corpus_module
from texcnn.pretraining.corpus import Corpus, SegmentSampler

# Each base of a chromosome can be told from its neighbours: a segment has one origin.
CHR1 = "ACGTTGCAAC" * 30 + "N" * 20 + "GGATCCTTAA" * 20 + "n" * 5 + "ACGTA"
CHR2 = "TTTTACGGCA" * 25


@pytest.fixture
def reference(tmp_path: Path) -> Iterator[Reference]:
    (tmp_path / "g.fa").write_text(f">chr1\n{CHR1}\n>chr2\n{CHR2}\n")
    with Reference(tmp_path / "g.fa") as opened:
        yield opened


def scan(reference: Reference, **changes: object) -> Corpus:
    given = {"length": 10, "valid_fraction": 0.1, "seed": 0, **changes}
    return Corpus.scan(reference, **given)  # type: ignore[arg-type]


def bases(corpus: Corpus) -> Counter[tuple[str, int]]:
    """How often each base is in a piece."""
    pieces = (*corpus.train, *corpus.valid)
    return Counter((piece.chrom, place) for piece in pieces for place in range(piece.start, piece.end))


def test_every_known_base_is_in_one_piece_or_counted(reference: Reference) -> None:
    corpus = scan(reference)
    found = bases(corpus)
    assert set(found.values()) == {1}
    known = {("chr1", place) for place in range(len(CHR1)) if place < 300 or 320 <= place < 520}
    assert set(found) == known | {("chr2", place) for place in range(250)}
    assert (corpus.n_train + corpus.n_valid, corpus.n_unknown, corpus.n_short) == (750, 25, 5)
    assert all(len(piece) >= 10 for piece in (*corpus.train, *corpus.valid))


@pytest.mark.parametrize("fetched", [1, 7, 300, 320, 10_000])
def test_pieces_do_not_depend_on_how_much_is_fetched_at_a_time(
    reference: Reference, monkeypatch: pytest.MonkeyPatch, fetched: int
) -> None:
    expected = scan(reference)
    monkeypatch.setattr(corpus_module, "_FETCHED", fetched)
    assert scan(reference) == expected


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
def test_the_share_that_is_held_out(reference: Reference, share: float) -> None:
    corpus = scan(reference, valid_fraction=share)
    longest = max(len(piece) for piece in (*corpus.train, *corpus.valid))
    assert share * 750 <= corpus.n_valid <= share * 750 + longest
    assert not set(corpus.train) & set(corpus.valid)


def test_the_seed_decides_what_is_held_out(reference: Reference) -> None:
    assert scan(reference, seed=1) == scan(reference, seed=1)
    assert {scan(reference, seed=seed).valid for seed in range(5)} != {scan(reference).valid}


def test_regions_are_joined_cut_at_the_ends_and_read_on_one_strand(reference: Reference) -> None:
    regions = [
        Interval("chr2", 200, 400, "-"),  # beyond the end
        Interval("chr1", -50, 40),
        Interval("chr1", 40, 60),  # touches the one before
        Interval("chr1", 30, 50),  # lies in both
        Interval("chr1", 290, 330, "-"),  # holds the unknown bases
    ]
    corpus = scan(reference, regions=regions, valid_fraction=0.2)
    expected = {("chr2", place) for place in range(200, 250)} | {("chr1", place) for place in range(60)}
    expected |= {("chr1", place) for place in (*range(290, 300), *range(320, 330))}
    assert set(bases(corpus)) == expected
    assert set(bases(corpus).values()) == {1}
    assert (corpus.n_unknown, corpus.n_short) == (20, 0)
    assert scan(reference, regions=regions, exclude_chroms=["chr2"], valid_fraction=0.2).n_unknown == 20


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"length": 0}, "unusable segment length 0"),
        ({"valid_fraction": 0.0}, "unusable fraction 0 of held-out bases"),
        ({"valid_fraction": 1.0}, "unusable fraction 1 of held-out bases"),
        ({"exclude_chroms": ["chr3"]}, "unknown chromosome 'chr3' .*chr1, chr2"),
        ({"regions": [Interval("chr3", 0, 9)]}, "unknown chromosome 'chr3'"),
        ({"regions": [Interval("chr2", 250, 260)]}, "wholly outside its chromosome – allowed: 0 to 250"),
        ({"regions": [Interval("chr1", 300, 320)]}, "too few known bases: 0 in runs of 10 or more"),
        ({"exclude_chroms": ["chr1", "chr2"]}, "too few known bases: 0 in runs"),
        ({"length": 301}, "too few known bases: 0 in runs of 301 or more"),
    ],
)
def test_refused(reference: Reference, changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        scan(reference, **changes)


def test_segments_are_drawn_uniformly_from_both_strands(reference: Reference) -> None:
    pieces = [Interval("chr1", 3, 9), Interval("chr2", 20, 24)]  # 3 positions and 1
    sampler = SegmentSampler(reference, pieces, 4)
    drawn = Counter(sampler.draw(8_000, np.random.default_rng(0)))
    origins = [("chr1", 3), ("chr1", 4), ("chr1", 5), ("chr2", 20)]
    expected = Counter(
        reference.fetch(Interval(chrom, start, start + 4, strand)) for chrom, start in origins for strand in "+-"
    )
    assert set(drawn) == set(expected)
    for segment, number in expected.items():
        # 1,000 of 8,000 for each position and strand; five standard deviations.
        assert abs(drawn[segment] - 1_000 * number) < 5 * np.sqrt(1_000 * number)


def test_draws_follow_their_random_numbers(reference: Reference) -> None:
    sampler = SegmentSampler(reference, scan(reference).train, 10)
    assert sampler.draw(20, np.random.default_rng(1)) == sampler.draw(20, np.random.default_rng(1))
    assert sampler.draw(20, np.random.default_rng(1)) != sampler.draw(20, np.random.default_rng(2))
    assert sampler.draw(0, np.random.default_rng(1)) == []
    assert all(
        len(segment) == 10 and set(segment) <= set("ACGT") for segment in sampler.draw(500, np.random.default_rng(3))
    )
