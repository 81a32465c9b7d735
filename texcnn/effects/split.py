"""Distinct alleles of one or more VCFs, cut into shards: each is scored once, in whichever samples."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from graphlib import CycleError, TopologicalSorter
from itertools import groupby
from os import PathLike
from pathlib import Path

import pysam

from texcnn.arguments import check_counts, paths_of, to_path
from texcnn.effects.pairs import ALLELES_PER_CHUNK
from texcnn.errors import InputError
from texcnn.files import atomic_folder, check_output
from texcnn.genome.vcf import VcfReader, VcfRecord
from texcnn.genome.vcf_writer import unsorted_variants

DEFAULT_SIZE = 200_000
"""Alleles of a shard: some minutes with a small model on one core if one of ten is near a gene."""


def split_alleles(
    vcfs: str | PathLike[str] | Iterable[str | PathLike[str]], out: str | PathLike[str], *, size: int = DEFAULT_SIZE
) -> tuple[int, int]:
    """Writes each distinct allele once, without genotypes, in VCFs of about ``size`` alleles.

    A shard has whole chunks of :data:`texcnn.effects.pairs.ALLELES_PER_CHUNK` alleles, so that any number of shards
    computes in the same batches and gives the same bits. Memory does not grow with the files.

    Args:
        vcfs: VCF or BCF. Where there are several, each has its records by position, and all have their chromosomes in
            orders that agree.
        out: A new folder for ``0001.vcf.gz`` and so on. Without any allele there is one shard, an empty one.
        size: Alleles per shard; the last one has half to one and a half times as many.

    Returns:
        The number of alleles and of shards.

    Raises:
        InputError: A file cannot be read, or several are not sorted or disagree in order.
    """
    paths, folder = paths_of(vcfs, "vcfs"), to_path(out, "out")
    check_counts(needed=True, size=size)
    if not paths:
        raise InputError("no VCF to split", where="`vcf`", allowed="one or more files")
    if folder.exists():
        raise InputError(f"'{folder}' already exists", where="`out`", allowed="a new folder")
    check_output(folder, overwrite=False)
    size = -(-size // ALLELES_PER_CHUNK) * ALLELES_PER_CHUNK
    ranks = {} if len(paths) == 1 else _ranks(paths)
    with ExitStack() as stack:
        readers = [stack.enter_context(VcfReader(path)) for path in paths]
        lengths = {name: length for reader in reversed(readers) for name, length in reader.contigs.items()}
        temporary = stack.enter_context(atomic_folder(folder))
        n_alleles, n_shards = 0, 0
        waiting: list[str] = []
        for line in _lines(readers, ranks):
            waiting.append(line)
            if len(waiting) >= size + max(size // 2, 1):
                n_shards += 1
                _write(temporary, n_shards, lengths, waiting[:size])
                n_alleles += size
                del waiting[:size]
        _write(temporary, n_shards + 1, lengths, waiting)
    return n_alleles + len(waiting), n_shards + 1


def _lines(readers: Sequence[VcfReader], ranks: Mapping[str, int]) -> Iterator[str]:
    """One line per distinct allele; alleles of one place as the first file with the place has them, then the others."""
    records: Iterable[VcfRecord] = readers[0]
    if len(readers) > 1:
        records = heapq.merge(*readers, key=lambda record: (ranks[record.chrom], record.start))
    for (chrom, start), here in groupby(records, key=lambda record: (record.chrom, record.start)):
        for ref, alt in dict.fromkeys((record.ref, alt) for record in here for alt in record.alts):
            yield f"{chrom}\t{start + 1}\t.\t{ref}\t{alt}\t.\t.\t.\n"


def _ranks(paths: Sequence[Path]) -> dict[str, int]:
    """Orders all chromosomes as each file does.

    Raises:
        InputError: A file is not sorted, or two have chromosomes in another order.
    """
    before: TopologicalSorter[str] = TopologicalSorter()
    for path in paths:
        seen: list[str] = []
        start = -1
        with VcfReader(path) as reader:
            for record in reader:
                if not seen or record.chrom != seen[-1]:
                    if record.chrom in seen:
                        raise unsorted_variants(path)
                    before.add(record.chrom, *seen[-1:])
                    seen.append(record.chrom)
                elif record.start < start:
                    raise unsorted_variants(path)
                start = record.start
    try:
        return {name: rank for rank, name in enumerate(before.static_order())}
    except CycleError as error:
        raise InputError(
            f"the VCFs have chromosomes in different orders: {', '.join(sorted(set(error.args[1])))}",
            where=", ".join(path.name for path in paths), allowed="one order in all of them",
            remedy="sort them with bcftools sort, against one header",
        ) from error  # fmt: skip


def _write(folder: Path, number: int, lengths: Mapping[str, int], lines: Sequence[str]) -> None:
    header = ["##fileformat=VCFv4.2", *(f"##contig=<ID={name},length={length}>" for name, length in lengths.items())]
    header.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    with pysam.BGZFile(str(folder / f"{number:04d}.vcf.gz"), "wb", None) as handle:
        handle.write("".join(f"{line}\n" for line in header).encode())
        for start in range(0, len(lines), ALLELES_PER_CHUNK):
            handle.write("".join(lines[start : start + ALLELES_PER_CHUNK]).encode())
