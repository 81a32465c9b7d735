"""Rows of a GTF, line by line, to gene rows and transcripts with their exons and CDS."""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field
from pathlib import Path

from texcnn.errors import InputError
from texcnn.text.lines import numbered_lines

_FEATURES = frozenset({"gene", "transcript", "exon", "CDS", "stop_codon"})
_VALUE = r'\s+(?:"([^"]*)"|([^\s;]+))'
_ATTRIBUTES = {
    # Every row is searched for its ids: a pattern that starts with a literal is several times as fast. The look-behind
    # keeps out names that merely end alike, such as ref_gene_id.
    **{name: re.compile(rf"{name}(?<![^\s;]{name}){_VALUE}") for name in ("gene_id", "transcript_id")},
    # The word gene also occurs inside quoted text.
    **{name: re.compile(rf"(?:^|;)\s*{name}{_VALUE}") for name in ("gene_name", "gene")},
}
_GFF3_ATTRIBUTE = re.compile(r"\s*\w+=")
_GFF3_PRAGMA = re.compile(r"##gff-version\s+3")
_GFF3_REMEDY = "gffread -T IN.gff3 -o OUT.gtf converts GFF3 to GTF"


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
    exon_bases: int = 0
    cds_bases: int = 0
    exons: array[int] = field(default_factory=lambda: array("q"))
    coding: array[int] = field(default_factory=lambda: array("q"))

    @property
    def tss(self) -> int:
        """The first transcribed base; as if on ``+`` where there is no strand."""
        return self.end - 1 if self.strand == "-" else self.start

    @property
    def rank(self) -> tuple[bool, int, int, str]:
        """Lowest is best: longest CDS, then longest transcript, then lowest id, whatever the order of the file."""
        return (self.cds_bases == 0, -self.cds_bases, -(self.exon_bases or self.end - self.start), self.id)


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


def read_rows(path: Path) -> tuple[list[Locus], list[TranscriptRows]]:
    """Reads gene rows, and transcripts with their exon, CDS and stop codon rows, line by line."""
    loci: list[Locus] = []
    placed: list[TranscriptRows] = []
    by_key: dict[tuple[str, str, str, str], list[TranscriptRows]] = {}
    for number, line in numbered_lines(path):
        if not line or line[0] == "#":
            if _GFF3_PRAGMA.match(line):
                raise InputError("the file is GFF3, not GTF", where=f"{path}, line {number}", remedy=_GFF3_REMEDY)
            continue
        fields = line.split("\t")
        if len(fields) != 9:
            raise InputError(
                f"a row has {len(fields)} columns", where=f"{path}, line {number}", allowed="9 tab-separated columns"
            )
        chrom, _, feature, first, last, _, strand, _, attributes = fields
        if feature not in _FEATURES:
            continue
        start, end = _parse_place(first, last, strand, path, number)
        gene_id = _attribute(attributes, "gene_id")
        if not gene_id:
            raise _missing_attribute("gene_id", attributes, path, number)
        if feature == "gene":
            name = _gene_name(attributes, gene_id)
            loci.append(Locus(gene_id, name, chrom, strand, start, end, number))
            continue
        transcript_id = _attribute(attributes, "transcript_id")
        if not transcript_id:
            raise _missing_attribute("transcript_id", attributes, path, number)
        same_id = by_key.setdefault((transcript_id, gene_id, chrom, strand), [])
        transcript = _find(same_id, start, end, is_row=feature == "transcript")
        if transcript is None:
            name = _gene_name(attributes, gene_id)
            transcript = TranscriptRows(
                transcript_id, gene_id, name, chrom, strand, start, end, number, has_row=feature == "transcript"
            )
            same_id.append(transcript)
            placed.append(transcript)
        elif not transcript.has_row:
            transcript.start, transcript.end = min(transcript.start, start), max(transcript.end, end)
            transcript.has_row = feature == "transcript"
        if feature == "exon":
            transcript.exon_bases += end - start
            transcript.exons.extend((start, end))
        elif feature != "transcript":
            transcript.coding.extend((start, end))
            if feature == "CDS":
                transcript.cds_bases += end - start
    return loci, placed


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


def _parse_place(first: str, last: str, strand: str, path: Path, number: int) -> tuple[int, int]:
    """Turns 1-based closed text into 0-based half-open numbers."""
    try:
        start, end = int(first) - 1, int(last)
    except ValueError as error:
        raise InputError(
            f"start '{first}' or end '{last}' is not an integer", where=f"{path}, line {number}"
        ) from error
    if start < 0 or start >= end:
        raise InputError(
            f"start {first} and end {last} are no interval", where=f"{path}, line {number}", allowed="1 <= start <= end"
        )
    if strand not in ("+", "-", "."):
        raise InputError(f"unknown strand '{strand}'", where=f"{path}, line {number}", allowed="+, - or .")
    return start, end


def _attribute(attributes: str, name: str) -> str:
    match = _ATTRIBUTES[name].search(attributes)
    return "" if match is None else match[1] or match[2] or ""


def _gene_name(attributes: str, gene_id: str) -> str:
    return _attribute(attributes, "gene_name") or _attribute(attributes, "gene") or gene_id


def _missing_attribute(name: str, attributes: str, path: Path, number: int) -> InputError:
    where = f"{path}, line {number}"
    if _GFF3_ATTRIBUTE.match(attributes):
        return InputError("the file is GFF3, not GTF", where=where, remedy=_GFF3_REMEDY)
    return InputError(f"a row has no {name}", where=where, allowed=f'{name} "..."; in column 9')
