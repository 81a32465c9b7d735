"""Options of variant effects."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from texcnn.arguments import check_counts, names_of, path_of
from texcnn.embedding.options import ComputeOptions
from texcnn.errors import InputError, unknown_name
from texcnn.genome import UNPHASED_CHOICES
from texcnn.genome.chromosome_shards import parse_shard
from texcnn.genome.select import GeneSelection
from texcnn.keywords import check_flags


@dataclass(frozen=True)
class EffectOutputs:
    """Files to write in addition to the detailed table.

    Attributes:
        summary: A table of one row per allele: .tsv, .tsv.gz or .parquet.
        annotate: The VCF with the fields ``TEXCNN_*``: .vcf.gz.
        tabix: The detailed rows as BGZF with a tabix index: .tsv.gz.
    """

    summary: str | os.PathLike[str] | None = None
    annotate: str | os.PathLike[str] | None = None
    tabix: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        """Turns names into paths."""
        for name in ("summary", "annotate", "tabix"):
            object.__setattr__(self, name, path_of(getattr(self, name), name))


@dataclass(frozen=True)
class EffectOptions:
    """Which genes and cell types, which variants count, and how to compute.

    Attributes:
        selection: Which genes; ``map_chrom_names`` holds for the VCF's chromosomes too.
        compute: How to compute.
        outputs: Files to write in addition to the detailed table.
        cell_types: Names of wanted cell types; empty for all.
        features: TSV of extra inputs with the column ``gene_id``.
        half_life: Whether to compute the extra inputs, half-life features, from the annotation. None computes them
            where they are the only inputs that the model takes and a GTF is given.
        max_distance: Largest distance of a change from the TSS in bases; None for the whole window.
        allow_tss_deletion: Whether to score alleles that delete the first transcribed base.
        quantile: Whether to compare with the model's background of random variants, where it has one.
        samples: Names of samples whose haplotypes are predicted, in place of single variants.
        phased: Whether haplotypes are predicted; for all samples of the VCF where ``samples`` is empty.
        unphased: How heterozygous calls without phase are treated: one of
            :data:`texcnn.genome.haplotype.UNPHASED_CHOICES`.
        shard: Which share of the chromosomes has its haplotypes predicted, such as ``2/3``; None for all.

    Raises:
        InputError: when a value is unusable, or options do not go together.
    """

    selection: GeneSelection = field(default_factory=GeneSelection)
    compute: ComputeOptions = field(default_factory=ComputeOptions)
    outputs: EffectOutputs = field(default_factory=EffectOutputs)
    cell_types: str | Iterable[str] | None = None
    features: str | os.PathLike[str] | None = None
    half_life: bool | None = None
    max_distance: int | None = None
    allow_tss_deletion: bool = False
    quantile: bool = True
    samples: str | Iterable[str] | None = None
    phased: bool = False
    unphased: str = "error"
    shard: str | None = None

    def __post_init__(self) -> None:
        """Checks what goes together."""
        check_flags(
            half_life=False if self.half_life is None else self.half_life,
            allow_tss_deletion=self.allow_tss_deletion,
            quantile=self.quantile,
            phased=self.phased,
        )
        for name in ("cell_types", "samples"):
            object.__setattr__(self, name, names_of(getattr(self, name), name))
        object.__setattr__(self, "features", path_of(self.features, "features"))
        if self.features is not None and self.half_life:
            raise InputError("features given twice", where="`features` and `half_life`", allowed="one of the two")
        check_counts(least=0, max_distance=self.max_distance)
        if self.unphased not in UNPHASED_CHOICES:
            raise unknown_name("choice for unphased genotypes", self.unphased, UNPHASED_CHOICES, where="`unphased`")
        if self.samples and not self.phased:
            raise InputError(
                "samples are given, but not that their haplotypes are wanted",
                where="`samples`",
                allowed="with `phased`",
            )
        if self.phased and self.max_distance is not None:
            raise InputError("haplotypes have every variant of a window", where="`max_distance`", allowed="no `phased`")
        if self.unphased != "error" and not self.phased:
            raise InputError("genotypes count for haplotypes only", where="`unphased`", allowed="with `phased`")
        if self.shard is not None:
            parse_shard(self.shard)
            if not self.phased:
                raise InputError(
                    "shards of chromosomes are for haplotypes", where="`shard`", allowed="with `phased`",
                    remedy="`texcnn variants split` cuts alleles into shards",
                )  # fmt: skip
