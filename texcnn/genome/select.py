"""Which genes: the files that name them and the wanted ones of these."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from texcnn.errors import InputError, unknown_name
from texcnn.genome import BED_ANCHORS, TRANSCRIPT_CHOICES
from texcnn.keywords import check_flags


@dataclass(frozen=True, init=False)
class GeneSelection:
    """Genes of a GTF or of a BED, all of them or those on a list.

    Attributes:
        gtf: The annotation; at most one of ``gtf`` and ``bed``. Neither, where a store names the genes.
        bed: Intervals, one per gene.
        bed_anchor: What an interval means: one of :data:`texcnn.genome.BED_ANCHORS`.
        transcripts: ``gene`` for one row per gene, ``all`` for one per transcript (of a GTF, or of windows).
        genes: Ids or names of wanted genes; None for all.
        map_chrom_names: Whether to map chr1/1 styles to the genome's where the files differ.

    Args:
        gtf: As above, a path.
        bed: As above, a path.
        bed_anchor: As above.
        transcripts: As above.
        genes: As above: one name, or any iterable of names.
        map_chrom_names: As above.

    Raises:
        InputError: when both files are given, a value is unknown, or an option belongs to the other kind of file.
    """

    gtf: Path | None
    bed: Path | None
    bed_anchor: str
    transcripts: str
    genes: tuple[str, ...] | None
    map_chrom_names: bool

    def __init__(
        self,
        gtf: str | os.PathLike[str] | None = None,
        bed: str | os.PathLike[str] | None = None,
        bed_anchor: str = "five-prime",
        transcripts: str = "gene",
        genes: str | Iterable[str] | None = None,
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
        names = (genes,) if isinstance(genes, str) else genes
        object.__setattr__(self, "gtf", None if gtf is None else Path(gtf))
        object.__setattr__(self, "bed", None if bed is None else Path(bed))
        object.__setattr__(self, "bed_anchor", bed_anchor)
        object.__setattr__(self, "transcripts", transcripts)
        object.__setattr__(self, "genes", None if names is None else tuple(str(name) for name in names))
        object.__setattr__(self, "map_chrom_names", map_chrom_names)

    @property
    def per_transcript(self) -> bool:
        """Whether there is one row per transcript."""
        return self.transcripts == "all"
