"""What a user decides about an evaluation."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from texcnn.arguments import check_choice, check_counts, names_of, path_of
from texcnn.embedding.options import ComputeOptions
from texcnn.keywords import check_flags
from texcnn.tables.expression import GENE_ID
from texcnn.tables.units import UNIT_TRANSFORMS


@dataclass(frozen=True)
class EvaluateOptions:
    """What predictions are compared with.

    Attributes:
        compute: How to compute the predictions of a model.
        gtf: Genes of the genome.
        map_chrom_names: Whether to map chr1/1 chromosome names to the genome's where the files differ.
        gene_column: Column of gene ids in the expression table.
        transform: One of :data:`texcnn.tables.units.UNIT_TRANSFORMS`; it brings measured values to the predictions'
            unit.
        cell_types: Only these; empty for all that both sides have.
        split: Table of ``gene_id`` and ``split``: test genes are evaluated, training genes fit the baselines.
        features: Table of features, for baselines and for models that take some.
        peers: Published predictions: ``NAME=TABLE`` or ``NAME=TABLE:COLUMN`` each.
        peer_scales: ``NAME=SLOPE,OFFSET`` of the peers whose unit is known.
        bootstrap: Draws of genes for the 95 % intervals; 0 for none.
        seed: Source of draws and baselines.

    Raises:
        InputError: when a value cannot be used.
    """

    compute: ComputeOptions = field(default_factory=ComputeOptions)
    gtf: Path | None = None
    map_chrom_names: bool = False
    gene_column: str = GENE_ID
    transform: str = "log10p0.1"
    cell_types: tuple[str, ...] = ()
    split: Path | None = None
    features: Path | None = None
    peers: tuple[str, ...] = ()
    peer_scales: tuple[str, ...] = ()
    bootstrap: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        """Brings arguments to one form and checks them."""
        for name in ("cell_types", "peers", "peer_scales"):
            object.__setattr__(self, name, names_of(getattr(self, name), name))
        for name in ("gtf", "split", "features"):
            object.__setattr__(self, name, path_of(getattr(self, name), name))
        check_flags(map_chrom_names=self.map_chrom_names)
        check_choice("unit transform", self.transform, UNIT_TRANSFORMS, "transform")
        check_counts(least=0, bootstrap=self.bootstrap, seed=self.seed)
