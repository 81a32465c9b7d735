"""Rows of a GTF, line by line, to gene rows and transcripts with their exons and CDS."""

from __future__ import annotations

import logging
import re
from array import array
from dataclasses import dataclass, field

from texcnn.errors import InputError
from texcnn.genome.gtf_attributes import find_ids, gene_name, is_gff3
from texcnn.genome.position import to_position
from texcnn.genome.skipped import Skipped
from texcnn.text.lines import PathLike, numbered_lines

_LOG = logging.getLogger("texcnn")

_FEATURES = frozenset({"gene", "transcript", "exon", "CDS", "stop_codon"})
_PARTS = frozenset({"exon", "CDS", "stop_codon"})
_STRANDS = frozenset("+-.")
_MOST_DIGITS = 4000
"""Python reads numbers of more digits only if told so."""

_GFF3_PRAGMA = re.compile(r"##gff-version\s+3")
_GFF3_REMEDY = "gffread -T IN.gff3 -o OUT.gtf converts GFF3 to GTF"
_AUGUSTUS_TRANSCRIPT = re.compile(r"(.+)\.t\d+")


@dataclass(slots=True)
class TranscriptRows:
    """A transcript while its rows are read; 0-based half-open.

    ``exons`` and ``coding`` hold start, end, start, end, ... in the order of the rows: plain arrays, since an
    annotation has millions of rows. ``coding`` has the CDS and the stop codon, which Ensembl, GENCODE and NCBI leave
    out of the CDS rows and others do not; ``cds_bases`` counts the CDS rows as they are.
    """

    id: str
    gene_id: str
    gene_name: str
    chrom: str
    strand: str
    start: int
    end: int
    line: int
    has_row: bool
    cds_bases: int = 0
    exons: array[int] = field(default_factory=lambda: array("q"))
    coding: array[int] = field(default_factory=lambda: array("q"))

    def add(self, feature: str, start: int, end: int) -> None:
        """Adds an exon, a piece of CDS or a stop codon."""
        if feature == "exon":
            self.exons.extend((start, end))
        else:
            self.coding.extend((start, end))
            if feature == "CDS":
                self.cds_bases += end - start

    @property
    def exon_bases(self) -> int:
        """Bases of its exon rows."""
        return sum(self.exons[1::2]) - sum(self.exons[::2])

    @property
    def tss(self) -> int:
        """The first transcribed base; as if on ``+`` where there is no strand."""
        return self.end - 1 if self.strand == "-" else self.start

    @property
    def place(self) -> tuple[str, str, int, int]:
        """Chromosome, strand, start and end."""
        return self.chrom, self.strand, self.start, self.end

    @property
    def rank(self) -> tuple[bool, int, int, str]:
        """Lowest is best: longest CDS, then longest transcript, then lowest id, whatever the order of the file."""
        return (self.cds_bases == 0, -self.cds_bases, -(self.exon_bases or self.end - self.start), self.id)


_NONE = TranscriptRows("", "", "", "", "", start=1, end=0, line=0, has_row=False)
"""No transcript; nothing is inside of it."""


@dataclass(slots=True)
class Locus:
    """One place of a gene: its gene row, or transcripts that overlap."""

    gene_id: str
    gene_name: str
    chrom: str
    strand: str
    start: int
    end: int
    line: int
    transcripts: list[TranscriptRows] = field(default_factory=list)

    def __str__(self) -> str:
        """The place as genome browsers write it, 1-based."""
        return f"{self.chrom}:{self.start + 1}-{self.end}({self.strand})"


@dataclass(slots=True)
class _Row:
    """A row of one of the features that count; 0-based half-open."""

    line: int
    feature: str
    chrom: str
    start: int
    end: int
    strand: str
    attributes: str


