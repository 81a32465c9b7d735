"""Rows of distinct alleles, given back to the alleles of one VCF: its order, IDs and repeated alleles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from texcnn.effects.pairs import ALLELES_PER_CHUNK
from texcnn.effects.parts import Parts
from texcnn.effects.table import TABLES
from texcnn.errors import RunError
from texcnn.genome.vcf import VcfReader, VcfRecord

_NAMES = ("chrom", "pos", "ref", "alt")


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Tables of one chunk by the names of :data:`TABLES`, and where each allele's rows begin in them."""

    tables: Mapping[str, pa.Table]
    detail: npt.NDArray[np.int64]
    skipped: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Place:
    """Where the rows of an allele are."""

    chunk: _Chunk
    row: int


def joined_chunks(parts: Iterable[Parts], reader: VcfReader) -> Iterator[dict[str, pa.Table]]:
    """Yields the rows of a VCF's alleles, in the VCF's order.

    One chunk of the parts is in memory at a time, or two where a place of the genome has alleles in both.

    Args:
        parts: Chunks of distinct alleles by :data:`TABLES`, in the order that
            :func:`texcnn.effects.split.split_alleles` gave them; alleles that the VCF lacks are passed over.
        reader: The VCF.

    Yields:
        Tables by the names of :data:`TABLES`.

    Raises:
        RunError: An allele of the VCF is not in the parts, or they are in another order.
    """
    places = groupby(_places(parts), key=lambda found: found[0][:2])
    waiting: list[tuple[_Place, str]] = []
    for key, records in groupby(reader, key=lambda record: (record.chrom, record.start + 1)):
        here: dict[tuple[str, int, str, str], _Place] = {}
        for place, found in places:
            if place == key:
                here = dict(found)
                break
        for record in records:
            waiting += [(_look_up(here, record, alt, reader), record.id) for alt in record.alts]
        if len(waiting) >= ALLELES_PER_CHUNK:
            yield _taken(waiting)
            waiting = []
    if waiting:
        yield _taken(waiting)


def _places(parts: Iterable[Parts]) -> Iterator[tuple[tuple[str, int, str, str], _Place]]:
    for part in parts:
        for tables in zip(*(part.read(kind) for kind in TABLES), strict=True):
            named = dict(zip(TABLES, tables, strict=True))
            rows = named["alleles"]["rows"].to_numpy()
            chunk = _Chunk(named, _starts(rows), _starts((rows == 0).astype(np.int64)))
            columns = (named["summary"][name].to_pylist() for name in _NAMES)
            for row, key in enumerate(zip(*columns, strict=True)):
                yield key, _Place(chunk, row)


def _starts(sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])


def _look_up(
    here: Mapping[tuple[str, int, str, str], _Place], record: VcfRecord, alt: str, reader: VcfReader
) -> _Place:
    place = here.get((record.chrom, record.start + 1, record.ref, alt))
    if place is None:
        raise RunError(
            f"allele {record.ref}>{alt} is not in the parts", where=f"{reader.path}, {record}",
            allowed="parts of all alleles of the VCF, in their order",
            remedy="merge all parts of texcnn variants split, which was given this VCF, in the order of their numbers",
        )  # fmt: skip
    return place


def _taken(alleles: list[tuple[_Place, str]]) -> dict[str, pa.Table]:
    """The rows of some alleles, with their IDs in the VCF."""
    pieces: dict[str, list[pa.Table]] = {kind: [] for kind in TABLES}
    for chunk, run in groupby(alleles, key=lambda allele: allele[0].chunk):
        listed = list(run)
        numbers = np.array([place.row for place, _ in listed], np.int64)
        ids = np.array([name for _, name in listed], object)
        for kind, starts in (("detail", chunk.detail), ("skipped", chunk.skipped)):
            sizes = starts[numbers + 1] - starts[numbers]
            within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            rows = np.repeat(starts[numbers], sizes) + within
            pieces[kind].append(_with_ids(chunk.tables[kind].take(pa.array(rows)), np.repeat(ids, sizes)))
        pieces["summary"].append(_with_ids(chunk.tables["summary"].take(pa.array(numbers)), ids))
        pieces["alleles"].append(chunk.tables["alleles"].take(pa.array(numbers)))
    return {kind: pa.concat_tables(tables) for kind, tables in pieces.items()}


def _with_ids(table: pa.Table, ids: npt.NDArray[np.object_]) -> pa.Table:
    field = table.schema.field("id")
    return table.set_column(table.schema.get_field_index("id"), field, pa.array(ids, field.type))
