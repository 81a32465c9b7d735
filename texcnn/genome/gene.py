"""An annotation as genes with a place, and the rows that have none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from texcnn.errors import InputError
from texcnn.genome.skipped import Skipped


@dataclass(frozen=True, slots=True)
class Gene:
    """A gene, or one of its transcripts, and where its transcription starts.

    Attributes:
        id: The annotation's id of the gene.
        name: Its symbol; the id where the annotation has no symbol.
        chrom: Name of the chromosome.
        tss: The first transcribed base, 0-based.
        strand: ``+`` or ``-``.
        transcript_id: The transcript of this row; empty where the row is about the gene.

    Raises:
        InputError: The id or chromosome is empty, the TSS negative or the strand not ``+`` or ``-``.
    """

    id: str
    name: str
    chrom: str
    tss: int
    strand: str
    transcript_id: str = ""

    def __post_init__(self) -> None:
        """Checks the fields."""
        if not self.id or not self.chrom:
            raise InputError("a gene needs an id and a chromosome", where=repr(self))
        if self.tss < 0:
            raise InputError(f"the TSS {self.tss} is negative", where=f"gene '{self.id}'", allowed="0-based positions")
        if self.strand not in ("+", "-"):
            raise InputError(f"unknown strand '{self.strand}'", where=f"gene '{self.id}'", allowed="+ or -")


@dataclass(frozen=True, slots=True)
class Annotation:
    """Genes in the order of their file; every row of it is in ``genes`` or in ``skipped``.

    Attributes:
        genes: The genes that have a place.
        skipped: The rows that have none.
        path: The file they were read from.
    """

    genes: list[Gene]
    skipped: list[Skipped]
    path: Path
