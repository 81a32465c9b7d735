"""Genes from a BED file: one per interval, with the TSS at the anchor."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from texcnn.errors import InputError, unknown_name
from texcnn.genome import BED_ANCHORS
from texcnn.genome.gene import Annotation, Gene
from texcnn.genome.interval import Interval
from texcnn.genome.position import to_position
from texcnn.genome.skipped import Skipped
from texcnn.genome.windows import WindowSpec
from texcnn.text.lines import BLANKS, PathLike, numbered_lines

WINDOWS_BED_COLUMNS = ("chrom", "start", "end", "gene_id", "score", "strand", "gene_name", "tss", "transcript_id")
"""Columns of the BED that ``texcnn windows`` writes below a header line that starts with ``#``."""

_WINDOWS_BED_HEADER = "#" + "\t".join(WINDOWS_BED_COLUMNS)
_NO_DATA = ("track", "browser")
_SHOWN_DUPLICATES = 3
_WIDE = 1000
"""Intervals of one width from here on, in bp, are seldom features that begin at a TSS."""

_LOG = logging.getLogger("texcnn")


@dataclass(frozen=True, slots=True)
class _Row:
    """One data line; ``strand`` is ``+`` where the file has no strand column."""

    line: int
    chrom: str
    start: int
    end: int
    id: str
    strand: str
    name: str
    tss: int | None
    transcript_id: str

    def __str__(self) -> str:
        return f"{self.chrom}:{self.start}-{self.end}({self.strand})"


def read_bed(path: PathLike, *, anchor: str = "five-prime", spec: WindowSpec) -> Annotation:
    """Reads genes from a BED of 3 or more columns, plain or gzipped.

    The id is column 4, else ``chrom:start-end(strand)``. Without a strand column every interval is on ``+``;
    with one, a strand of ``.`` gives a ``Skipped``. A file that ``texcnn windows`` wrote is recognised by its header:
    its ``tss`` column counts, since its intervals are cut at the chromosome's ends.

    Args:
        path: The BED file.
        anchor: Where an interval has its TSS. ``five-prime``: its 5' end on its strand; ``center``: its middle, such
            that the 20 kb from TSS - 10,000 to TSS + 10,000 give back the TSS on either strand; ``window``: the
            interval already is the window.
        spec: The window's reach, for ``window``.

    Returns:
        Genes in file order. With ``window``, intervals of another length than the window's are among the skipped.

    Raises:
        InputError: A row is malformed (named by its line), an id occurs twice, no interval has the window's length, a
            file of ``texcnn windows`` is read with another anchor, or the file is missing, empty or truncated.
    """
    path = Path(path)
    if anchor not in BED_ANCHORS:
        raise unknown_name("BED anchor", anchor, BED_ANCHORS)
    rows = list(_read_rows(path, anchor))
    if not rows:
        raise InputError("no interval found", where=path, allowed="at least one row of chrom, start and end")
    _check_ids(rows, path)
    if anchor == "five-prime":
        _warn_of_anchor(rows, path, spec)
    genes: list[Gene] = []
    skipped: list[Skipped] = []
    for row in rows:
        tss = _tss(row, anchor, spec)
        if row.strand == ".":
            skipped.append(Skipped(row.id, "the strand is '.', so the window has no direction"))
        elif isinstance(tss, str):
            skipped.append(Skipped(row.id, tss))
        elif tss < 0:
            skipped.append(Skipped(row.id, f"the TSS of {row} lies before the chromosome's start"))
        else:
            genes.append(Gene(row.id, row.name, row.chrom, tss, row.strand, row.transcript_id))
    if anchor == "window" and not genes:
        raise InputError(
            f"no interval can serve as a window (first: {skipped[0].reason})", where=path,
            allowed=f"intervals of {spec.length} bp with a strand",
            remedy="choose another `bed_anchor`, or `upstream` and `downstream` that add up to the intervals' length",
        )  # fmt: skip
    return Annotation(genes, skipped, path)


def read_regions(path: PathLike) -> list[Interval]:
    """Reads the places of a BED of 3 or more columns, plain or gzipped; names and strands do not matter.

    Raises:
        InputError: A row is malformed (named by its line), there is none, or the file is missing or truncated.
    """
    regions = [Interval(row.chrom, row.start, row.end) for row in _read_rows(Path(path), "window")]
    if not regions:
        raise InputError("no interval found", where=path, allowed="at least one row of chrom, start and end")
    return regions


