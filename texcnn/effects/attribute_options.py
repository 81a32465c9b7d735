"""Options of an attribution."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from texcnn.arguments import check_choice, is_number, path_of
from texcnn.effects import METHODS
from texcnn.embedding.options import ComputeOptions
from texcnn.errors import InputError
from texcnn.genome.interval import Interval
from texcnn.genome.select import GeneSelection
from texcnn.keywords import check_flags

_REGION = re.compile(r"(?P<chrom>.+):(?P<first>[\d,]+)-(?P<last>[\d,]+)")


@dataclass(frozen=True)
class AttributeOptions:
    """How a prediction is explained, where, and how to compute.

    Attributes:
        selection: The annotation; the call itself names the genes.
        compute: How to compute.
        method: One of :data:`METHODS`.
        region: ``chrom:first-last``, 1-based and both included as in a genome browser; None for each gene's window.
        features: TSV of extra inputs with the column ``gene_id``.
        half_life: Whether to compute the extra inputs, half-life features, from the annotation. None computes them
            where they are the only inputs that the model takes and a GTF is given.
        motifs: Motifs in MEME's format, looked for where the attribution is high.
        motif_p: Largest p-value of a motif's hit.

    Raises:
        InputError: when a value is unusable, or options do not go together.
    """

    selection: GeneSelection = field(default_factory=GeneSelection)
    compute: ComputeOptions = field(default_factory=ComputeOptions)
    method: str = "ism"
    region: str | Interval | None = None
    features: str | os.PathLike[str] | None = None
    half_life: bool | None = None
    motifs: str | os.PathLike[str] | None = None
    motif_p: float = 1e-4

    def __post_init__(self) -> None:
        """Brings values to one form and checks them."""
        check_choice("method", self.method, METHODS, "method")
        check_flags(half_life=False if self.half_life is None else self.half_life)
        for name in ("features", "motifs"):
            object.__setattr__(self, name, path_of(getattr(self, name), name))
        if isinstance(self.region, str):
            object.__setattr__(self, "region", parse_region(self.region))
        if not is_number(self.motif_p) or not 0 < self.motif_p < 1:
            raise InputError(f"unusable p-value {self.motif_p!r}", where="`motif_p`", allowed="above 0 and below 1")
        if self.motifs is not None and not Path(self.motifs).is_file():
            raise InputError("no such file", where=f"`motifs` '{self.motifs}'", allowed="motifs in MEME's format")


def parse_region(text: str) -> Interval:
    """Reads ``chrom:first-last``, 1-based, both included; commas within numbers are left out.

    Raises:
        InputError: The text has another form, or the last base comes before the first.
    """
    found = _REGION.fullmatch(text.strip())
    if found is None:
        raise InputError(
            f"'{text}' is not a region", where="`region`", allowed="chrom:first-last, such as chr1:101-200"
        )
    first, last = (int(found[name].replace(",", "")) for name in ("first", "last"))
    if not 1 <= first <= last:
        raise InputError(f"'{text}' has no base", where="`region`", allowed="1 <= first <= last")
    return Interval(found["chrom"], first - 1, last)
