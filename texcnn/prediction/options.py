"""Options of a prediction."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from texcnn.arguments import names_of
from texcnn.embedding.options import ComputeOptions
from texcnn.errors import InputError
from texcnn.genome.select import GeneSelection
from texcnn.keywords import check_flags


@dataclass(frozen=True)
class PredictOptions:
    """Which genes and cell types, from what, and how to compute.

    Attributes:
        selection: Which genes.
        compute: How to compute.
        cell_types: Names of wanted cell types; empty for all.
        features: TSV of extra inputs with the column ``gene_id``.
        half_life: Whether to compute the extra inputs, half-life features, from the annotation. None computes them
            where the model takes nothing else and a GTF is given.
        grid_segments: Whether to shift windows onto the grid of their segments.
        max_n_fraction: Genes with a larger share of N in their window are skipped; None for the model's own limit.
        linear: Whether to write RPKM or TPM in place of their logarithm.
        spread: Whether to write the 90 % interval of each prediction, and how far the members of an ensemble differ.
        embeddings: Folder of an embedding store, in place of a genome and genes.
        allow_empty: Whether a run without a single prediction is fine, as it is for a part of a larger run.

    Raises:
        InputError: when features are given twice, or a store is given with what it holds already.
    """

    selection: GeneSelection = field(default_factory=GeneSelection)
    compute: ComputeOptions = field(default_factory=ComputeOptions)
    cell_types: str | Iterable[str] | None = None
    features: str | os.PathLike[str] | None = None
    half_life: bool | None = None
    grid_segments: bool = False
    max_n_fraction: float | None = None
    linear: bool = False
    spread: bool = False
    embeddings: str | os.PathLike[str] | None = None
    allow_empty: bool = False

    def __post_init__(self) -> None:
        """Checks what goes together."""
        check_flags(
            half_life=False if self.half_life is None else self.half_life,
            grid_segments=self.grid_segments,
            linear=self.linear,
            spread=self.spread,
            allow_empty=self.allow_empty,
        )
        if self.max_n_fraction is not None and not 0 <= self.max_n_fraction <= 1:
            raise InputError(f"{self.max_n_fraction} is not a share", where="`max_n_fraction`", allowed="0 to 1")
        object.__setattr__(self, "cell_types", names_of(self.cell_types))
        for name in ("features", "embeddings"):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else Path(value))
        if self.features is not None and self.half_life:
            raise InputError("features given twice", where="`features` and `half_life`", allowed="one of the two")
        if self.embeddings is not None:
            self._check_store()

    def _check_store(self) -> None:
        fixed = [name for name in ("gtf", "bed", "genes") if getattr(self.selection, name) is not None]
        fixed += [name for name in ("bed_anchor", "transcripts") if getattr(self.selection, name) not in _USUAL]
        fixed += ["map_chrom_names"] if self.selection.map_chrom_names else []
        fixed += ["half_life"] if self.half_life else []
        fixed += ["compile"] if self.compute.compile else []
        fixed += ["dtype"] if self.compute.dtype != ComputeOptions(device=self.compute.device).dtype else []
        if fixed:
            raise InputError(
                f"`embeddings` already holds genome, genes and vectors, so {_listed(fixed)} cannot be given",
                remedy="leave them out, or leave `embeddings` out",
            )


_USUAL = ("five-prime", "gene")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
