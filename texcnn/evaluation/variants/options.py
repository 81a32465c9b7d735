"""What a user decides about an evaluation of variant effects."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from texcnn.arguments import check_counts, names_of, path_of
from texcnn.effects.options import EffectOptions
from texcnn.embedding.options import ComputeOptions
from texcnn.errors import InputError
from texcnn.genome.select import GeneSelection
from texcnn.keywords import check_flags


@dataclass(frozen=True)
class EvaluateVariantsOptions:
    """What predicted effects are compared with, and how they are predicted.

    Attributes:
        selection: Which genes; ``map_chrom_names`` holds for the variants' chromosomes too.
        compute: How to compute the predictions of a model.
        cell_types: Only these; empty for all.
        features: TSV of extra inputs of a model.
        half_life: Whether to compute the extra inputs, half-life features, from the annotation. None computes them
            where the model takes nothing else and a GTF is given.
        vcf: For effects of whole genes: the variants of the sample.
        sample: For effects of whole genes: the sample.
        unphased: What to do with its heterozygous calls without phase, as in ``variant_effects``.
        min_barcodes: Saturation rows with fewer barcodes are left out.
        peers: Published scores: ``NAME=TABLE`` or ``NAME=TABLE:COLUMN`` each, with the truth's columns of alleles or
            genes.
        bootstrap: Draws for the 95 % intervals; 0 for none.
        seed: Source of the draws.

    Raises:
        InputError: when a value cannot be used.
    """

    selection: GeneSelection = field(default_factory=GeneSelection)
    compute: ComputeOptions = field(default_factory=ComputeOptions)
    cell_types: tuple[str, ...] = ()
    features: Path | None = None
    half_life: bool | None = None
    vcf: Path | None = None
    sample: str | None = None
    unphased: str = "error"
    min_barcodes: int = 10
    peers: tuple[str, ...] = ()
    bootstrap: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        """Brings arguments to one form and checks them."""
        for name in ("cell_types", "peers"):
            object.__setattr__(self, name, names_of(getattr(self, name), name))
        for name in ("features", "vcf"):
            object.__setattr__(self, name, path_of(getattr(self, name), name))
        check_flags(half_life=False if self.half_life is None else self.half_life)
        check_counts(least=0, bootstrap=self.bootstrap, seed=self.seed, min_barcodes=self.min_barcodes)
        if (self.vcf is None) != (self.sample is None):
            raise InputError("a VCF and its sample go together", where="`vcf` and `sample`", allowed="both")
        self.effects()

    def effects(self) -> EffectOptions:
        """Returns how a model predicts the effects."""
        by_sample = self.sample is not None
        return EffectOptions(
            selection=self.selection, compute=self.compute, cell_types=self.cell_types, features=self.features,
            half_life=self.half_life, quantile=False, samples=self.sample, phased=by_sample,
            unphased=self.unphased,
        )  # fmt: skip
