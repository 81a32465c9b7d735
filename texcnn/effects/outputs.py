"""The files of variant effects: detail and summary as tables, a tabix file, and the list of skipped alleles."""

from __future__ import annotations

import gzip
import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pysam

from texcnn.effects.annotation import ANNOTATION, annotation_values
from texcnn.effects.options import EffectOptions, EffectOutputs
from texcnn.effects.parts import Parts, PartsInMemory
from texcnn.effects.run import EffectRun
from texcnn.effects.table import DETAIL_SCHEMA, SKIPPED_SCHEMA, SUMMARY_SCHEMA
from texcnn.errors import InputError
from texcnn.files import atomic_file, check_output
from texcnn.genome.skipped import skipped_path
from texcnn.genome.vcf_writer import annotate_vcf, write_index
from texcnn.tables.columns import METADATA_KEY

TABLE_ENDINGS = (".tsv", ".tsv.gz", ".parquet")
_TABIX_COLUMNS = (
    "chrom", "pos", "ref", "alt", "gene_id", "transcript_id", "tss", "strand", "cell_type", "delta", "quantile",
)  # fmt: skip
_LOG = logging.getLogger("texcnn")


@dataclass(frozen=True)
class EffectCounts:
    """What became of the alleles.

    Attributes:
        alleles: Alternative alleles of the source.
        rows: Rows of the detailed table.
        statuses: How many alleles have each status; they add up to ``alleles``.
    """

    alleles: int
    rows: int
    statuses: dict[str, int]

    def __str__(self) -> str:
        """Alleles by status, for a person."""
        said = ", ".join(f"{number} {status}" for status, number in self.statuses.items())
        return f"{self.alleles} alleles ({said or 'none'}), {self.rows} rows"


def check_outputs(out: Path | None, options: EffectOptions, *, has_vcf: bool, overwrite: bool) -> None:
    """Refuses files that cannot be written, before anything expensive is done.

    Raises:
        InputError: A name has an unknown ending, is used twice, or is there already, a file is missing that another
            one needs.
    """
    outputs = options.outputs
    endings = {"summary": TABLE_ENDINGS, "annotate": (".vcf.gz",), "tabix": (".tsv.gz",)}
    wanted = {name: cast(Path, path) for name in endings if (path := getattr(outputs, name)) is not None}
    if options.phased and not has_vcf:
        raise InputError("haplotypes need genotypes", where="`phased`", allowed="with `vcf`")
    if out is None:
        if wanted:
            raise InputError(
                "further files need the detailed table", where=f"`{next(iter(wanted))}`", allowed="with `out`"
            )
        return
    if outputs.annotate is not None and not has_vcf:
        raise InputError("there is no VCF to annotate", where="`annotate`", allowed="with `vcf`")
    endings["out"] = TABLE_ENDINGS
    if options.phased:
        if wanted:
            raise InputError("haplotypes have one table", where=f"`{next(iter(wanted))}`", allowed="without `phased`")
        endings["out"] = (*TABLE_ENDINGS, ".h5ad")
    files: list[Path] = []
    for name, path in {"out": out, **wanted}.items():
        if not any(path.name.endswith(ending) and path.name != ending for ending in endings[name]):
            raise InputError(f"unknown format '{path.name}'", where=f"`{name}`", allowed=", ".join(endings[name]))
        files += [path, *_companions(name, path)]
    for path in files:
        if files.count(path) > 1:
            raise InputError(f"'{path}' would be written twice", remedy="give each output a name of its own")
        check_output(path, overwrite=overwrite)


def write_outputs(out: Path, parts: Parts, run: EffectRun, outputs: EffectOutputs) -> EffectCounts:
    """Writes all files of a finished run.

    Args:
        out: The detailed table.
        parts: The finished chunks.
        run: The run.
        outputs: What else to write.

    Raises:
        InputError: A file that needs sorted variants is asked for, and they are not.
        RunError: The VCF has changed during the run.
    """
    statuses = count_statuses(parts)
    alleles = sum(statuses.values())
    said = {
        **run.described, "alleles": alleles, "statuses": statuses, "normalized": run.check.normalized,
        "incremental": run.engine.incremental,
    }  # fmt: skip
    if outputs.annotate is not None:
        assert run.source.vcf is not None
        annotate_vcf(run.source.vcf, cast(Path, outputs.annotate), ANNOTATION, annotation_values(parts.read("summary")))
    if outputs.tabix is not None:
        write_tabix(cast(Path, outputs.tabix), parts.read("detail"))
    if outputs.summary is not None:
        write_table(cast(Path, outputs.summary), SUMMARY_SCHEMA, parts.read("summary"), said)
    # Before the table appears: a table without its list of skipped alleles would look complete.
    write_table(skipped_path(out), SKIPPED_SCHEMA, parts.read("skipped"))
    rows = write_table(out, DETAIL_SCHEMA, parts.read("detail"), said)
    return EffectCounts(alleles, rows, statuses)


