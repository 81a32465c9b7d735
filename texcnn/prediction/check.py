"""Whether the files of a prediction fit its models and each other, found before anything expensive is done."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from texcnn.errors import InputError, TexcnnError, unknown_name
from texcnn.features.table import FeatureTable
from texcnn.genome.assembly import Assembly
from texcnn.genome.naming import in_any_style
from texcnn.genome.reference import Reference
from texcnn.genome.vcf import VcfReader
from texcnn.genome.vcf_writer import unsorted_variants
from texcnn.model.cautions import foreign_genome
from texcnn.tables.expression import read_expression
from texcnn.tables.readers import read_columns
from texcnn.tables.split import read_parts
from texcnn.text.names import read_names
from texcnn.text.numbers import to_number

TRUTH_COLUMNS = ("gene_id", "true_expression")


def input_problems(
    models: Sequence[Mapping[str, Any]],
    files: Mapping[str, Path],
    *,
    half_life: bool = False,
    samples: Sequence[str] = (),
) -> list[str]:
    """Checks the files of one prediction.

    Args:
        models: Descriptions by :func:`texcnn.model.describe.describe_model`.
        files: What there is of ``fasta``, ``genes``, ``features``, ``truth``, ``expression``, ``split`` and ``vcf``.
        half_life: Whether half-life features are computed.
        samples: Those of the VCF whose haplotypes are wanted; none for no haplotypes.

    Returns:
        One message per problem; none where everything fits.
    """
    checks: list[Callable[[], object]] = []
    for model in models:
        checks.append(partial(_check_features, model, files.get("features"), half_life))
    if "genes" in files:
        checks.append(lambda: read_names(files["genes"]))
    if "truth" in files:
        checks.append(lambda: _check_truth(files["truth"]))
    if "expression" in files:
        checks.append(lambda: _check_expression(files["expression"], models))
    if "split" in files:
        checks.append(lambda: read_parts(files["split"]))
    if "vcf" in files:
        checks.append(lambda: _check_vcf(files["vcf"], files["fasta"], samples))
    problems = []
    for check in checks:
        try:
            check()
        except TexcnnError as error:
            problems.append(str(error))
    return problems


def input_cautions(models: Sequence[Mapping[str, Any]], fasta: Path) -> list[str]:
    """Finds where a result is most likely wrong although every input is valid.

    Args:
        models: As in :func:`input_problems`.
        fasta: The genome.

    Returns:
        One message per model that was trained on another genome.
    """
    known = [(model["name"], Assembly(**model["assembly"])) for model in models if model["assembly"] is not None]
    if not known:
        return []
    with Reference(fasta) as reference:
        cautions = [foreign_genome(name, assembly, reference) for name, assembly in known]
    return [caution for caution in cautions if caution is not None]


def _check_features(model: Mapping[str, Any], table: Path | None, half_life: bool) -> None:
    name, features = model["name"], model["features"]
    if half_life and model["half_life"] is None:
        raise InputError(
            f"the model '{name}' takes no half-life features", where="`half_life`",
            allowed=f"a table of {', '.join(features)}" if features else "none: the model takes no features",
        )  # fmt: skip
    if table is not None:
        if not features:
            raise InputError(f"the model '{name}' takes no features", where=table)
        FeatureTable.read(table, features)
    if table is None and not half_life and model["needed"]:
        raise InputError(
            f"the model '{name}' needs the features {', '.join(model['needed'])}",
            remedy="give `features` or `half_life`",
        )


def _check_truth(path: Path) -> None:
    truth = read_columns(path, TRUTH_COLUMNS)
    for line, text in zip(truth.index, truth["true_expression"], strict=True):
        number = to_number(text)
        if number is None or not math.isfinite(number):
            raise InputError(f"'{text}' is not a number", where=f"{path}, line {line}, true_expression")


def _check_expression(path: Path, models: Sequence[Mapping[str, Any]]) -> None:
    measured = set(read_expression(path).columns)
    for model in models:
        if measured.isdisjoint(model["cell_types"]):
            raise unknown_name(
                "cell type", ", ".join(sorted(map(str, measured))), model["cell_types"],
                where=f"{path}, for the model '{model['name']}'",
            )  # fmt: skip


def _check_vcf(path: Path, fasta: Path, samples: Sequence[str]) -> None:
    """Reads all records, so that what breaks off or is not sorted is not found after hours of scoring."""
    with Reference(fasta) as reference:
        named = in_any_style(list(reference.lengths))
        last: dict[str, int] = {}
        chrom = ""
        with VcfReader(path, samples=samples or None) as records:
            for record in records:
                if record.start < last.get(record.chrom, -1) or (record.chrom != chrom and record.chrom in last):
                    raise unsorted_variants(path)
                chrom = record.chrom
                last[chrom] = record.start
    if last and not any(named(name) for name in last):
        raise InputError(
            f"none of the VCF's chromosomes is in the genome: {', '.join(list(last)[:5])}", where=path,
            allowed=f"chromosomes of {fasta}: {', '.join(list(reference.lengths)[:5])}",
        )  # fmt: skip
