"""The files of variant effects: detail and summary as tables, a tabix file, and the list of skipped alleles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, cast

import pyarrow.compute as pc

from texcnn.effects.annotation import ANNOTATION, annotation_values
from texcnn.effects.options import EffectOptions, EffectOutputs
from texcnn.effects.parts import KEPT_FILE, Parts, PartsInMemory
from texcnn.effects.table import DETAIL_SCHEMA, SKIPPED_SCHEMA, SUMMARY_SCHEMA
from texcnn.effects.write import write_described, write_tabix, write_table
from texcnn.errors import InputError
from texcnn.files import atomic_file, check_output, description_path, skipped_path
from texcnn.genome.vcf_writer import annotate_vcf

TABLE_ENDINGS = (".tsv", ".tsv.gz", ".parquet")
KEPT_ENDING = ".parts"
"""Of a folder with a run's chunks, for :mod:`texcnn.effects.merge`."""


@dataclass(frozen=True)
class EffectCounts:
    """Counts of alleles and rows.

    Attributes:
        alleles: Alternative alleles of the source.
        rows: Rows of the detailed table.
        statuses: How many alleles have each status; they add up to ``alleles``.
    """

    alleles: int
    rows: int
    statuses: dict[str, int]

    def __str__(self) -> str:
        """Describes the alleles by status in a sentence."""
        statuses = ", ".join(f"{number} {status}" for status, number in self.statuses.items())
        return f"{self.alleles} alleles ({statuses or 'none'}), {self.rows} rows"


def check_outputs(out: Path | None, options: EffectOptions, *, has_vcf: bool, overwrite: bool) -> None:
    """Refuses files that cannot be written, before anything expensive is done.

    Raises:
        InputError: A name has an unknown ending, is used twice or exists already, or a file that another one needs
            is missing.
    """
    further = next(iter(_wanted(options.outputs)), None)
    if options.phased and not has_vcf:
        raise InputError("haplotypes need genotypes", where="`phased`", allowed="with `vcf`")
    if out is None:
        if further is not None:
            raise InputError("further files need the detailed table", where=f"`{further}`", allowed="with `out`")
        return
    if not out.name.endswith(KEPT_ENDING):
        if options.outputs.annotate is not None and not has_vcf:
            raise InputError("no VCF to annotate", where="`annotate`", allowed="with `vcf`")
        check_tables(out, options.outputs, phased=options.phased, overwrite=overwrite, more_endings=(KEPT_ENDING,))
        return
    if further is not None:
        raise InputError(
            "parts are no tables yet", where=f"`{further}`", allowed="without it",
            remedy="`texcnn merge` writes all files",
        )  # fmt: skip
    check_output(out, overwrite=overwrite, marker=KEPT_FILE)


def check_tables(
    out: Path, outputs: EffectOutputs, *, phased: bool, overwrite: bool, more_endings: tuple[str, ...] = ()
) -> None:
    """Refuses tables that cannot be written.

    Args:
        out: The main table.
        outputs: Further files.
        phased: Whether it is of haplotypes.
        overwrite: Whether files may be replaced.
        more_endings: What else the main table's name may end in, for the message.

    Raises:
        InputError: as :func:`check_outputs` does.
    """
    endings = {"out": TABLE_ENDINGS, "summary": TABLE_ENDINGS, "annotate": (".vcf.gz",), "tabix": (".tsv.gz",)}
    wanted = _wanted(outputs)
    if phased:
        if wanted:
            raise InputError("haplotypes have one table", where=f"`{next(iter(wanted))}`", allowed="without `phased`")
        endings["out"] = (*TABLE_ENDINGS, ".h5ad")
    files: list[Path] = []
    for name, path in {"out": out, **wanted}.items():
        if not any(path.name.endswith(ending) and path.name != ending for ending in endings[name]):
            allowed = ", ".join((*endings[name], *(more_endings if name == "out" else ())))
            raise InputError(f"unknown format '{path.name}'", where=f"`{name}`", allowed=allowed)
        files += [path, *_companions(name, path)]
    for path in files:
        if files.count(path) > 1:
            raise InputError(f"'{path}' would be written twice", remedy="give each output another name")
        check_output(path, overwrite=overwrite)


def _wanted(outputs: EffectOutputs) -> dict[str, Path]:
    """Wanted files in addition to the main table."""
    paths = {name: getattr(outputs, name) for name in ("summary", "annotate", "tabix")}
    return {name: cast(Path, path) for name, path in paths.items() if path is not None}


def write_outputs(
    out: Path,
    parts: Parts,
    described: Mapping[str, Any],
    outputs: EffectOutputs,
    *,
    vcf: Path | None,
    incremental: bool,
) -> EffectCounts:
    """Writes all files of a finished run.

    Args:
        out: The detailed table.
        parts: The finished chunks.
        described: Metadata of the run.
        outputs: What else to write.
        vcf: The VCF to annotate; None for variants that were given one by one.
        incremental: Whether untouched segments kept their vectors.

    Raises:
        InputError: A file that needs sorted variants is asked for, and they are not.
        RunError: The VCF has changed during the run.
    """
    statuses = count_statuses(parts)
    alleles = sum(statuses.values())
    normalized = sum(pc.sum(table["normalized"]).as_py() or 0 for table in parts.read("alleles"))
    description = {
        **described, "alleles": alleles, "statuses": statuses, "normalized": normalized, "incremental": incremental,
    }  # fmt: skip
    with ExitStack() as places:

        def place(path: str | PathLike[str]) -> Path:
            """Where to write a file; all of them appear together at the end, the detailed table last."""
            return places.enter_context(atomic_file(Path(path)))

        rows = write_described(out, DETAIL_SCHEMA, parts.read("detail"), description, place)
        write_table(place(skipped_path(out)), SKIPPED_SCHEMA, parts.read("skipped"))
        if outputs.summary is not None:
            write_described(Path(outputs.summary), SUMMARY_SCHEMA, parts.read("summary"), description, place)
        if outputs.tabix is not None:
            write_tabix(place(outputs.tabix), place(f"{outputs.tabix}.tbi"), parts.read("detail"))
        if outputs.annotate is not None:
            assert vcf is not None
            values = annotation_values(parts.read("summary"))
            annotate_vcf(vcf, place(outputs.annotate), place(f"{outputs.annotate}.csi"), ANNOTATION, values)
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
    described = [] if path.name.endswith((".parquet", ".h5ad")) else [description_path(path)]
    return [*described, skipped_path(path)] if name == "out" else described
