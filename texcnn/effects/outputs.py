"""The files of variant effects: detail and summary as tables, a tabix file, and the list of skipped alleles."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import cast

from texcnn.effects.annotation import ANNOTATION, annotation_values
from texcnn.effects.options import EffectOptions, EffectOutputs
from texcnn.effects.parts import Parts, PartsInMemory
from texcnn.effects.run import EffectRun
from texcnn.effects.table import DETAIL_SCHEMA, SKIPPED_SCHEMA, SUMMARY_SCHEMA
from texcnn.effects.write import description_of, write_described, write_tabix, write_table
from texcnn.errors import InputError
from texcnn.files import atomic_file, check_output
from texcnn.genome.skipped import skipped_path
from texcnn.genome.vcf_writer import annotate_vcf

TABLE_ENDINGS = (".tsv", ".tsv.gz", ".parquet")


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
        said = ", ".join(f"{number} {status}" for status, number in self.statuses.items())
        return f"{self.alleles} alleles ({said or 'none'}), {self.rows} rows"


def check_outputs(out: Path | None, options: EffectOptions, *, has_vcf: bool, overwrite: bool) -> None:
    """Refuses files that cannot be written, before anything expensive is done.

    Raises:
        InputError: A name has an unknown ending, is used twice or exists already, or a file that another one needs
            is missing.
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
        raise InputError("no VCF to annotate", where="`annotate`", allowed="with `vcf`")
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
            raise InputError(f"'{path}' would be written twice", remedy="give each output another name")
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
    with ExitStack() as places:

        def place(path: str | PathLike[str]) -> Path:
            """Where to write a file; all of them appear together at the end, the detailed table last."""
            return places.enter_context(atomic_file(Path(path)))

        rows = write_described(out, DETAIL_SCHEMA, parts.read("detail"), said, place)
        write_table(place(skipped_path(out)), SKIPPED_SCHEMA, parts.read("skipped"))
        if outputs.summary is not None:
            write_described(Path(outputs.summary), SUMMARY_SCHEMA, parts.read("summary"), said, place)
        if outputs.tabix is not None:
            write_tabix(place(outputs.tabix), place(f"{outputs.tabix}.tbi"), parts.read("detail"))
        if outputs.annotate is not None:
            assert run.source.vcf is not None
            values = annotation_values(parts.read("summary"))
            annotate_vcf(run.source.vcf, place(outputs.annotate), place(f"{outputs.annotate}.csi"), ANNOTATION, values)
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
    described = [] if path.name.endswith((".parquet", ".h5ad")) else [description_of(path)]
    return [*described, skipped_path(path)] if name == "out" else described
