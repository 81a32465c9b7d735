"""Variant effects that are ready to run: genome, genes, model and variants opened, rows computed chunk by chunk."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
from torch import Tensor

from texcnn._version import __version__
from texcnn.device import dtype_name
from texcnn.effects.annotation import ANNOTATION
from texcnn.effects.background import Background, read_background
from texcnn.effects.chunks import score_pairs
from texcnn.effects.options import EffectOptions
from texcnn.effects.pairs import PairMaker
from texcnn.effects.score import EffectEngine, open_engine
from texcnn.effects.table import make_rows
from texcnn.errors import InputError
from texcnn.files import sha256_file
from texcnn.genome.check_variant import VariantCheck
from texcnn.genome.gene import Gene
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.skipped import Skipped, count_reasons
from texcnn.genome.variant import Variant
from texcnn.genome.vcf import VcfReader
from texcnn.genome.vcf_writer import check_annotation
from texcnn.model.cautions import warn_of_cell_types, warn_of_genome
from texcnn.model.model import Model
from texcnn.model.network import SegmentNetwork
from texcnn.progress import progress_bar

_SHOWN_REASONS = 3

_LOG = logging.getLogger("texcnn")


@dataclass(frozen=True)
class VariantSource:
    """Variants of a VCF, or given one by one.

    Attributes:
        vcf: The file; None for those given.
        given: The variants; used where there is no file.
    """

    vcf: Path | None = None
    given: tuple[Variant, ...] = ()

    @property
    def name(self) -> str:
        """Name for messages."""
        return self.vcf.name if self.vcf is not None else f"{len(self.given)} variants"

    @property
    def digest(self) -> str | None:
        """Identifies the variants; None for a pipe, which cannot be read twice."""
        if self.vcf is None:
            return " ".join(map(str, self.given))
        return sha256_file(self.vcf) if self.vcf.is_file() else None


@dataclass(frozen=True)
class GeneInputs:
    """Genes that can be predicted, and their scaled inputs of the head.

    Attributes:
        genes: Placed genes that have all features which the model needs.
        features: float32 ``(n_genes, n_features)``; None for a head without any.
        described: Where genes and features came from, for the table's metadata.
        skipped: Genes that were asked for and are left out.
    """

    genes: list[Gene]
    features: Tensor | None
    described: Mapping[str, Any]
    skipped: list[Skipped]


def load_gene_inputs(model: Model, reference: Reference, options: EffectOptions) -> GeneInputs:
    """Reads genes and features, and leaves out genes without.

    Raises:
        InputError: A file cannot be used, or no gene is left.
    """
    table = model.features.read(options.features)
    source = "none" if not model.config.features else "defaults" if table is None else table.path.name
    warn_of_genome(model, reference)
    warn_of_cell_types(model, tuple(options.cell_types or ()))
    if table is None:
        table = model.features.choose(reference, options.selection, half_life=options.half_life)
        source = source if table is None else f"half-life of {table.path.name}"
    annotation = load_genes(reference, model.window, options.selection)
    genes, skipped = annotation.genes, list(annotation.skipped)
    found = model.features.look_up(table, [gene.id for gene in genes])
    values = None if found is None else found.values
    if values is not None:
        complete = np.flatnonzero(~np.isnan(values).any(axis=1))
        if len(complete) < len(genes):
            _LOG.warning("%d genes without complete features are left out", len(genes) - len(complete))
            missing = sorted(set(range(len(genes))) - set(complete.tolist()))
            skipped += [Skipped(genes[row].id, "it lacks features that the model needs") for row in missing]
        genes, values = [genes[row] for row in complete], values[complete]
    if annotation.skipped:
        _LOG.info("%d genes of the annotation have no place and are left out", len(annotation.skipped))
    if not genes:
        reasons = "; ".join(f"{number:,}: {reason}" for reason, number in count_reasons(skipped)[:_SHOWN_REASONS])
        raise InputError("no gene is left", where=annotation.path, remedy=reasons or "check the list of genes")
    digest = "" if table is None else table.fingerprint()
    return GeneInputs(
        genes,
        model.features.scaled(values, len(genes)),
        {"annotation": annotation.path.name, "features": source, "features_fingerprint": digest},
        skipped,
    )


@dataclass
class EffectRun:
    """What a run has opened, and what it has counted.

    Attributes:
        model: The model.
        source: Where the variants come from.
        reader: The VCF, open; None where the variants were given one by one.
        engine: The model, open.
        maker: Finds the genes of alleles.
        inputs: Genes and features.
        check: Compares alleles with the genome.
        variants: The alleles; they can be read once.
        background: What quantiles are taken from; None for none.
        options: What was asked for.
        progress: Whether to show progress.
    """

    model: Model
    source: VariantSource
    reader: VcfReader | None
    engine: EffectEngine
    maker: PairMaker
    inputs: GeneInputs
    check: VariantCheck
    variants: Iterable[Variant]
    background: Background | None
    options: EffectOptions
    progress: bool

    def chunks(self, done: int = 0) -> Iterator[dict[str, pa.Table]]:
        """Yields the rows of one chunk of alleles after the other; they do not depend on the chunks before.

        Args:
            done: Chunks that an earlier run has computed: their alleles are only compared with the genome.

        Raises:
            InputError: The genome is another one than that of the variants, or a record cannot be read.
        """
        columns = self.model.cell_type_columns(self.options.cell_types)
        with progress_bar(self.progress, total=None, what="scoring", unit="alleles") as bar:
            for chunk in self.maker.chunks(self.variants, self.check, skip=done):
                self.engine.forget()
                values = score_pairs(
                    self.engine, self.maker, chunk, self.inputs.features, columns,
                    allow_tss_deletion=self.options.allow_tss_deletion, background=self.background,
                )  # fmt: skip
                yield make_rows(chunk, values, self.maker.genes, self.cell_types)
                bar.update(len(chunk.variants))
        self.check.finish()

    @property
    def cell_types(self) -> list[str]:
        """Names of the wanted cell types."""
        return [self.model.cell_types[column] for column in self.model.cell_type_columns(self.options.cell_types)]

    @property
    def described(self) -> dict[str, Any]:
        """Metadata of the run for tables, without the counts of alleles."""
        reference = self.maker.bases.reference
        in_float32 = not isinstance(self.model.network, SegmentNetwork)
        return {
            "content": "variant effects",
            "unit": self.model.unit,
            "model": self.model.name,
            "model_fingerprint": self.model.fingerprint,
            "fasta": reference.path.name,
            "fasta_fingerprint": reference.fingerprint(),
            "variants": self.source.name,
            "texcnn_version": __version__,
            "dtype": "float32" if in_float32 else dtype_name(self.options.compute.dtype),
            **self.inputs.described,
            "max_distance": self.options.max_distance,
            "allow_tss_deletion": self.options.allow_tss_deletion,
            "background_variants": None if self.background is None else self.background.n_variants,
        }

    def identity(self) -> dict[str, Any]:
        """Everything that the rows depend on; another run with the same may continue this one."""
        return {
            **self.described,
            "source": self.source.digest or secrets.token_hex(),  # a pipe cannot be read again
            "genes": [(gene.id, gene.transcript_id, gene.chrom, gene.tss, gene.strand) for gene in self.maker.genes],
            "cell_types": self.cell_types,
            "samples": [] if self.reader is None else list(self.reader.samples),
            "unphased": self.options.unphased,
            "shard": self.options.shard,
            "map_chrom_names": self.options.selection.map_chrom_names,
        }


@contextmanager
def open_run(
    model: Model, fasta: Path, source: VariantSource, options: EffectOptions, *, progress: bool = False
) -> Iterator[EffectRun]:
    """Opens everything that scoring variants needs.

    Args:
        model: The model.
        fasta: The genome.
        source: The variants.
        options: Which genes, cell types and variants, and how to compute.
        progress: Whether to show progress.

    Yields:
        The run.

    Raises:
        InputError: A file is missing, cannot be used or does not fit the others.
    """
    model.cell_type_columns(options.cell_types)  # a mistyped name is cheaper to find than files are to read
    with ExitStack() as stack:
        samples = cast(Sequence[str], options.samples) if options.phased else None
        reader = None if source.vcf is None else stack.enter_context(VcfReader(source.vcf, samples=samples))
        if reader is not None and options.outputs.annotate is not None:
            check_annotation(reader, ANNOTATION)
        reference = stack.enter_context(Reference(fasta))
        inputs = load_gene_inputs(model, reference, options)
        maker = PairMaker(reference, inputs.genes, model.window, max_distance=options.max_distance)
        check = VariantCheck(
            maker.bases, source.name, longest=model.window.length, map_chrom_names=options.selection.map_chrom_names,
            declared=None if reader is None else reader.contigs,
        )  # fmt: skip
        background = read_background(model) if options.quantile else None
        engine = stack.enter_context(open_engine(model, options.compute))
        _LOG.info("computing on %s in %s", options.compute.device, dtype_name(options.compute.dtype))
        variants: Iterable[Variant] = [check.as_in_vcf(variant) for variant in source.given]
        if reader is not None:
            variants = (variant for record in reader for variant in record.variants())
        yield EffectRun(model, source, reader, engine, maker, inputs, check, variants, background, options, progress)
