"""Which windows have a place of the genome: windows are of one length, so their sorted starts suffice."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from texcnn.genome.gene import Gene
from texcnn.genome.normalize import Edit
from texcnn.genome.windows import WindowSpec


class WindowIndex:
    """Finds the genes whose window a change touches.

    Args:
        genes: Placed genes.
        spec: The window's reach.
        max_distance: Largest distance of a change from the TSS in bases; None for the whole window.
    """

    def __init__(self, genes: Sequence[Gene], spec: WindowSpec, *, max_distance: int | None = None) -> None:
        self._genes = genes
        self._length = spec.length
        self._max_distance = max_distance
        by_chrom: dict[str, list[tuple[int, int]]] = {}
        for row, gene in enumerate(genes):
            by_chrom.setdefault(gene.chrom, []).append((spec.interval(gene).start, row))
        self._starts: dict[str, list[int]] = {}
        self._rows: dict[str, list[int]] = {}
        for chrom, places in by_chrom.items():
            places.sort()
            self._starts[chrom] = [start for start, _ in places]
            self._rows[chrom] = [row for _, row in places]

    def genes_of(self, edit: Edit) -> list[int]:
        """Returns the rows of the genes whose window a change touches, in the genes' order.

        An indel that can be moved through a repeat touches a window if it does so at any of these places, so that
        the answer is the same on either strand. An insertion at a window's edge is outside it.
        """
        starts = self._starts.get(edit.chrom, [])
        first, last = edit.start - edit.left, edit.end + edit.right
        low = bisect_right(starts, first - self._length)
        high = bisect_left(starts, last)
        rows = sorted(self._rows[edit.chrom][low:high]) if low < high else []
        if self._max_distance is None:
            return rows
        return [row for row in rows if abs(distance_to_tss(edit, self._genes[row])) <= self._max_distance]


def distance_to_tss(edit: Edit, gene: Gene) -> int:
    """Bases from a gene's TSS to the nearest base that a change replaces, along the gene; negative is upstream.

    An insertion counts at the base before it. An indel in a repeat counts at its most upstream place.
    """
    if gene.strand == "+":
        edit = edit.moved(-edit.left)
        first, last = edit.start - gene.tss, edit.end - 1 - gene.tss
    else:
        edit = edit.moved(edit.right)
        first, last = gene.tss - (edit.end - 1), gene.tss - edit.start
    if first > last:  # an insertion: ``last`` is the base before it on either strand
        return last
    return last if last < 0 else max(first, 0)
