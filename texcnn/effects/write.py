"""Rows of variant effects written as tables: Parquet, text, and text with a tabix index."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pysam

from texcnn.files import description_path
from texcnn.genome.vcf_writer import write_index
from texcnn.tables.columns import METADATA_KEY

_TABIX_COLUMNS = {
    "chrom": "chrom", "pos": "pos", "ref": "ref", "alt": "alt", "gene": "gene_name", "gene_id": "gene_id",
    "transcript_id": "transcript_id", "strand": "", "tss_pos": "tss", "delta": "delta", "quantile": "quantile",
    "cell_type": "cell_type",
}  # fmt: skip
"""Names in the order that VEP's plugin PromoterAI reads them by, each with its column of the detail. ``strand`` is that
of the alleles, as the plugin takes it: always 1, also for genes of the minus strand."""


def write_described(
    path: Path,
    schema: pa.Schema,
    tables: Iterable[pa.Table],
    description: Mapping[str, Any],
    place: Callable[[Path], Path],
) -> int:
    """Writes rows with their description.

    Args:
        path: The file.
        schema: Its columns.
        tables: Its rows, a part at a time.
        description: The table's description.
        place: Returns the temporary path of a file.

    Returns:
        The number of rows.
    """
    temporary = place(path)
    if not path.name.endswith(".parquet"):
        place(description_path(path)).write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
    return write_table(temporary, schema, tables, description)


def write_table(
    path: Path, schema: pa.Schema, tables: Iterable[pa.Table], description: Mapping[str, Any] | None = None
) -> int:
    """Writes rows in the format of the file's ending.

    Args:
        path: The file.
        schema: Its columns.
        tables: Its rows, a part at a time.
        description: The description inside a Parquet file.

    Returns:
        The number of rows.
    """
    rows = 0
    if path.name.endswith(".parquet"):
        described = {METADATA_KEY: json.dumps(description).encode()}
        with pq.ParquetWriter(path, schema.with_metadata(described)) as writer:
            for table in tables:
                writer.write_table(table.replace_schema_metadata(described))
                rows += len(table)
        return rows
    with _open_binary(path) as handle:
        handle.write(("\t".join(schema.names) + "\n").encode())
        for table in tables:
            _write_text(handle, table)
            rows += len(table)
    return rows


def write_tabix(path: Path, index: Path, tables: Iterable[pa.Table]) -> None:
    """Writes rows as BGZF with a tabix index, for VEP's plugins and ``bcftools annotate``.

    Args:
        path: The file.
        index: Its index.
        tables: The detailed rows, a part at a time.

    Raises:
        InputError: The alleles are not sorted, so that they cannot be indexed.
    """
    with pysam.BGZFile(str(path), "wb", None) as handle:
        handle.write(("#" + "\t".join(_TABIX_COLUMNS) + "\n").encode())
        for table in tables:
            scored = table.filter(pc.is_valid(table["delta"]))
            columns = []
            for column in _TABIX_COLUMNS.values():
                text = scored[column].cast(pa.string()) if column else pa.repeat("1", len(scored))
                # bcftools does not read an empty field as a missing value.
                columns.append(pc.if_else(pc.equal(pc.fill_null(text, ""), ""), ".", text))
            _write_text(cast(BinaryIO, handle), pa.table(columns, names=list(_TABIX_COLUMNS)))
    write_index(path, index, csi=False, seq_col=0, start_col=1, end_col=1)


@contextmanager
def _open_binary(path: Path) -> Iterator[BinaryIO]:
    with path.open("wb") as raw:
        if path.suffix != ".gz":
            yield raw
            return
        with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0) as packed:
            yield cast(BinaryIO, packed)


def _write_text(handle: BinaryIO, table: pa.Table) -> None:
    if not len(table):
        return
    sink = pa.BufferOutputStream()
    options = pa.csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
    try:
        pa.csv.write_csv(table, sink, options)
    except pa.ArrowInvalid:  # a name with a quote in it, which Arrow writes only between quotes
        handle.write(table.to_pandas().to_csv(sep="\t", header=False, index=False, float_format="%.9g").encode())
    else:
        handle.write(sink.getvalue().to_pybytes())