def _tss(row: _Row, anchor: str, spec: WindowSpec) -> int | str:
    """The TSS, 0-based, or why there is none."""
    forward = row.strand == "+"
    if anchor == "five-prime":
        return row.start if forward else row.end - 1
    if anchor == "center":
        return (row.start + row.end) // 2 if forward else (row.start + row.end - 1) // 2
    if row.tss is not None:
        return row.tss
    if row.end - row.start != spec.length:
        return f"the interval is {row.end - row.start} bp long, the window {spec.length} bp"
    return row.start + spec.upstream if forward else row.end - 1 - spec.upstream


def _read_rows(path: Path, anchor: str) -> Iterator[_Row]:
    own = False
    separator: str | None = None
    n_columns = 0
    for number, line in numbered_lines(path):
        where = f"{path}, line {number}"
        if line == _WINDOWS_BED_HEADER:
            own = True
            if anchor != "window":
                raise InputError(
                    f"the file was written by texcnn windows and is read with anchor '{anchor}'", where=where,
                    remedy="set `bed_anchor` to window",
                )  # fmt: skip
        if not line.strip() or line[0] == "#" or line.split(maxsplit=1)[0] in _NO_DATA:
            continue
        if not n_columns:
            separator = "\t" if "\t" in line else None
        fields = line.split(separator)
        n_columns = n_columns or len(fields)
        if len(fields) < 3 or (own and len(fields) != len(WINDOWS_BED_COLUMNS)):
            allowed = (
                f"the {len(WINDOWS_BED_COLUMNS)} columns of the header" if own else "at least chrom, start and end"
            )
            raise InputError(f"a row has {len(fields)} columns", where=where, allowed=allowed)
        if len(fields) != n_columns:
            raise InputError(
                f"a row has {len(fields)} columns, the first one {n_columns}", where=where,
                allowed="the same number in every row",
            )  # fmt: skip
        yield _parse_row(fields, number, where, own=own)


def _parse_row(fields: list[str], number: int, where: str, *, own: bool) -> _Row:
    chrom = fields[0].strip(BLANKS)
    if not chrom:
        raise InputError("the chromosome has no name", where=where, allowed="a name in column 1")
    start, end = to_position(fields[1], "start", where), to_position(fields[2], "end", where)
    if start >= end:
        raise InputError(f"start {start} is not below end {end}", where=where, allowed="start < end")
    for column in (4, 5):
        if len(fields) >= column and fields[column - 1] in ("+", "-"):
            raise InputError(
                f"a strand '{fields[column - 1]}' in column {column}", where=where,
                allowed="the strand in column 6, after a name and a score",
                remedy="write six columns, such as with awk: chrom, start, end, name, 0, strand",
            )  # fmt: skip
    strand = fields[5].strip(BLANKS) if len(fields) > 5 else "+"
    if strand not in ("+", "-", "."):
        raise InputError(f"unknown strand '{strand}' in column 6", where=where, allowed="+, - or .")
    name = fields[3].strip(BLANKS) if len(fields) > 3 else ""
    gene_id = name if name not in ("", ".") else f"{chrom}:{start}-{end}({strand})"
    if not own:
        return _Row(number, chrom, start, end, gene_id, strand, gene_id, None, "")
    tss = to_position(fields[7], "tss", where) - 1
    if not start - 1 <= tss <= end:
        raise InputError(f"tss {tss + 1} lies outside {chrom}:{start}-{end}", where=where)
    return _Row(number, chrom, start, end, gene_id, strand, fields[6] or gene_id, tss, fields[8])


def _warn_of_anchor(rows: list[_Row], path: Path, spec: WindowSpec) -> None:
    """Warns where intervals look like surroundings of a TSS, and would be read as if they began at it."""
    widths = {row.end - row.start for row in rows}
    width = widths.pop()
    if widths or len(rows) < 2 or width < _WIDE:
        return
    other = "window" if width == spec.length else "center"
    _LOG.warning(
        "%s: every interval is %d bp wide, and its 5' end is taken as the TSS. If the TSS is elsewhere, give "
        "`bed_anchor` %s.",
        path.name, width, other,
    )  # fmt: skip


def _check_ids(rows: list[_Row], path: Path) -> None:
    """Refuses ids that occur twice: their results could not be matched."""
    lines: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        lines.setdefault((row.id, row.transcript_id), []).append(row.line)
    twice = [f"'{key[0]}' in lines {', '.join(map(str, found))}" for key, found in lines.items() if len(found) > 1]
    if twice:
        shown = "; ".join(twice[:_SHOWN_DUPLICATES]) + ("; ..." if len(twice) > _SHOWN_DUPLICATES else "")
        raise InputError(
            f"{len(twice)} ids occur more than once: {shown}", where=path, allowed="each id in column 4 once",
            remedy="make the ids unique, for example by adding the place to the name",
        )  # fmt: skip
