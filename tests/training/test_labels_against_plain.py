"""Genes joined with expression and features, against a plain join; and what a training says and refuses of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from texcnn.errors import InputError
from texcnn.features.spec import FeatureSpec
from texcnn.features.table import FeatureTable
from texcnn.genome.gene import Annotation, Gene
from texcnn.genome.skipped import Skipped
from texcnn.training.examples import fit_features
from texcnn.training.splits import Split
from texcnn.training.targets import LabelledGenes, Targets, label_genes, read_targets

IDS = [f"g{place:02d}" for place in range(30)]


def in_order(genes: Sequence[Gene]) -> Split:
    parts = {gene.id: "train" if place < 10 else "valid" if place < 13 else "test" for place, gene in enumerate(genes)}
    return Split(parts, "in order")


def annotation(ids: Sequence[str], skipped: Sequence[str] = ()) -> Annotation:
    genes = [Gene(name, name, f"chr{place % 3}", place, "+") for place, name in enumerate(ids)]
    return Annotation(genes, [Skipped(name, "no place") for name in skipped], Path("genes.gtf"))


def targets(values: dict[str, list[float]]) -> Targets:
    table = np.array(list(values.values()), np.float32)
    return Targets(table, {name: row for row, name in enumerate(values)}, ("x", "y"), "TPM", Path("tpm.tsv"))


def without(values: list[tuple[float, float]], gone: set[str]) -> dict[str, tuple[float, float]]:
    return {name: pair for name, pair in zip(IDS, values, strict=True) if name not in gone}


CELL = st.sampled_from([*(place / 2 for place in range(15)), float("nan")])  # a gap is rare: most genes stay


# Whole lists are drawn and a few genes taken away: dictionaries of nearly all names would be drawn over and over.
CELLS = st.lists(st.tuples(CELL, CELL), min_size=len(IDS), max_size=len(IDS))
FEW = st.sets(st.sampled_from(IDS), max_size=4)


@settings(max_examples=60)
@given(
    expressed=st.builds(without, CELLS, FEW),
    with_features=st.builds(without, CELLS, FEW),
    placed=st.builds(lambda gone: set(IDS) - gone, FEW),
    order=st.randoms(use_true_random=False),
)
def test_rows_are_those_of_a_plain_join_and_nothing_is_lost(
    expressed: dict[str, tuple[float, float]],
    with_features: dict[str, tuple[float, float]],
    placed: set[str],
    order: object,
) -> None:
    ids = sorted(placed)
    order.shuffle(ids)  # type: ignore[attr-defined]
    unplaced = sorted(set(IDS) - placed)
    table = FeatureTable(
        np.array(list(with_features.values()), np.float32),
        ("u", "v"),
        {name: row for row, name in enumerate(with_features)},
        Path("f.tsv"),
    )
    known = targets({name: list(values) for name, values in expressed.items()})
    kept = [
        name
        for name in ids
        if name in expressed
        and not np.isnan(expressed[name]).all()
        and name in with_features
        and not np.isnan(with_features[name]).any()
    ]
    if len(kept) < 16:
        with pytest.raises(InputError, match=r"too few genes|no gene has"):
            label_genes(annotation(ids, unplaced), known, in_order, features=table)
        return
    found = label_genes(annotation(ids, unplaced), known, in_order, features=table)
    assert [gene.id for gene in found.genes] == kept
    np.testing.assert_array_equal(found.labels, np.array([expressed[name] for name in kept], np.float32))
    np.testing.assert_array_equal(found.features, np.array([with_features[name] for name in kept], np.float32))
    # Every gene of the annotation, placed or not, is a row or is listed, and once.
    assert sorted([*kept, *(entry.gene_id for entry in found.skipped)]) == sorted(IDS)
    assert found.rows() == {
        "train": list(range(10)), "valid": [10, 11, 12], "test": list(range(13, len(kept))),
    }  # fmt: skip


class TestPlan:
    def labelled(self, chroms: Sequence[str], n_skipped: int = 0) -> LabelledGenes:
        genes = [Gene(f"g{place:03d}", "", chrom, place, "+") for place, chrom in enumerate(chroms)]
        skipped = [Skipped(f"s{place}", "why") for place in range(n_skipped)]
        return LabelledGenes(genes, np.zeros((len(genes), 2), np.float32), None, in_order(genes), skipped)

    def test_chromosomes_are_in_the_order_of_people(self) -> None:
        chroms = ["chr10", "chr2", "chrX", "chr1", *["chr2"] * 6, "chr3", "chr3", "chr3", "chr4", "chr5", "chr4"]
        assert self.labelled(chroms, 1200).plan(["x", "y"], 1, 100) == (
            "plan: 16 genes, 2 cell types, 1,200 skipped; train 10 (chr1, chr2, chrX, chr10); valid 3 (chr3); test 3 "
            "(chr4, chr5); 1 run of 100 epochs at most"
        )

    def test_long_lists_of_chromosomes_are_cut(self) -> None:
        chroms = ["a"] * 13 + [f"s{place:02d}" for place in range(40)]
        output = self.labelled(chroms).plan(["x"], 3, 7)
        shown = ", ".join(f"s{place:02d}" for place in range(30))
        assert output.endswith(f"test 40 ({shown} ...); 3 runs of 7 epochs at most")


class TestRefusals:
    def read(self, folder: Path, text: str, **options: object) -> Targets:
        (folder / "t.tsv").write_text(text)
        return read_targets(folder / "t.tsv", **{"unit": "TPM", "transform": "none", **options})  # type: ignore[arg-type]

    @pytest.mark.parametrize("name", ["tss", "strand", "gene_name", "n_fraction", "percentile", "features"])
    def test_names_that_a_table_of_predictions_has_already(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(InputError) as refused:
            self.read(tmp_path, f"gene_id\tliver\t{name}\na\t1\t2\nb\t2\t3\n", cell_types=["liver", name])
        assert str(refused.value).startswith(
            f"the cell types {name} are named like columns that a table of predictions has already – in "
        )
        assert "name the columns to learn in `cell_types`, or rename these" in str(refused.value)
        assert self.read(tmp_path, f"gene_id\tliver\t{name}\na\t1\t2\nb\t2\t3\n", cell_types=["liver"]).cell_types == (
            "liver",
        )

    def test_the_end_of_anothers_interval_is_no_name(self, tmp_path: Path) -> None:
        text = "gene_id\tliver\tliver.lower\na\t1\t2\nb\t2\t3\n"
        with pytest.raises(InputError, match=r"the cell types liver\.lower are named like columns"):
            self.read(tmp_path, text)
        alone = self.read(tmp_path, text, cell_types=["liver.lower"])
        assert (alone.cell_types, alone.values.tolist()) == (("liver.lower",), [[2], [3]])

    def test_a_constant_column_is_no_fault_where_it_is_not_learned(self, tmp_path: Path) -> None:
        text = "gene_id\tx\tflat\tempty\na\t1\t5\t\nb\t2\t5\tNA\n"
        assert self.read(tmp_path, text, cell_types=["x"]).cell_types == ("x",)
        with pytest.raises(
            InputError, match=r"the same value for every gene in the cell types flat .* nothing to learn"
        ):
            self.read(tmp_path, text, cell_types=["x", "flat"])
        with pytest.raises(InputError, match=r"no value at all for the cell types empty .* leave them out"):
            self.read(tmp_path, text)

    def test_numbers_of_the_logarithm(self, tmp_path: Path) -> None:
        found = self.read(tmp_path, "gene_id\tx\na\t0\nb\t0.9\nc\t99999.9\n", transform="log10p0.1", unit="CPM")
        np.testing.assert_allclose(found.values[:, 0], [-1, 0, 5], atol=1e-6)
        assert found.unit == "log10(CPM + 0.1)"


class TestFeatures:
    @given(
        values=st.lists(st.tuples(st.floats(-1e4, 1e4, width=32), st.integers(0, 3)), min_size=2, max_size=12),
    )
    def test_means_and_deviations_are_numpys(self, values: list[tuple[float, int]]) -> None:
        table = np.array(values, np.float32)
        specs = fit_features(table, ["u", "v"])
        for column, (spec, name) in enumerate(zip(specs, "uv", strict=True)):
            wide = table[:, column].astype(np.float64)
            assert (spec.name, spec.default) == (name, None)
            assert spec.mean == pytest.approx(wide.mean(), rel=1e-9, abs=1e-9)
            assert spec.scale == pytest.approx(wide.std() or 1.0, rel=1e-6)

    def test_large_numbers_keep_their_digits(self) -> None:
        """A mean in float32 of 2**24 + 0, 1, 2 would lose the ones."""
        table = np.array([[2**24], [2**24 + 2], [2**24 + 4]], np.float32)
        assert fit_features(table, ["u"]) == (FeatureSpec("u", float(2**24 + 2), np.sqrt(8 / 3)),)

    def test_constant_features_are_named_and_not_divided_by_zero(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING, "texcnn"):
            specs = fit_features(np.array([[1, 5, 7], [2, 5, 7]], np.float32), ["u", "v", "w"])
        assert [spec.scale for spec in specs] == [0.5, 1.0, 1.0]
        assert [record.getMessage() for record in caplog.records] == [
            "features with the same value in every training gene: v, w"
        ]
