"""Parts of runs of variant effects or haplotypes, joined to the files that one run writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import pyarrow as pa

from texcnn.arguments import paths_of, to_path
from texcnn.effects.annotation import ANNOTATION
from texcnn.effects.haplotype_table import HAPLOTYPE_TABLES, NOT_APPLIED, HaplotypeCounts, write_haplotypes
from texcnn.effects.joined import joined_chunks
from texcnn.effects.options import EffectOutputs
from texcnn.effects.outputs import EffectCounts, check_tables, write_outputs
from texcnn.effects.parts import EFFECTS, HAPLOTYPES, Parts, kept_parts
from texcnn.effects.table import SKIPPED_SCHEMA, TABLES
from texcnn.errors import InputError
from texcnn.genome.vcf import VcfReader
from texcnn.genome.vcf_writer import check_annotation
from texcnn.inputs_kept import keep_inputs
from texcnn.scratch import scratch_folder


def merge_effects(
    parts: str | PathLike[str] | Iterable[str | PathLike[str]],
    out: str | PathLike[str],
    *,
    vcf: str | PathLike[str] | None = None,
    outputs: EffectOutputs | None = None,
    overwrite: bool = False,
) -> EffectCounts | HaplotypeCounts:
    """Joins what ``variant_effects(..., out="....parts")`` wrote, one chunk in memory at a time.

    Args:
        parts: Folders of one run: effects of the shards of :func:`texcnn.effects.split.split_alleles`, in their order,
            or haplotypes of the shards ``1/n`` to ``n/n``, in any order.
        out: The table to write: .tsv, .tsv.gz or .parquet, and .h5ad for haplotypes.
        vcf: For effects the VCF whose alleles the table is to have: one of those that were split.
        outputs: What else to write of effects.
        overwrite: Whether to replace files that are already there.

    Returns:
        The counts, as of one run.

    Raises:
        InputError: when a part cannot be read, parts are of different runs, or a name cannot be written.
        RunError: when an allele of the VCF is in no part.
    """
    folders, path = paths_of(parts, "parts"), to_path(out, "out")
    outputs = outputs or EffectOutputs()
    keep_inputs({"out": path, **vars(outputs)}, {"parts": folders, "vcf": vcf})
    if not folders:
        raise InputError("no parts to merge", allowed="one or more folders of texcnn variants")
    runs = [kept_parts(folder) for folder in folders]
    for other, folder in zip(runs[1:], folders[1:], strict=True):
        _check_same(runs[0], other, folders[0], folder)
    is_phased = runs[0]["content"] == HAPLOTYPES
    if is_phased == (vcf is not None):
        wanted = "without it, for haplotypes" if is_phased else "with effects"
        raise InputError("alleles come from a VCF, haplotypes do not", where="`vcf`", allowed=wanted)
    check_tables(path, outputs, phased=is_phased, overwrite=overwrite)
    if vcf is None:
        return _haplotypes(folders, runs, path)
    source = to_path(vcf, "vcf")
    described = {**runs[0]["described"], "variants": source.name}
    incremental = all(run["incremental"] for run in runs)
    with VcfReader(source) as reader, scratch_folder(path.absolute().parent) as scratch:
        if outputs.annotate is not None:
            check_annotation(reader, ANNOTATION)
        joined = Parts(scratch, TABLES)
        for tables in joined_chunks([Parts(folder, TABLES) for folder in folders], reader):
            joined.add(tables)
        return write_outputs(path, joined, described, outputs, vcf=source, incremental=incremental)


def _check_same(first: Mapping[str, Any], other: Mapping[str, Any], first_path: Path, other_path: Path) -> None:
    if first["content"] != other["content"]:
        different = ["content"]
    else:
        # Shards of alleles are files of their own
        names = set(first["described"]) - ({"variants"} if first["content"] == EFFECTS else set())
        different = [name for name in sorted(names) if first["described"][name] != other["described"].get(name)]
    if different:
        raise InputError(
            f"parts of different runs: {', '.join(different)} differ", where=f"'{first_path}' and '{other_path}'",
            allowed="parts of one model, one genome and the same options", remedy="run texcnn variants again",
        )  # fmt: skip


def _haplotypes(folders: Sequence[Path], runs: Sequence[Mapping[str, Any]], out: Path) -> HaplotypeCounts:
    counts = [run["counts"] for run in runs]
    samples = runs[0]["samples"]
    chunks = _ordered_chunks(runs)
    parts = [Parts(folder, HAPLOTYPE_TABLES) for folder in folders]
    listed = [table for folder in folders for table in Parts(folder, NOT_APPLIED).read("not_applied")]
    not_applied = pa.concat_tables([SKIPPED_SCHEMA.empty_table(), *listed])
    place = {name: number for number, name in enumerate(runs[0]["chromosomes"])}
    keys = [place[name] for name in not_applied["chrom"].to_pylist()]
    order = pa.array(sorted(range(len(keys)), key=keys.__getitem__), pa.int64())
    total = HaplotypeCounts(
        samples=len(samples),
        genes=sum(one["genes"] for one in counts),
        distinct=sum(one["distinct"] for one in counts),
        rows=0,
        overlapping=_added([one["overlapping"] for one in counts], samples),
        missing=_added([one["missing"] for one in counts], samples),
        not_applied=len(not_applied),
    )
    tables = (parts[part].chunk("haplotypes", number) for part, number in chunks)
    return write_haplotypes(out, tables, not_applied.take(order), total, runs[0]["described"], samples=samples)


def _ordered_chunks(runs: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """The chunks, as parts and numbers, in the order of one run: chromosomes as in the VCF, then those that it lacks.

    Raises:
        InputError: when a shard is missing or given twice.
    """
    of_genes = runs[0]["gene_chromosomes"]
    order = [chrom for chrom in dict.fromkeys([*runs[0]["chromosomes"].values(), *of_genes]) if chrom in set(of_genes)]
    chunks: list[tuple[int, int]] = []
    for chrom in order:
        here = [
            (part, number)
            for part, run in enumerate(runs)
            for number, name in enumerate(run["chunks"])
            if name == chrom
        ]
        holders = {part for part, _ in here}
        if len(holders) != 1:
            raise InputError(
                f"chromosome '{chrom}' is in {len(holders)} parts", where="parts to merge",
                allowed="each shard of one run, once",
            )  # fmt: skip
        chunks += here
    return chunks


def _added(counts: Sequence[Mapping[str, int]], samples: Sequence[str]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return {name: total[name] for name in samples if total[name]}