def read_rows(path: PathLike) -> tuple[list[Locus], list[TranscriptRows], list[Skipped]]:
    """Reads gene rows, and transcripts with their exon, CDS and stop codon rows, line by line.

    A row without ``gene_id`` belongs to the gene that other rows of its transcript name, or, as AUGUSTUS and BRAKER
    write it, to that of the name before ``.t1``. Rows without ``transcript_id`` make one transcript of the gene id, if
    the gene has no other one; else they are not used, which is logged.

    Returns:
        Gene rows, transcripts, and what no gene could be told of.

    Raises:
        InputError: A row is malformed (named by its line), or the file is GFF3.
    """
    loci: list[Locus] = []
    transcripts = _Transcripts()
    nameless: list[_Row] = []
    without_transcript: list[_Row] = []
    # Column 9 of most rows begins like that of the row before, up to its ids. No column 9 has a tab.
    gene_id, transcript_id, usual = "", "", "\t"
    current, low, high = _NONE, 1, 0
    add_exon = current.exons.extend
    for number, line in numbered_lines(path):
        if not line or line[0] == "#":
            if _GFF3_PRAGMA.match(line):
                raise InputError("the file is GFF3, not GTF", where=f"{path}, line {number}", remedy=_GFF3_REMEDY)
            continue
        fields = line.split("\t")
        if len(fields) != 9:
            if not line.strip():
                continue
            raise InputError(
                f"a row has {len(fields)} columns", where=f"{path}, line {number}", allowed="9 tab-separated columns"
            )
        chrom, _, feature, first, last, _, strand, _, attributes = fields
        if (
            # Most rows: a part of the transcript of the row before, in plain numbers. It is added without a call.
            attributes.startswith(usual)
            and chrom == current.chrom
            and strand == current.strand
            and feature in _PARTS
            and first.isdigit()
            and last.isdigit()
            and line.isascii()
            and len(line) < _MOST_DIGITS
        ):
            start, end = int(first) - 1, int(last)
            if low <= start < end <= high:
                if feature == "exon":
                    add_exon((start, end))
                else:
                    current.add(feature, start, end)
                continue
        if feature not in _FEATURES:
            continue
        start, end = _parse_place(first, last, strand, path, number)
        if start < 0 or start >= end:
            raise InputError(
                f"start {first} and end {last} are not an interval", where=f"{path}, line {number}",
                allowed="1 <= start <= end",
            )  # fmt: skip
        if not attributes.startswith(usual):
            gene_id, transcript_id, usual = find_ids(attributes, feature)
        if feature == "gene" and gene_id:
            loci.append(Locus(gene_id, gene_name(attributes, gene_id), chrom, strand, start, end, number))
        elif gene_id and transcript_id:
            current = transcripts.add(feature, transcript_id, gene_id, chrom, strand, start, end, number, attributes)
            low, high, add_exon = current.start, current.end, current.exons.extend
            continue
        elif is_gff3(attributes):
            raise InputError("the file is GFF3, not GTF", where=f"{path}, line {number}", remedy=_GFF3_REMEDY)
        else:
            row = _Row(number, feature, chrom, start, end, strand, attributes)
            (without_transcript if gene_id else nameless).append(row)
        current, low, high = _NONE, 1, 0
    skipped = _place_nameless(nameless, transcripts)
    _place_without_transcript(without_transcript, transcripts, path)
    return loci, transcripts.placed, skipped


class _Transcripts:
    """Transcripts while their rows come in."""

    def __init__(self) -> None:
        self.placed: list[TranscriptRows] = []
        self._by_key: dict[tuple[str, str, str, str], list[TranscriptRows]] = {}

    def add(
        self, feature: str, transcript_id: str, gene_id: str, chrom: str, strand: str, start: int, end: int,
        number: int, attributes: str,
    ) -> TranscriptRows:  # fmt: skip
        """Adds a row to the transcript it belongs to.

        Returns:
            That one, where every part inside its row belongs to it, as it has a row and is the last one of its ids;
            else none that a part could be inside of.
        """
        is_row = feature == "transcript"
        same_id = self._by_key.setdefault((transcript_id, gene_id, chrom, strand), [])
        found = _find(same_id, start, end, is_row=is_row)
        if found is None:
            name = gene_name(attributes, gene_id)
            found = TranscriptRows(transcript_id, gene_id, name, chrom, strand, start, end, number, has_row=is_row)
            same_id.append(found)
            self.placed.append(found)
        elif not found.has_row:
            found.start, found.end = min(found.start, start), max(found.end, end)
            found.has_row = is_row
        if not is_row:
            found.add(feature, start, end)
        return found if found.has_row and found is same_id[-1] else _NONE

    def gene_ids(self) -> set[str]:
        """The genes of all transcripts."""
        return {transcript.gene_id for transcript in self.placed}

    def genes_of(self) -> dict[tuple[str, str, str], set[str]]:
        """Transcript id, chromosome and strand to the genes that rows with a gene id name."""
        genes: dict[tuple[str, str, str], set[str]] = {}
        for transcript in self.placed:
            genes.setdefault((transcript.id, transcript.chrom, transcript.strand), set()).add(transcript.gene_id)
        return genes


