"""The verb ``variant_effects``: from a genome, genes and variants to what each does to each gene."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from texcnn.arguments import to_path
from texcnn.effects.haplotype_table import (
    HAPLOTYPE_SCHEMA,
    HAPLOTYPE_TABLES,
    NOT_APPLIED,
    HaplotypeCounts,
    write_haplotypes,
)
from texcnn.effects.haplotypes import HaplotypeRun
from texcnn.effects.options import EffectOptions
from texcnn.effects.outputs import KEPT_ENDING, EffectCounts, check_outputs, count_statuses, write_outputs
from texcnn.effects.parts import EFFECTS, HAPLOTYPES, Parts, PartsInMemory, keep_parts, open_parts
from texcnn.effects.run import EffectRun, VariantSource, open_run
from texcnn.effects.table import DETAIL_SCHEMA, SKIPPED_SCHEMA, TABLES, skipped_table
from texcnn.errors import InputError
from texcnn.genome.variant import Variant, parse_variant
from texcnn.inputs_kept import keep_inputs
from texcnn.keywords import check_flags, options_from
from texcnn.model.load import load_model
from texcnn.model.model import Model

_LOG = logging.getLogger("texcnn")


def variant_effects(
    model: Model | str | PathLike[str] | None,
    fasta: str | PathLike[str],
    *,
    vcf: str | PathLike[str] | None = None,
    variants: str | Variant | Iterable[str | Variant] | None = None,
    out: str | PathLike[str] | None = None,
    overwrite: bool = False,
    options: EffectOptions | None = None,
    progress: bool = False,
    **keywords: Any,
) -> pd.DataFrame | EffectCounts | HaplotypeCounts:
    """Predicts what variants do to the expression of the genes around them.

    ``texcnn.variant_effects(None, "genome.fa", variants="chr17:7674220:G>A", gtf="genes.gtf")``

    Args:
        model: A model, or what :func:`texcnn.load_model` takes; None for the bundled default.
        fasta: Genome, plain or BGZF.
        vcf: VCF or BCF, plain, gzip or BGZF; exactly one of ``vcf`` and ``variants``.
        variants: Variants as text (see :func:`texcnn.genome.variant.parse_variant`).
        out: Table to write, .tsv, .tsv.gz or .parquet; or .parts, a folder for :mod:`texcnn.effects.merge`. None
            returns the rows.
        overwrite: Whether to replace files that are already there.
        options: Which genes, cell types and variants, what else to write, and how to compute.
        progress: Whether to show progress.
        keywords: Fields in place of ``options``: those of :class:`~texcnn.effects.options.EffectOptions` and of the
            options in it.

    Returns:
        Without ``out`` the rows, one per allele, gene and cell type, in the variants' order; ``attrs`` has ``unit``,
        ``statuses`` and ``skipped``, the alleles without a row. With ``out`` the counts of alleles; those without
        a row are in ``<out>.skipped.tsv``. With ``phased`` there is one row per gene, sample and cell type instead:
        :data:`texcnn.effects.haplotype_table.HAPLOTYPE_SCHEMA`.

    Raises:
        InputError: when the input cannot be used.
        ModelError: when the model is missing or cannot be trusted.
        RunError: when the run fails, or another process is writing the same table.
    """
    chosen = options_from(EffectOptions, options, keywords)
    check_flags(overwrite=overwrite, progress=progress)
    source = _source(vcf, variants)
    path = None if out is None else to_path(out, "out")
    outputs = {"out": path, **vars(chosen.outputs)}
    keep_inputs(outputs, {"fasta": fasta, "vcf": source.vcf, "options": chosen})
    check_outputs(path, chosen, has_vcf=source.vcf is not None, overwrite=overwrite)
    loaded = model if isinstance(model, Model) else load_model(model)
    with open_run(loaded, to_path(fasta, "fasta"), source, chosen, progress=progress) as run:
        if chosen.phased:
            return _haplotypes(run, path, overwrite=overwrite)
        if path is None:
            memory = PartsInMemory()
            _compute(run, memory)
            return _frame(memory, run)
        with open_parts(path, TABLES, run.identity(), overwrite=overwrite) as parts:
            if parts.done:
                _LOG.info("%d chunks of an earlier run are there already", parts.done)
            _compute(run, parts)
            if path.name.endswith(KEPT_ENDING):
                return _keep(run, path, parts)
            return write_outputs(
                path, parts, run.described, chosen.outputs, vcf=source.vcf, incremental=run.engine.incremental
            )


def _source(vcf: str | PathLike[str] | None, variants: str | Variant | Iterable[str | Variant] | None) -> VariantSource:
    if (vcf is None) == (variants is None):
        raise InputError("no variants, or variants twice", where="`vcf` and `variants`", allowed="exactly one of them")
    if vcf is not None:
        return VariantSource(vcf=to_path(vcf, "vcf"))
    listed = list(variants) if isinstance(variants, Iterable) and not isinstance(variants, str) else [variants]
    if not listed:
        raise InputError("the list of variants is empty", where="`variants`", allowed="at least one variant")
    given: list[Variant] = []
    for entry in listed:
        if not isinstance(entry, str | Variant):
            raise InputError(
                f"{entry!r} is not a variant", where="`variants`", allowed="text such as chr17:7674220:G>A, or Variant"
            )
        given.append(entry if isinstance(entry, Variant) else parse_variant(entry))
    return VariantSource(given=tuple(given))


def _compute(run: EffectRun, parts: Parts | PartsInMemory) -> None:
    for rows in run.chunks(parts.done):
        parts.add(rows)
    if not parts.done:
        _LOG.warning("%s has no variants", run.source.name)


def _haplotypes(run: EffectRun, out: Path | None, *, overwrite: bool) -> pd.DataFrame | HaplotypeCounts:
    haplotypes = HaplotypeRun(run)
    if out is None:
        chunks = [HAPLOTYPE_SCHEMA.empty_table(), *(tables["haplotypes"] for tables in haplotypes.chunks())]
        frame: pd.DataFrame = pa.concat_tables(chunks).to_pandas()
        skipped = skipped_table(haplotypes.source.not_applied).to_pylist()
        frame.attrs.update(run.described, content="haplotypes", distinct=haplotypes.distinct, skipped=skipped)
        return frame
    with open_parts(out, HAPLOTYPE_TABLES, run.identity(), overwrite=overwrite) as parts:
        for tables in haplotypes.chunks(parts.done):
            parts.add(tables)
        counts, not_applied = haplotypes.counts, skipped_table(haplotypes.source.not_applied)
        if not out.name.endswith(KEPT_ENDING):
            return write_haplotypes(
                out, parts.read("haplotypes"), not_applied, counts, run.described, samples=haplotypes.source.samples
            )
        Parts(parts.folder, NOT_APPLIED).add({"not_applied": not_applied})
        keep_parts(parts, out, {
            "content": HAPLOTYPES, "described": run.described, "counts": asdict(counts),
            "samples": haplotypes.source.samples,
            "chromosomes": haplotypes.source.chromosomes, "chunks": haplotypes.chunk_chroms,
            "gene_chromosomes": list(dict.fromkeys(gene.chrom for gene in run.maker.genes)),
        })  # fmt: skip
        return counts


def _keep(run: EffectRun, out: Path, parts: Parts) -> EffectCounts:
    keep_parts(parts, out, {"content": EFFECTS, "described": run.described, "incremental": run.engine.incremental})
    statuses = count_statuses(parts)
    return EffectCounts(sum(statuses.values()), sum(len(table) for table in parts.read("detail")), statuses)


def _frame(parts: PartsInMemory, run: EffectRun) -> pd.DataFrame:
    detail = pa.concat_tables([DETAIL_SCHEMA.empty_table(), *parts.read("detail")])
    skipped = pa.concat_tables([SKIPPED_SCHEMA.empty_table(), *parts.read("skipped")])
    frame: pd.DataFrame = detail.to_pandas()
    # Plain strings and lists: pandas compares attrs when frames are joined, and frames in them would break that.
    frame.attrs.update(run.described, statuses=count_statuses(parts), skipped=skipped.to_pylist())
    return frame
