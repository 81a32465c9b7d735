"""Variant effects that are ready to run: genome, genes, model and variants opened, rows computed chunk by chunk."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from texcnn._version import __version__
from texcnn.device import dtype_name
from texcnn.effects.annotation import ANNOTATION
from texcnn.effects.background import Background, read_background
from texcnn.effects.chunks import score_pairs
from texcnn.effects.gene_inputs import GeneInputs, load_gene_inputs
from texcnn.effects.options import EffectOptions
from texcnn.effects.pairs import PairMaker
from texcnn.effects.score import EffectEngine, open_engine
from texcnn.effects.table import make_rows
from texcnn.files import sha256_file
from texcnn.genome.check_variant import VariantCheck
from texcnn.genome.reference import Reference
from texcnn.genome.variant import Variant
from texcnn.genome.vcf import VcfReader
from texcnn.genome.vcf_writer import check_annotation
from texcnn.model.model import Model
from texcnn.model.network import SegmentNetwork
from texcnn.progress import progress_bar

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