def count_statuses(parts: Parts | PartsInMemory) -> dict[str, int]:
    """Returns how many alleles have each status, the most frequent first."""
    counts: Counter[str] = Counter()
    for table in parts.read("summary"):
        counts.update(table["status"].to_pylist())
    return dict(counts.most_common())


def _companions(name: str, path: Path) -> list[Path]:
    if name == "annotate":
        return [path.with_name(f"{path.name}.csi")]
    if name == "tabix":
        return [path.with_name(f"{path.name}.tbi")]
    described = [] if path.name.endswith((".parquet", ".h5ad")) else [_description_path(path)]
    return [*described, skipped_path(path)] if name == "out" else described


def _description_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.meta.json")


def write_table(
    path: Path, schema: pa.Schema, tables: Iterable[pa.Table], said: Mapping[str, Any] | None = None
) -> int:
    """Writes rows in the format of the file's ending.

    Args:
        path: The file.
        schema: Its columns.
        tables: Its rows, a part at a time.
        said: What the table says of itself: inside a Parquet file, in ``<path>.meta.json`` for text; None for nothing.

    Returns:
        The number of rows.
    """
    text = json.dumps(said, indent=1)
    rows = 0
    with atomic_file(path) as temporary:
        if path.name.endswith(".parquet"):
            with pq.ParquetWriter(temporary, schema.with_metadata({METADATA_KEY: text.encode()})) as writer:
                for table in tables:
                    writer.write_table(table.replace_schema_metadata({METADATA_KEY: text.encode()}))
                    rows += len(table)
        else:
            with _open_binary(temporary) as handle:
                handle.write(("\t".join(schema.names) + "\n").encode())
                for table in tables:
                    _write_text(handle, table)
                    rows += len(table)
            if said is not None:
                with atomic_file(_description_path(path)) as beside:
                    beside.write_text(text + "\n", encoding="utf-8")
    return rows


def write_tabix(path: Path, tables: Iterable[pa.Table]) -> None:
    """Writes rows as BGZF with a tabix index, for VEP's plugins and ``bcftools annotate``.

    Args:
        path: The file; the index is beside it.
        tables: The detailed rows, a part at a time.

    Raises:
        InputError: The alleles are not sorted, so that they cannot be indexed.
    """
    index = path.with_name(f"{path.name}.tbi")
    with atomic_file(path) as temporary, atomic_file(index) as temporary_index:
        with pysam.BGZFile(str(temporary), "wb", None) as handle:
            handle.write(("#" + "\t".join(_TABIX_COLUMNS) + "\n").encode())
            for table in tables:
                chosen = table.filter(pc.is_valid(table["delta"])).select(list(_TABIX_COLUMNS))
                # An empty field is no missing value to bcftools.
                as_text = [
                    pc.if_else(pc.equal(pc.fill_null(text, ""), ""), ".", text)
                    for text in (column.cast(pa.string()) for column in chosen.columns)
                ]
                _write_text(cast(BinaryIO, handle), pa.table(as_text, names=chosen.column_names))
        write_index(temporary, temporary_index, path, csi=False, seq_col=0, start_col=1, end_col=1)


@contextmanager
def _open_binary(path: Path) -> Iterator[BinaryIO]:
    with path.open("wb") as raw:
        if path.suffix != ".gz":
            yield raw
            return
        with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0) as packed:
            yield cast(BinaryIO, packed)


def _write_text(handle: BinaryIO, table: pa.Table) -> None:
    options = pa.csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
    if len(table):
        sink = pa.BufferOutputStream()
        pa.csv.write_csv(table, sink, options)
        handle.write(sink.getvalue().to_pybytes())
