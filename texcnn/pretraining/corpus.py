"""The bases a language model learns from: known ones, in pieces of the genome, some held out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Self

import numpy as np

from texcnn.errors import InputError, unknown_name
from texcnn.genome.interval import Interval
from texcnn.genome.reference import Reference

_FETCHED = 4_000_000
"""Bases looked through at a time."""
_LONGEST_PIECE = 100_000
_FEWEST_PIECES = 200
"""So that what is held out comes from many parts even of a small genome."""

_KNOWN = re.compile("[ACGT]+")


@dataclass(frozen=True)
class Corpus:
    """Pieces of a genome without an unknown base.

    Attributes:
        train: Learned from.
        valid: Held out; no base of them is in ``train``.
        length: Bases of a segment; no piece is shorter.
        n_unknown: Unknown bases that were skipped.
        n_short: Known bases that were skipped, because they are in runs shorter than a segment.
    """

    train: tuple[Interval, ...]
    valid: tuple[Interval, ...]
    length: int
    n_unknown: int
    n_short: int

    @classmethod
    def scan(
        cls,
        reference: Reference,
        *,
        length: int,
        valid_fraction: float,
        seed: int,
        regions: Sequence[Interval] | None = None,
        exclude_chroms: Sequence[str] = (),
    ) -> Self:
        """Finds a genome's known bases, and holds some out.

        Args:
            reference: The genome.
            length: Bases of a segment.
            valid_fraction: Share of the bases to hold out.
            seed: Of the pieces that are held out.
            regions: Only these, on either strand; they may overlap. None for all.
            exclude_chroms: Chromosomes to leave out.

        Returns:
            The pieces, in the genome's order.

        Raises:
            InputError: when the length or the fraction cannot be used, a chromosome is not in the genome, a region
                is outside its chromosome, or too few known bases are left.
        """
        if length < 1:
            raise InputError(f"unusable segment length {length}", allowed="a whole number from 1")
        if not 0 < valid_fraction < 1:
            raise InputError(f"unusable fraction {valid_fraction:g} of held-out bases", allowed="above 0, below 1")
        for chrom in exclude_chroms:
            if chrom not in reference.lengths:
                raise unknown_name("chromosome", chrom, reference.lengths, where="chromosomes to leave out")
        wanted = _merged(_whole(reference) if regions is None else [_inside(reference, region) for region in regions])
        wanted = [region for region in wanted if region.chrom not in exclude_chroms]
        runs = [run for region in wanted for run in _known_runs(reference, region)]
        kept = [run for run in runs if len(run) >= length]
        n_known, n_kept = _size(runs), _size(kept)
        pieces = _cut(kept, min(_LONGEST_PIECE, max(length, n_kept // _FEWEST_PIECES)))
        if len(pieces) < 2:
            raise InputError(
                f"too few known bases: {n_kept:,} in runs of {length} or more",
                where=reference.path,
                allowed=f"at least two pieces of {length} bases, one of them to be held out",
                remedy="give more sequence, or shorter segments",
            )
        held = _draw(pieces, valid_fraction * n_kept, seed)
        return cls(
            tuple(piece for index, piece in enumerate(pieces) if index not in held),
            tuple(piece for index, piece in enumerate(pieces) if index in held),
            length,
            _size(wanted) - n_known,
            n_known - n_kept,
        )

    @property
    def n_train(self) -> int:
        """Bases learned from."""
        return _size(self.train)

    @property
    def n_valid(self) -> int:
        """Bases held out."""
        return _size(self.valid)


class SegmentSampler:
    """Segments at random positions of pieces, each position and strand equally likely.

    Args:
        reference: The genome.
        pieces: None is shorter than a segment.
        length: Bases of a segment.
    """

    def __init__(self, reference: Reference, pieces: Sequence[Interval], length: int) -> None:
        self._reference, self._pieces, self._length = reference, pieces, length
        self._ends = np.cumsum([len(piece) - length + 1 for piece in pieces])

    def draw(self, n: int, rng: np.random.Generator) -> list[str]:
        """Returns ``n`` segments of ``ACGT``, drawn with replacement."""
        starts = rng.integers(self._ends[-1], size=n)
        owners = np.searchsorted(self._ends, starts, side="right")
        strands = np.where(rng.random(n) < 0.5, "+", "-")
        segments = []
        for start, owner, strand in zip(starts.tolist(), owners.tolist(), strands.tolist(), strict=True):
            piece = self._pieces[owner]
            at = piece.end - self._length - (int(self._ends[owner]) - 1 - start)
            segments.append(self._reference.fetch(Interval(piece.chrom, at, at + self._length, strand)))
        return segments


def _size(regions: Iterable[Interval]) -> int:
    return sum(map(len, regions))


def _whole(reference: Reference) -> list[Interval]:
    return [Interval(chrom, 0, length) for chrom, length in reference.lengths.items() if length]


def _inside(reference: Reference, region: Interval) -> Interval:
    """The part of a region that its chromosome has."""
    length = reference.lengths.get(region.chrom)
    if length is None:
        raise unknown_name("chromosome", region.chrom, reference.lengths, where="regions")
    start, end = max(region.start, 0), min(region.end, length)
    if start >= end:
        raise InputError(f"the region {region} is wholly outside its chromosome", allowed=f"0 to {length}")
    return Interval(region.chrom, start, end)


def _merged(regions: Sequence[Interval]) -> list[Interval]:
    """Regions joined where they touch, so that no base counts twice; chromosomes stay in the order given."""
    order = {chrom: number for number, chrom in enumerate(dict.fromkeys(region.chrom for region in regions))}
    ordered = sorted(regions, key=lambda region: (order[region.chrom], region.start, region.end))
    merged: list[Interval] = []
    for chrom, group in groupby(ordered, key=lambda region: region.chrom):
        start = end = -1
        for region in group:
            if region.start > end:
                if end > start:
                    merged.append(Interval(chrom, start, end))
                start = region.start
            end = max(end, region.end)
        merged.append(Interval(chrom, start, end))
    return merged


def _known_runs(reference: Reference, region: Interval) -> Iterator[Interval]:
    """Runs of known bases, joined where one fetch ends and the next begins."""
    start = end = region.start
    for at in range(region.start, region.end, _FETCHED):
        bases = reference.fetch(Interval(region.chrom, at, min(at + _FETCHED, region.end)))
        for match in _KNOWN.finditer(bases):
            if at + match.start() > end:
                if end > start:
                    yield Interval(region.chrom, start, end)
                start = at + match.start()
            end = at + match.end()
    if end > start:
        yield Interval(region.chrom, start, end)


def _cut(runs: Sequence[Interval], size: int) -> list[Interval]:
    """Cuts each run into pieces of similar sizes, none smaller than ``size`` where the run is not."""
    pieces = []
    for run in runs:
        edges = np.linspace(run.start, run.end, max(1, len(run) // size) + 1).astype(int).tolist()
        pieces += [Interval(run.chrom, start, end) for start, end in pairwise(edges)]
    return pieces


def _draw(pieces: Sequence[Interval], wanted: float, seed: int) -> set[int]:
    """Chooses pieces until they have the wanted number of bases: at least one, and never all."""
    chosen: set[int] = set()
    n_bases = 0
    for index in np.random.default_rng(seed).permutation(len(pieces))[:-1].tolist():
        if chosen and n_bases >= wanted:
            break
        chosen.add(index)
        n_bases += len(pieces[index])
    return chosen
