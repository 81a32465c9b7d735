"""Genes from a GTF, in the flavours of Ensembl, GENCODE, RefSeq and UCSC."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from texcnn.errors import InputError, unknown_name
from texcnn.genome.gene import Annotation, Gene, Skipped
from texcnn.genome.lines import numbered_lines

TRANSCRIPT_CHOICES = ("gene", "all")
"""What becomes a row: each gene, or each of its transcripts."""

_FEATURES = frozenset({"gene", "transcript", "exon", "CDS"})
_ATTRIBUTES = {
    name: re.compile(rf'\b{name}\s+(?:"([^"]*)"|([^\s;]+))')
    for name in ("gene_id", "transcript_id", "gene_name", "gene")
}
_GFF3_ATTRIBUTE = re.compile(r"\s*\w+=")
_GFF3_REMEDY = "gffread -T IN.gff3 -o OUT.gtf converts GFF3 to GTF"


@dataclass(slots=True)
class _Transcript:
    """A transcript while its rows are read; 0-based half-open."""

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

    @property
    def tss(self) -> int:
        return self.end - 1 if self.strand == "-" else self.start

    @property
    def rank(self) -> tuple[bool, int, int, str]:
        """Lowest is best: longest CDS, then longest transcript, then lowest id, whatever the order of the file."""
        return (self.cds_bases == 0, -self.cds_bases, -(self.exon_bases or self.end - self.start), self.id)


@dataclass(slots=True)
class _Locus:
    """One place of a gene: its gene row, or transcripts that overlap."""

    gene_id: str
    gene_name: str
    chrom: str
    strand: str
    start: int
    end: int
    line: int
    transcripts: list[_Transcript] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.chrom}:{self.start + 1}-{self.end}({self.strand})"


def read_gtf(path: str | Path, *, transcripts: str = "gene") -> Annotation:
    """Reads genes, or transcripts, and their TSS from a GTF, plain or gzipped.

    A gene's TSS is that of its transcript with the longest CDS, or of its longest transcript (by exon bases, by span
    where it has no exon rows) if none has a CDS; ties go to the longer transcript, then to the lowest transcript id.
    Missing gene and transcript rows are made up from the exon and CDS rows.

    A gene id at several places (one per gene row; without gene rows, per group of overlapping transcripts) is kept at
    the first one that has a strand, and each further place is a ``Skipped``: places = genes + skipped.

    Args:
        path: The GTF file.
        transcripts: ``gene`` for one row per gene, ``all`` for one row per transcript, with its ``transcript_id``.

    Returns:
        Genes in the order of their first row.

    Raises:
        InputError: A row is malformed (named by its line), the file is missing, empty, truncated, a GFF3, or has no
            transcript, exon or CDS rows.
    """
    path = Path(path)
    if transcripts not in TRANSCRIPT_CHOICES:
        raise unknown_name("choice of transcripts", transcripts, TRANSCRIPT_CHOICES)
    gene_rows, placed = _read_rows(path)
    if not placed:
        raise InputError(
            "no transcript, exon or CDS row found", where=path, allowed="a GTF with these features in column 3"
        )
    loci = _join(gene_rows, placed)
    genes, skipped = _one_per_gene(loci) if transcripts == "gene" else _one_per_transcript(loci)
    return Annotation(genes, skipped, path)


def _read_rows(path: Path) -> tuple[list[_Locus], list[_Transcript]]:
    """Reads gene rows, and transcripts with the bases of their exon and CDS rows, line by line."""
    loci: list[_Locus] = []
    placed: list[_Transcript] = []
    by_key: dict[tuple[str, str, str, str], list[_Transcript]] = {}
    for number, line in numbered_lines(path):
        if not line or line[0] == "#":
            if line.startswith("##gff-version"):
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
            loci.append(_Locus(gene_id, name, chrom, strand, start, end, number))
            continue
        transcript_id = _attribute(attributes, "transcript_id")
        if not transcript_id:
            raise _missing_attribute("transcript_id", attributes, path, number)
        same_id = by_key.setdefault((transcript_id, gene_id, chrom, strand), [])
        transcript = _find(same_id, start, end, is_row=feature == "transcript")
        if transcript is None:
            name = _gene_name(attributes, gene_id)
            transcript = _Transcript(
                transcript_id, gene_id, name, chrom, strand, start, end, number, has_row=feature == "transcript"
            )
            same_id.append(transcript)
            placed.append(transcript)
        elif not transcript.has_row:
            transcript.start, transcript.end = min(transcript.start, start), max(transcript.end, end)
            transcript.has_row = feature == "transcript"
        if feature == "exon":
            transcript.exon_bases += end - start
        elif feature == "CDS":
            transcript.cds_bases += end - start
    return loci, placed


def _find(same_id: list[_Transcript], start: int, end: int, *, is_row: bool) -> _Transcript | None:
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


def _join(gene_rows: list[_Locus], placed: Iterable[_Transcript]) -> list[_Locus]:
    """Gives each transcript to the gene row it overlaps, the rest to loci of their own; in file order."""
    rows_by_gene: dict[tuple[str, str, str], list[_Locus]] = {}
    for locus in gene_rows:
        rows_by_gene.setdefault((locus.gene_id, locus.chrom, locus.strand), []).append(locus)
    homeless: dict[tuple[str, str, str], list[_Transcript]] = {}
    for transcript in placed:
        key = (transcript.gene_id, transcript.chrom, transcript.strand)
        rows = rows_by_gene.get(key, [])
        shared = [min(row.end, transcript.end) - max(row.start, transcript.start) for row in rows]
        if shared and max(shared) > 0:
            rows[shared.index(max(shared))].transcripts.append(transcript)
        else:
            homeless.setdefault(key, []).append(transcript)
    loci = list(gene_rows)
    for transcripts in homeless.values():
        loci += _cluster(transcripts)
    return sorted(loci, key=lambda locus: locus.line)


def _cluster(transcripts: list[_Transcript]) -> list[_Locus]:
    """Groups the transcripts of one gene on one strand into loci of overlapping ones."""
    loci: list[_Locus] = []
    for transcript in sorted(transcripts, key=lambda t: t.start):
        if loci and transcript.start < loci[-1].end:
            locus = loci[-1]
            locus.end = max(locus.end, transcript.end)
            locus.line = min(locus.line, transcript.line)
        else:
            locus = _Locus(
                transcript.gene_id, transcript.gene_name, transcript.chrom, transcript.strand,
                transcript.start, transcript.end, transcript.line,
            )  # fmt: skip
            loci.append(locus)
        locus.transcripts.append(transcript)
    return loci


def _one_per_gene(loci: list[_Locus]) -> tuple[list[Gene], list[Skipped]]:
    genes: list[Gene] = []
    skipped: list[Skipped] = []
    kept: dict[str, _Locus] = {}
    for locus in loci:
        first = kept.get(locus.gene_id)
        if not locus.transcripts:
            skipped.append(Skipped(locus.gene_id, f"the gene at {locus} has no transcript, exon or CDS row"))
        elif locus.strand == ".":
            skipped.append(Skipped(locus.gene_id, f"the gene at {locus} has no strand, so no TSS"))
        elif first is not None:
            reason = f"further place {locus} of a gene kept at {first}"
            skipped.append(Skipped(locus.gene_id, reason))
        else:
            kept[locus.gene_id] = locus
            best = min(locus.transcripts, key=lambda transcript: transcript.rank)
            genes.append(Gene(locus.gene_id, locus.gene_name, locus.chrom, best.tss, locus.strand))
    return genes, skipped


def _one_per_transcript(loci: list[_Locus]) -> tuple[list[Gene], list[Skipped]]:
    genes: list[Gene] = []
    skipped: list[Skipped] = []
    kept: dict[tuple[str, str], _Locus] = {}
    for locus in loci:
        if not locus.transcripts:
            skipped.append(Skipped(locus.gene_id, f"the gene at {locus} has no transcript, exon or CDS row"))
        for transcript in sorted(locus.transcripts, key=lambda t: t.line):
            first = kept.get((transcript.gene_id, transcript.id))
            if locus.strand == ".":
                reason = f"transcript {transcript.id} at {locus} has no strand, so no TSS"
                skipped.append(Skipped(locus.gene_id, reason))
            elif first is not None:
                reason = f"further place {locus} of transcript {transcript.id}, kept at {first}"
                skipped.append(Skipped(locus.gene_id, reason))
            else:
                kept[(transcript.gene_id, transcript.id)] = locus
                genes.append(
                    Gene(locus.gene_id, locus.gene_name, locus.chrom, transcript.tss, locus.strand, transcript.id)
                )
    return genes, skipped
