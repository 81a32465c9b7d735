"""Which files a run of variant effects may write: all of it is known before anything is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from texcnn.effects.annotation import ANNOTATION, annotation_values
from texcnn.effects.haplotypes import HaplotypeCounts
from texcnn.effects.options import EffectOptions, EffectOutputs
from texcnn.effects.outputs import EffectCounts, check_outputs, count_statuses
from texcnn.effects.parts import PartsInMemory
from texcnn.effects.table import SUMMARY_SCHEMA
from texcnn.errors import InputError


def check(
    out: Path | None, *, has_vcf: bool = True, overwrite: bool = False, phased: bool = False, **more: Any
) -> None:
    options = EffectOptions(outputs=EffectOutputs(**more), phased=phased)
    check_outputs(out, options, has_vcf=has_vcf, overwrite=overwrite)


@pytest.mark.parametrize("name", ["o.tsv", "o.tsv.gz", "o.parquet"])
def test_formats_of_the_table(tmp_path: Path, name: str) -> None:
    check(tmp_path / name)
    check(tmp_path / name, phased=True)


@pytest.mark.parametrize(
    ("out", "more", "message"),
    [
        ("o.csv", {}, "unknown format 'o.csv' – in `out` – allowed: .tsv, .tsv.gz, .parquet"),
        (".tsv", {}, "unknown format '.tsv'"),
        ("o.h5ad", {}, "unknown format 'o.h5ad' – in `out`"),
        ("o.tsv", {"summary": "s.h5ad"}, "unknown format 's.h5ad' – in `summary` – allowed: .tsv, .tsv.gz, .parquet"),
        ("o.tsv", {"annotate": "a.vcf"}, "unknown format 'a.vcf' – in `annotate` – allowed: .vcf.gz"),
        ("o.tsv", {"annotate": "a.bcf"}, "unknown format 'a.bcf' – in `annotate`"),
        ("o.tsv", {"tabix": "t.tsv"}, "unknown format 't.tsv' – in `tabix` – allowed: .tsv.gz"),
    ],
)
def test_other_endings_are_refused(tmp_path: Path, out: str, more: dict[str, str], message: str) -> None:
    with pytest.raises(InputError) as refused:
        check(tmp_path / out, **{name: tmp_path / path for name, path in more.items()})
    assert message in str(refused.value)


def test_haplotypes_have_one_table_which_may_be_anndata(tmp_path: Path) -> None:
    check(tmp_path / "o.h5ad", phased=True)
    for name, path in (("summary", "s.tsv"), ("annotate", "a.vcf.gz"), ("tabix", "t.tsv.gz")):
        with pytest.raises(InputError, match=rf"haplotypes have one table – in `{name}` – allowed: without `phased`"):
            check(tmp_path / "o.tsv", phased=True, **{name: tmp_path / path})
    with pytest.raises(InputError, match="haplotypes need genotypes – in `phased` – allowed: with `vcf`"):
        check(tmp_path / "o.tsv", phased=True, has_vcf=False)


def test_further_files_need_the_table_and_an_annotation_its_vcf(tmp_path: Path) -> None:
    check(None)
    for name, path in (("summary", "s.tsv"), ("tabix", "t.tsv.gz")):
        with pytest.raises(
            InputError, match=rf"further files need the detailed table – in `{name}` – allowed: with `out`"
        ):
            check(None, **{name: tmp_path / path})
    with pytest.raises(InputError, match="no VCF to annotate – in `annotate` – allowed: with `vcf`"):
        check(tmp_path / "o.tsv", has_vcf=False, annotate=tmp_path / "a.vcf.gz")


@pytest.mark.parametrize(
    ("more", "twice"),
    [
        ({"summary": "o.tsv.gz"}, "o.tsv.gz"),
        ({"tabix": "o.tsv.gz"}, "o.tsv.gz"),
        ({"summary": "t.tsv.gz", "tabix": "t.tsv.gz"}, "t.tsv.gz"),
        ({"summary": "o.tsv.gz.skipped.tsv"}, "o.tsv.gz.skipped.tsv"),
    ],
)
def test_no_file_is_written_twice(tmp_path: Path, more: dict[str, str], twice: str) -> None:
    with pytest.raises(InputError, match=rf"{twice}' would be written twice – give each output another name"):
        check(tmp_path / "o.tsv.gz", **{name: tmp_path / path for name, path in more.items()})


OTHERS = {"summary": "s.tsv", "annotate": "a.vcf.gz", "tabix": "t.tsv.gz"}


@pytest.mark.parametrize(
    "there",
    [
        "o.tsv", "o.tsv.meta.json", "o.tsv.skipped.tsv", "s.tsv", "s.tsv.meta.json", "a.vcf.gz", "a.vcf.gz.csi",
        "t.tsv.gz", "t.tsv.gz.tbi",
    ],
)  # fmt: skip
def test_nothing_that_is_there_is_replaced_unasked(tmp_path: Path, there: str) -> None:
    (tmp_path / there).touch()
    more = {name: tmp_path / path for name, path in OTHERS.items()}
    with pytest.raises(InputError, match=rf"{there}' already exists .* set `overwrite`"):
        check(tmp_path / "o.tsv", **more)
    check(tmp_path / "o.tsv", overwrite=True, **more)


@pytest.mark.parametrize("there", ["s.tsv.skipped.tsv", "o.tsv.csi", "t.tsv.gz.csi", "a.vcf.gz.tbi"])
def test_files_that_are_not_written_do_not_matter(tmp_path: Path, there: str) -> None:
    (tmp_path / there).touch()
    check(tmp_path / "o.tsv", **{name: tmp_path / path for name, path in OTHERS.items()})


def test_parquet_has_its_description_inside(tmp_path: Path) -> None:
    (tmp_path / "o.parquet.meta.json").touch()
    check(tmp_path / "o.parquet")


def test_counts_for_a_person() -> None:
    assert str(EffectCounts(3, 12, {"SCORED": 2, "NO_ALT": 1})) == "3 alleles (2 SCORED, 1 NO_ALT), 12 rows"
    assert str(EffectCounts(0, 0, {})) == "0 alleles (none), 0 rows"
    counts = HaplotypeCounts(2, 3, 5, 12, {"s": 4, "t": 1}, {"s": 9}, 7)
    assert str(counts) == (
        "2 samples, 3 genes, 5 distinct haplotypes, 5 overlapping alleles left out, 9 missing alleles taken as REF, "
        "7 alleles not applied, 12 rows"
    )


def summary(*rows: dict[str, Any]) -> dict[str, pa.Table]:
    return {"summary": pa.Table.from_pylist(list(rows), schema=SUMMARY_SCHEMA)}


def test_statuses_are_counted_over_chunks_most_frequent_first() -> None:
    parts = PartsInMemory()
    for statuses in (["NO_ALT", "SCORED"], [], ["SCORED", "SYMBOLIC", "SCORED"]):
        parts.add(summary(*({"status": status} for status in statuses)))
    assert list(count_statuses(parts).items()) == [("SCORED", 3), ("NO_ALT", 1), ("SYMBOLIC", 1)]
    assert count_statuses(PartsInMemory()) == {}


def test_an_annotation_has_a_value_or_nothing_per_allele_and_field() -> None:
    scored = {"status": "SCORED", "delta": 0.5, "gene_id": "g", "cell_type": "x", "quantile": 0.25}
    tables = [summary(scored)["summary"], summary({"status": "NO_ALT"})["summary"]]
    assert list(annotation_values(tables)) == [
        {
            "TEXCNN_STATUS": "SCORED", "TEXCNN_DELTA": 0.5, "TEXCNN_GENE": "g", "TEXCNN_CELL": "x",
            "TEXCNN_QUANTILE": 0.25,
        },
        {"TEXCNN_STATUS": "NO_ALT", **dict.fromkeys([field.id for field in ANNOTATION][1:])},
    ]  # fmt: skip
