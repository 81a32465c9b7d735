"""Which genes: the files that name them and the wanted ones of these."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from texcnn.arguments import names_of, path_of
from texcnn.errors import InputError, unknown_name
from texcnn.genome import BED_ANCHORS, TRANSCRIPT_CHOICES
from texcnn.keywords import check_flags
from texcnn.text.names import read_names


@dataclass(frozen=True, init=False)
class GeneSelection:
    """Genes of a GTF or of a BED, all of them or those on a list.

    Attributes:
        gtf: The annotation; at most one of ``gtf`` and ``bed``. Neither, where a store names the genes.
        bed: Intervals, one per gene.
        bed_anchor: What an interval means: one of :data:`texcnn.genome.BED_ANCHORS`.
        transcripts: ``gene`` for one row per gene, ``all`` for one per transcript (of a GTF, or of windows).
        genes: Ids or names of wanted genes; None for all.
        genes_file: The file of a list that wanted genes were read from; they are in ``genes`` too.
        map_chrom_names: Whether to map chr1/1 styles to the genome's where the files differ.

    Args:
        gtf: As above, a path.
        bed: As above, a path.
        bed_anchor: As above.
        transcripts: As above.
        genes: As above: one name, or any iterable of names.
        genes_file: More of them: a file with an id or name per line.
        map_chrom_names: As above.

    Raises:
        InputError: when both files are given, a value is unknown, an option belongs to the other kind of file, or
            the list cannot be used.
    """

    gtf: Path | None
    bed: Path | None
    bed_anchor: str
    transcripts: str
    genes: tuple[str, ...] | None
    genes_file: Path | None
    map_chrom_names: bool

    def __init__(
        self,
        gtf: str | os.PathLike[str] | None = None,
        bed: str | os.PathLike[str] | None = None,
        bed_anchor: str = "five-prime",
        transcripts: str = "gene",
        genes: str | Iterable[str] | None = None,
        genes_file: str | os.PathLike[str] | None = None,
        map_chrom_names: bool = False,
    ) -> None:
        if gtf is not None and bed is not None:
            raise InputError("give either a GTF or a BED", where="`gtf` and `bed`", allowed="one of them")
        if bed_anchor not in BED_ANCHORS:
            raise unknown_name("BED anchor", bed_anchor, BED_ANCHORS, where="`bed_anchor`")
        if transcripts not in TRANSCRIPT_CHOICES:
            raise unknown_name("choice of transcripts", transcripts, TRANSCRIPT_CHOICES, where="`transcripts`")
        if gtf is not None and bed_anchor != "five-prime":
            raise InputError("an anchor is for a BED, a GTF has the TSS", where="`bed_anchor`", allowed="five-prime")
        if bed is not None and transcripts != "gene" and bed_anchor != "window":
            raise InputError("transcripts are chosen from a GTF", where="`transcripts`", allowed="gene")
        check_flags(map_chrom_names=map_chrom_names)
        object.__setattr__(self, "gtf", path_of(gtf, "gtf"))
        object.__setattr__(self, "bed", path_of(bed, "bed"))
        object.__setattr__(self, "bed_anchor", bed_anchor)
        object.__setattr__(self, "transcripts", transcripts)
        listed = path_of(genes_file, "genes_file")
        wanted = None if genes is None else names_of(genes, "genes")
        if listed is not None:
            wanted = (*read_names(listed), *(wanted or ()))
        object.__setattr__(self, "genes", wanted)
        object.__setattr__(self, "genes_file", listed)
        object.__setattr__(self, "map_chrom_names", map_chrom_names)

    @property
    def per_transcript(self) -> bool:
        """Whether there is one row per transcript."""
        return self.transcripts == "all"
