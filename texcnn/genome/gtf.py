"""Genes from a GTF, in the flavours of Ensembl, GENCODE, RefSeq and UCSC."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from texcnn.errors import InputError, unknown_name
from texcnn.genome import TRANSCRIPT_CHOICES
from texcnn.genome.gene import Annotation, Gene
from texcnn.genome.gtf_rows import read_rows
from texcnn.genome.gtf_transcripts import Locus, TranscriptRows
from texcnn.genome.skipped import Skipped
from texcnn.text.lines import PathLike


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Looks for no garbage meanwhile: an annotation holds no cycles, and looking takes a fifth of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


@_without_collecting()
def read_gtf(
    path: PathLike, *, transcripts: str = "gene", on_genome: Callable[[str], bool] | None = None
) -> Annotation:
    """Reads genes, or transcripts, and their TSS from a GTF, plain or gzipped.

    A gene's TSS is that of its transcript with the longest CDS, or of its longest transcript (by exon bases, by span
    where it has no exon rows) if none has a CDS; ties go to the longer transcript, then to the lowest transcript id.
    Missing gene and transcript rows are made up from the exon and CDS rows.

    A gene id at several places (one per gene row; without gene rows, per group of overlapping transcripts) is kept at
    the first one that has a strand, and each further place is a ``Skipped``: places = genes + skipped.

    Args:
        path: The GTF file.
        transcripts: ``gene`` for one row per gene, ``all`` for one row per transcript, with its ``transcript_id``.
        on_genome: Whether the genome has a chromosome: a gene is kept at a place on it if there is one, rather than
            on an alternate scaffold that the genome lacks. None treats every chromosome the same.

    Returns:
        Genes in the order of their first row, those on the genome before the others.

    Raises:
        InputError: A row is malformed (named by its line), the file is missing, empty, truncated, a GFF3, or has no
            transcript, exon or CDS rows.
    """
    if transcripts not in TRANSCRIPT_CHOICES:
        raise unknown_name("choice of transcripts", transcripts, TRANSCRIPT_CHOICES)
    if transcripts == "all":
        loci, unplaced = _read_loci(Path(path), on_genome)
        genes, skipped = _one_per_transcript(loci)
        skipped += unplaced
    else:
        chosen, skipped = read_chosen_transcripts(path, on_genome=on_genome)
        genes = [gene for gene, _ in chosen]
    return Annotation(genes, skipped, Path(path))


@_without_collecting()
def read_chosen_transcripts(
    path: PathLike, *, on_genome: Callable[[str], bool] | None = None
) -> tuple[list[tuple[Gene, TranscriptRows]], list[Skipped]]:
    """Reads each gene of :func:`read_gtf` with the one transcript that represents it.

    Returns:
        The genes with their transcripts, and what was skipped.

    Raises:
        InputError: As :func:`read_gtf`.
    """
    loci, unplaced = _read_loci(Path(path), on_genome)
    genes, skipped = _one_per_gene(loci)
    return genes, skipped + unplaced


def _read_loci(path: Path, on_genome: Callable[[str], bool] | None) -> tuple[list[Locus], list[Skipped]]:
    """Reads all places, those on the genome first, since a gene keeps its first usable one; and what has none."""
    gene_rows, placed, unplaced = read_rows(path)
    if not placed:
        raise InputError(
            f"no transcript, exon or CDS row found{f', but {unplaced[0].reason}' if unplaced else ''}", where=path,
            allowed="a GTF with these features in column 3, and gene_id and transcript_id in column 9",
        )  # fmt: skip
    loci = _join(gene_rows, placed)
    if on_genome is not None:
        has = {chrom: on_genome(chrom) for chrom in {locus.chrom for locus in loci}}
        loci.sort(key=lambda locus: not has[locus.chrom])
    return loci, unplaced


def _join(gene_rows: list[Locus], placed: Iterable[TranscriptRows]) -> list[Locus]:
    """Gives each transcript to the gene row it overlaps, the rest to separate loci; in file order."""
    rows_by_gene: dict[tuple[str, str, str], list[Locus]] = {}
    for locus in gene_rows:
        rows_by_gene.setdefault((locus.gene_id, locus.chrom, locus.strand), []).append(locus)
    homeless: dict[tuple[str, str, str], list[TranscriptRows]] = {}
    for transcript in placed:
        key = (transcript.gene_id, transcript.chrom, transcript.strand)
        rows = rows_by_gene.get(key, [])
        shared = [min(row.end, transcript.end) - max(row.start, transcript.start) for row in rows]
        if shared and max(shared) > 0:
            rows[shared.index(max(shared))].transcripts.append(transcript)
        else:
            homeless.setdefault(key, []).append(transcript)
    loci = list(gene_rows)
    for transcripts in homeless.values():
        loci += _cluster(transcripts)
    return sorted(loci, key=lambda locus: locus.line)


def _cluster(transcripts: list[TranscriptRows]) -> list[Locus]:
    """Groups the transcripts of one gene on one strand into loci of overlapping ones."""
    loci: list[Locus] = []
    for transcript in sorted(transcripts, key=lambda t: t.start):
        if loci and transcript.start < loci[-1].end:
            locus = loci[-1]
            locus.end = max(locus.end, transcript.end)
            locus.line = min(locus.line, transcript.line)
        else:
            locus = Locus(
                transcript.gene_id, transcript.gene_name, transcript.chrom, transcript.strand,
                transcript.start, transcript.end, transcript.line,
            )  # fmt: skip
            loci.append(locus)
        locus.transcripts.append(transcript)
    return loci


def _one_per_gene(loci: list[Locus]) -> tuple[list[tuple[Gene, TranscriptRows]], list[Skipped]]:
    genes: list[tuple[Gene, TranscriptRows]] = []
    skipped: list[Skipped] = []
    first_rows = _first_rows(loci)
    kept: dict[str, Locus] = {}
    for locus in loci:
        first = kept.get(locus.gene_id)
        if not locus.transcripts:
            skipped.append(Skipped(locus.gene_id, _why_empty(locus, first_rows)))
        elif locus.strand == ".":
            skipped.append(Skipped(locus.gene_id, f"the gene at {locus} has no strand, so no TSS"))
        elif first is not None:
            reason = f"further place {locus} of a gene kept at {first}"
            skipped.append(Skipped(locus.gene_id, reason))
        else:
            kept[locus.gene_id] = locus
            best = min(locus.transcripts, key=lambda transcript: transcript.rank)
            genes.append((Gene(locus.gene_id, locus.gene_name, locus.chrom, best.tss, locus.strand), best))
    return genes, skipped


def _one_per_transcript(loci: list[Locus]) -> tuple[list[Gene], list[Skipped]]:
    genes: list[Gene] = []
    skipped: list[Skipped] = []
    first_rows = _first_rows(loci)
    kept: dict[tuple[str, str], tuple[Locus, TranscriptRows]] = {}
    for locus in loci:
        if not locus.transcripts:
            skipped.append(Skipped(locus.gene_id, _why_empty(locus, first_rows)))
        for transcript in sorted(locus.transcripts, key=lambda t: t.line):
            first = kept.get((transcript.gene_id, transcript.id))
            if locus.strand == ".":
                reason = f"transcript {transcript.id} at {locus} has no strand, so no TSS"
                skipped.append(Skipped(locus.gene_id, reason))
            elif first is not None and first[1].place == transcript.place:
                reason = f"transcript {transcript.id} of line {transcript.line} repeats that of line {first[1].line}"
                skipped.append(Skipped(locus.gene_id, reason))
            elif first is not None:
                reason = f"further place {locus} of transcript {transcript.id}, kept at {first[0]}"
                skipped.append(Skipped(locus.gene_id, reason))
            else:
                kept[(transcript.gene_id, transcript.id)] = (locus, transcript)
                genes.append(
                    Gene(locus.gene_id, locus.gene_name, locus.chrom, transcript.tss, locus.strand, transcript.id)
                )
    return genes, skipped


def _first_rows(loci: list[Locus]) -> dict[tuple[str, str], Locus]:
    """The first gene row at each place of each gene."""
    first: dict[tuple[str, str], Locus] = {}
    for locus in sorted(loci, key=lambda locus: locus.line):
        first.setdefault((locus.gene_id, str(locus)), locus)
    return first


def _why_empty(locus: Locus, first_rows: dict[tuple[str, str], Locus]) -> str:
    """Returns why a gene row has no transcript: it may repeat another row, which has them."""
    first = first_rows[locus.gene_id, str(locus)]
    if first is not locus:
        return f"the gene row of line {locus.line} repeats that of line {first.line}"
    return f"the gene at {locus} has no transcript, exon or CDS row"
