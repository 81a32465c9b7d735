"""Transcripts of a GTF: their rows and positions."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from texcnn.genome.gtf_attributes import gene_name

TranscriptKey = tuple[str, str, str, str]
"""Transcript id, gene id, chromosome and strand: rows with the same ones may belong to one transcript."""


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
        """Lowest is best: longest CDS, then longest transcript, then lowest id, in any order of the file."""
        return (self.cds_bases == 0, -self.cds_bases, -(self.exon_bases or self.end - self.start), self.id)


NO_TRANSCRIPT = TranscriptRows("", "", "", "", "", start=1, end=0, line=0, has_row=False)
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


class Transcripts:
    """Transcripts while their rows come in."""

    def __init__(self) -> None:
        self.placed: list[TranscriptRows] = []
        self._by_key: dict[TranscriptKey, list[TranscriptRows]] = {}

    def add(
        self, feature: str, key: TranscriptKey, start: int, end: int, number: int, attributes: str
    ) -> TranscriptRows:
        """Adds a row to the transcript it belongs to.

        Args:
            feature: Column 3.
            key: Of the row.
            start: First base, 0-based.
            end: The base after the last one.
            number: Its line.
            attributes: Column 9.

        Returns:
            That transcript, where every part inside its row belongs to it, as it has a row and is the last one of its
            ids; else none that a part could be inside of.
        """
        is_row = feature == "transcript"
        same_id = self._by_key.setdefault(key, [])
        found = _find(same_id, start, end, is_row=is_row)
        if found is None:
            transcript_id, gene_id, chrom, strand = key
            name = gene_name(attributes, gene_id)
            found = TranscriptRows(transcript_id, gene_id, name, chrom, strand, start, end, number, has_row=is_row)
            same_id.append(found)
            self.placed.append(found)
        elif not found.has_row:
            found.start, found.end = min(found.start, start), max(found.end, end)
            found.has_row = is_row
        if not is_row:
            found.add(feature, start, end)
        return found if found.has_row and found is same_id[-1] else NO_TRANSCRIPT

    def gene_ids(self) -> set[str]:
        """The genes of all transcripts."""
        return {transcript.gene_id for transcript in self.placed}

    def genes_of(self) -> dict[tuple[str, str, str], set[str]]:
        """Transcript id, chromosome and strand to the genes that rows with a gene id name."""
        genes: dict[tuple[str, str, str], set[str]] = {}
        for transcript in self.placed:
            genes.setdefault((transcript.id, transcript.chrom, transcript.strand), set()).add(transcript.gene_id)
        return genes


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