def _place_nameless(rows: list[_Row], transcripts: _Transcripts) -> list[Skipped]:
    """Gives rows without a gene id to the gene that other rows of their transcript name; returns what has none."""
    genes_of = transcripts.genes_of() if rows else {}
    left: dict[str, _Row] = {}
    for row in rows:
        _, transcript_id, _ = find_ids(row.attributes, row.feature)
        genes = genes_of.get((transcript_id, row.chrom, row.strand), set())
        augustus = _AUGUSTUS_TRANSCRIPT.fullmatch(transcript_id)
        gene_id = next(iter(genes)) if len(genes) == 1 else augustus[1] if augustus and not genes else ""
        if gene_id:
            transcripts.add(
                row.feature, transcript_id, gene_id, row.chrom, row.strand, row.start, row.end, row.line, row.attributes
            )
        else:
            left.setdefault(transcript_id, row)
    return [
        Skipped(
            transcript_id or f"{row.chrom}:{row.start + 1}-{row.end}({row.strand})",
            f"no gene_id{'' if transcript_id else ' and no transcript_id'} in the {row.feature} row of line {row.line}"
            f"{', nor in another row of this transcript' if transcript_id else ''}: add gene_id to column 9",
        )
        for transcript_id, row in left.items()
    ]


def _place_without_transcript(rows: list[_Row], transcripts: _Transcripts, path: PathLike) -> None:
    """Gives rows without a transcript id to one transcript of the gene's id, where the gene has no other one.

    GTF 2.2 writes an empty id where there is no transcript, as of a tRNA gene.
    """
    named = transcripts.gene_ids() if rows else set()
    unused: list[_Row] = []
    for row in rows:
        gene_id, _, _ = find_ids(row.attributes, row.feature)
        if gene_id in named:
            unused.append(row)
            continue
        transcripts.add(
            row.feature, gene_id, gene_id, row.chrom, row.strand, row.start, row.end, row.line, row.attributes
        )
    if unused:
        _LOG.warning(
            "%s: %d rows have no transcript_id and are not used, since other rows of their genes have one; the first "
            "is line %d", path, len(unused), unused[0].line,
        )  # fmt: skip


def _find(same_id: list[TranscriptRows], start: int, end: int, *, is_row: bool) -> TranscriptRows | None:
    """The transcript a row belongs to, among those of one id on one strand of one chromosome.

    An exon belongs to the transcript row that contains it, or else to a transcript whose row is still to come
    (or never does); a transcript row completes one whose exons came first.
    """
    for transcript in reversed(same_id):
        if transcript.has_row and not is_row and transcript.start <= start and end <= transcript.end:
            return transcript
        if not transcript.has_row and (not is_row or (start <= transcript.start and transcript.end <= end)):
            return transcript
    return None


def _parse_place(first: str, last: str, strand: str, path: PathLike, number: int) -> tuple[int, int]:
    """Turns 1-based closed text into 0-based half-open numbers."""
    where = f"{path}, line {number}"
    if strand not in _STRANDS:
        raise InputError(f"unknown strand '{strand}'", where=where, allowed="+, - or .")
    return to_position(first, "start", where) - 1, to_position(last, "end", where)
