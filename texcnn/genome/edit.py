"""One gene's window with variants in it: same length, same TSS, the far ends filled up again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from texcnn.errors import InputError
from texcnn.genome.cached_bases import CachedBases
from texcnn.genome.interval import reverse_complement
from texcnn.genome.normalize import Edit
from texcnn.genome.windows import Window


@dataclass(frozen=True, slots=True)
class EditedWindow:
    """The bases around a TSS after some changes.

    Attributes:
        window: The window before.
        sequence: The bases after, on the gene's strand and as many as before.
        touched: Where the window's bases may differ from those before, as half-open ranges of positions in the
            window's direction, sorted and without overlap.
        tss_deleted: Whether the first transcribed base is gone; the next one downstream then replaces it.
        reach: How many bases of the genome before and after the TSS (in the gene's direction) the window has used:
            changes within these belong to it, though its interval may end before them.
    """

    window: Window
    sequence: str
    touched: tuple[tuple[int, int], ...]
    tss_deleted: bool
    reach: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Bases at ``start`` to ``end`` replaced, counted from the TSS along one direction."""

    start: int
    end: int
    alt: str


def edit_window(bases: CachedBases, window: Window, edits: Sequence[Edit]) -> EditedWindow:
    """Applies changes to a window.

    The TSS stays where it is. Bases before it are shifted away from it, or towards it, and so are bases after it;
    bases that a deletion leaves missing at a far end come from the genome there, with N only beyond the chromosome's
    ends. A change across the TSS is split at it, on the gene's strand. An indel that can be moved through a repeat is
    applied at its most upstream place, so that it does not matter how it is stated and on which strand the gene is.

    Args:
        bases: The genome.
        window: The window, without changes.
        edits: Changes of this chromosome, sorted and without overlap, those around the window included where
            they may come in at a far end.

    Raises:
        InputError: The changes are not sorted, or overlap.
    """
    for before, after in pairwise(edits):
        if after.start < before.end:
            raise InputError(f"{after} overlaps {before}", allowed="sorted changes that do not overlap")
    pieces, deleted = _from_tss(_most_upstream(edits, window.gene.strand), window)
    upstream, downstream = _split(pieces)
    n_upstream = _bases_before_tss(window)
    n_downstream = len(window.sequence) - n_upstream

    def beyond(start: int, end: int) -> str:
        return _on_strand(bases, window, start, end)

    left = _walk(
        [_Piece(-piece.end, -piece.start, piece.alt[::-1]) for piece in reversed(upstream)],
        window.sequence[:n_upstream][::-1],
        lambda start, end: beyond(-end, -start)[::-1],
    )
    right = _walk(downstream, window.sequence[n_upstream:], beyond)
    touched = [(n_upstream - end, n_upstream - start) for start, end in reversed(left.touched)]
    touched += [(n_upstream + start, n_upstream + end) for start, end in right.touched]
    assert len(left.bases) + len(right.bases) == n_upstream + n_downstream
    return EditedWindow(
        window, left.bases[::-1] + right.bases, _joined(touched), deleted, (left.reached, right.reached)
    )


def _most_upstream(edits: Sequence[Edit], strand: str) -> list[Edit]:
    """Moves indels in repeats to their most upstream place, as far as their neighbours let them."""
    placed = list(edits)
    if strand == "+":
        for row, edit in enumerate(placed):
            free = edit.start - placed[row - 1].end if row else edit.left
            placed[row] = edit.moved(-min(edit.left, free))
    else:
        for row, edit in reversed(list(enumerate(placed))):
            free = placed[row + 1].start - edit.end if row + 1 < len(placed) else edit.right
            placed[row] = edit.moved(min(edit.right, free))
    return placed


def _from_tss(edits: Sequence[Edit], window: Window) -> tuple[list[_Piece], bool]:
    """Changes counted from the TSS along the gene, and whether one deletes the TSS."""
    tss = window.gene.tss
    if window.gene.strand == "+":
        pieces = [_Piece(edit.start - tss, edit.end - tss, edit.alt) for edit in edits]
    else:
        pieces = [
            _Piece(tss - edit.end + 1, tss - edit.start + 1, reverse_complement(edit.alt)) for edit in reversed(edits)
        ]
    deleted = any(piece.start <= 0 < piece.end and len(piece.alt) <= -piece.start for piece in pieces)
    return pieces, deleted


def _split(pieces: Sequence[_Piece]) -> tuple[list[_Piece], list[_Piece]]:
    """Changes before the TSS and from it on; one that crosses it is in both, each with the bases of its side."""
    upstream, downstream = [], []
    for piece in pieces:
        if piece.end <= 0:
            upstream.append(piece)
        elif piece.start >= 0:
            downstream.append(piece)
        else:
            upstream.append(_Piece(piece.start, 0, piece.alt[: -piece.start]))
            downstream.append(_Piece(0, piece.end, piece.alt[-piece.start :]))
    return upstream, downstream


@dataclass(frozen=True, slots=True)
class _Side:
    bases: str
    touched: list[tuple[int, int]]
    reached: int


def _walk(pieces: Sequence[_Piece], known: str, beyond: Callable[[int, int], str]) -> _Side:
    """Collects as many bases outwards from the TSS as are known there without changes.

    Args:
        pieces: The changes, in the direction of the walk.
        known: The bases without changes.
        beyond: Fetches bases further out.
    """
    length = len(known)
    collected: list[str] = []
    touched: list[tuple[int, int]] = []
    done = at = 0

    def take(end: int) -> None:
        nonlocal done, at
        if end > at:
            collected.append(known[at:end] + (beyond(max(at, length), end) if end > length else ""))
            if at != done:
                touched.append((done, done + end - at))
            done, at = done + end - at, end

    for piece in pieces:
        if done + piece.start - at >= length:
            break
        take(piece.start)
        alt = piece.alt[: length - done]
        collected.append(alt)
        if alt:
            touched.append((done, done + len(alt)))
        done, at = done + len(alt), piece.end
    take(at + length - done)
    return _Side("".join(collected), touched, at)


def _bases_before_tss(window: Window) -> int:
    """Bases of a window before its TSS; on the segments' grid that is not the same for every gene."""
    if window.gene.strand == "+":
        return window.gene.tss - window.interval.start
    return window.interval.end - 1 - window.gene.tss


def _on_strand(bases: CachedBases, window: Window, start: int, end: int) -> str:
    """Bases from ``start`` to ``end``, counted from the TSS along the gene."""
    tss = window.gene.tss
    if window.gene.strand == "+":
        return bases.fetch(window.gene.chrom, tss + start, tss + end)
    return reverse_complement(bases.fetch(window.gene.chrom, tss - end + 1, tss - start + 1))


def _joined(ranges: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Merges sorted ranges that touch."""
    merged: list[tuple[int, int]] = []
    for start, end in ranges:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)
