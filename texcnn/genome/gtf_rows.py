"""Rows of a GTF, line by line, to gene rows and transcripts with their exons and CDS."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

from texcnn.errors import InputError
from texcnn.genome.gtf_attributes import find_ids, gene_name, is_gff3
from texcnn.genome.gtf_transcripts import NO_TRANSCRIPT, Locus, TranscriptRows, Transcripts
from texcnn.genome.position import to_position
from texcnn.genome.skipped import Skipped
from texcnn.text.lines import BLANKS, PathLike, numbered_lines

_LOG = logging.getLogger("texcnn")

_FEATURES = frozenset({"gene", "transcript", "exon", "CDS", "stop_codon"})
_PARTS = frozenset({"exon", "CDS", "stop_codon"})
_STRANDS = frozenset("+-.")
_MOST_DIGITS = 4000
"""Python refuses to read numbers of more digits unless a setting allows it."""

_GFF3_PRAGMA = re.compile(r"##gff-version\s+3")
_GFF3_REMEDY = "gffread -T IN.gff3 -o OUT.gtf converts GFF3 to GTF"
_AUGUSTUS_TRANSCRIPT = re.compile(r"(.+)\.t\d+")


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
        Gene rows, transcripts, and what belongs to no known gene.

    Raises:
        InputError: A row is malformed (named by its line), or the file is GFF3.
    """
    loci: list[Locus] = []
    transcripts = Transcripts()
    nameless: list[_Row] = []
    without_transcript: list[_Row] = []
    # Column 9 of most rows begins like that of the row before, up to its ids. No column 9 has a tab.
    gene_id, transcript_id, usual = "", "", "\t"
    current, low, high = NO_TRANSCRIPT, 1, 0
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
        chrom = chrom.strip(BLANKS)
        if not chrom:
            raise InputError("the chromosome has no name", where=f"{path}, line {number}", allowed="a name in column 1")
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
            current = transcripts.add(feature, (transcript_id, gene_id, chrom, strand), start, end, number, attributes)
            low, high, add_exon = current.start, current.end, current.exons.extend
            continue
        elif is_gff3(attributes):
            raise InputError("the file is GFF3, not GTF", where=f"{path}, line {number}", remedy=_GFF3_REMEDY)
        else:
            row = _Row(number, feature, chrom, start, end, strand, attributes)
            (without_transcript if gene_id else nameless).append(row)
        current, low, high = NO_TRANSCRIPT, 1, 0
    skipped = _place_nameless(nameless, transcripts)
    _place_without_transcript(without_transcript, transcripts, path)
    return loci, transcripts.placed, skipped


def _place_nameless(rows: list[_Row], transcripts: Transcripts) -> list[Skipped]:
    """Gives rows without a gene id to the gene that other rows of their transcript name; returns what has none."""
    genes_of = transcripts.genes_of() if rows else {}
    left: dict[str, _Row] = {}
    for row in rows:
        _, transcript_id, _ = find_ids(row.attributes, row.feature)
        genes = genes_of.get((transcript_id, row.chrom, row.strand), set())
        augustus = _AUGUSTUS_TRANSCRIPT.fullmatch(transcript_id)
        gene_id = next(iter(genes)) if len(genes) == 1 else augustus[1] if augustus and not genes else ""
        if gene_id:
            key = (transcript_id, gene_id, row.chrom, row.strand)
            transcripts.add(row.feature, key, row.start, row.end, row.line, row.attributes)
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


def _place_without_transcript(rows: list[_Row], transcripts: Transcripts, path: PathLike) -> None:
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
        key = (gene_id, gene_id, row.chrom, row.strand)
        transcripts.add(row.feature, key, row.start, row.end, row.line, row.attributes)
    if unused:
        _LOG.warning(
            "%s: %d rows have no transcript_id and are not used, since other rows of their genes have one; the first "
            "is line %d", path, len(unused), unused[0].line,
        )  # fmt: skip


def _parse_place(first: str, last: str, strand: str, path: PathLike, number: int) -> tuple[int, int]:
    """Turns 1-based closed text into 0-based half-open numbers."""
    where = f"{path}, line {number}"
    if strand not in _STRANDS:
        raise InputError(f"unknown strand '{strand}'", where=where, allowed="+, - or .")
    return to_position(first, "start", where) - 1, to_position(last, "end", where)
