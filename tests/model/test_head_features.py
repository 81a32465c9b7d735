"""A head's extra inputs: looked up by gene, filled with defaults, scaled as in training."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import write_genome, write_gtf

from texcnn.errors import InputError
from texcnn.features.spec import FeatureSpec, scale_features
from texcnn.features.table import FeatureTable
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection
from texcnn.model.features import HeadFeatures

NAN = np.nan
A, B = FeatureSpec("a", mean=10.0, scale=2.0, default=1.5), FeatureSpec("b", mean=-1.0, scale=0.5)
BOTH, NONE = HeadFeatures("m", (A, B)), HeadFeatures("m", ())


def table(values: list[list[float]], *ids: str, source: str = "given") -> FeatureTable:
    rows = {gene_id: row for row, gene_id in enumerate(ids)}
    return FeatureTable(np.array(values, np.float32), ("a", "b"), rows, Path("f.tsv"), source)


def test_defaults_are_reported_in_the_features_own_units() -> None:
    np.testing.assert_array_equal(BOTH.defaults, [10 + 1.5 * 2, NAN])
    assert NONE.defaults.shape == (0,)


class TestLookUp:
    def test_rows_in_the_order_of_the_genes_and_defaults_where_there_are_any(self) -> None:
        found = BOTH.look_up(table([[1, 2], [NAN, 4], [5, NAN]], "g1", "g2", "g3"), ["g3", "g9", "g1", "g2"])
        assert found is not None
        np.testing.assert_array_equal(found.values, [[5, NAN], [13, NAN], [1, 2], [13, 4]])
        assert found.sources == ["default", "default", "given", "default"]

    def test_versions_of_ids_do_not_matter(self) -> None:
        found = BOTH.look_up(table([[1, 2]], "ENSG00000000003.15"), ["ENSG00000000003", "ENSG00000000003.2"])
        assert found is not None
        np.testing.assert_array_equal(found.values, [[1, 2], [1, 2]])

    def test_where_they_come_from(self) -> None:
        found = BOTH.look_up(table([[1, 2]], "g", source="computed"), ["g"])
        assert found is not None
        assert found.sources == ["computed"]
        without = BOTH.look_up(None, ["g", "h"])
        assert without is not None
        assert (without.values, without.sources) == (None, ["default", "default"])

    def test_a_model_of_sequence_alone(self) -> None:
        assert NONE.look_up(None, ["g"]) is None
        with pytest.raises(InputError, match="the model 'm' takes no features – in `features`"):
            NONE.look_up(table([[1, 2]], "g"), ["g"])


class TestScaled:
    def test_as_in_training(self) -> None:
        scaled = BOTH.scaled([[10, -1], [14, 0], [NAN, 1]], 3)
        assert scaled is not None
        assert scaled.dtype == torch.float32
        np.testing.assert_array_equal(scaled, [[0, 0], [2, 2], [NAN, 4]])

    def test_defaults_are_scaled_already(self) -> None:
        both = HeadFeatures("m", (A, FeatureSpec("c", default=-2.0)))
        assert both.scaled(None, 2).tolist() == [[1.5, -2], [1.5, -2]]  # type: ignore[union-attr]
        np.testing.assert_allclose(both.scaled([both.defaults], 1), [[1.5, -2]])

    def test_a_model_that_needs_a_table_says_which_columns(self) -> None:
        with pytest.raises(InputError) as refused:
            BOTH.scaled(None, 1)
        assert str(refused.value) == (
            "the model 'm' needs the features b – in `features` – give a TSV with gene_id and these columns"
        )

    @pytest.mark.parametrize("values", [[[1, 2]], [[1], [2]], [1, 2], [[1, 2, 3], [4, 5, 6]], np.zeros((2, 2, 1))])
    def test_another_shape_is_refused(self, values: object) -> None:
        with pytest.raises(InputError, match=r"allowed: \(2, 2\): a row per window, the columns a, b"):
            BOTH.scaled(values, 2)  # type: ignore[arg-type]

    def test_a_model_without_features_takes_none(self) -> None:
        assert NONE.scaled(None, 5) is None
        with pytest.raises(InputError, match="takes no features"):
            NONE.scaled([[1.0]], 1)

    @given(
        values=st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=5),
        mean=st.floats(-100, 100),
        scale=st.floats(0.01, 100),
    )
    def test_it_is_the_difference_over_the_spread(
        self, values: list[tuple[float, float]], mean: float, scale: float
    ) -> None:
        specs = (FeatureSpec("a", mean, scale), FeatureSpec("b", -mean, scale))
        found = scale_features(np.array(values), specs)
        for row, (a, b) in zip(found.tolist(), values, strict=True):
            assert row == pytest.approx([(a - mean) / scale, (b + mean) / scale], rel=1e-6, abs=1e-6)


class TestReading:
    def test_only_the_models_columns_are_read(self, tmp_path: Path) -> None:
        (tmp_path / "f.tsv").write_text("gene_id\tb\tjunk\ta\ng\t2\tx\t1\n")
        read = BOTH.read(str(tmp_path / "f.tsv"))
        assert read is not None
        assert (read.names, read.values.tolist()) == (("a", "b"), [[1, 2]])
        assert BOTH.read(None) is None
        assert NONE.read(None) is None
        with pytest.raises(InputError, match="takes no features"):
            NONE.read(tmp_path / "f.tsv")


class TestHalfLife:
    @pytest.fixture
    def gtf(self, tmp_path: Path) -> Path:
        path = write_gtf(tmp_path / "genes.gtf")
        with path.open("a") as handle:
            handle.write('chr1\ttest\tCDS\t41\t49\t.\t+\t0\tgene_id "g1"; transcript_id "g1.t";\n')
        return path

    @pytest.fixture
    def reference(self, tmp_path: Path) -> Reference:
        return Reference(write_genome(tmp_path))

    HALF = HeadFeatures("m", (FeatureSpec("cds_gc", default=0.0), FeatureSpec("cds_length_bp", default=0.0)))

    @pytest.mark.parametrize(
        ("names", "expected"),
        [(["cds_gc"], True), (["log10_cds_length_bp", "utr5_gc"], True), (["cds_gc", "MYC"], False), ([], False)],
    )
    def test_which_can_be_computed(self, names: list[str], expected: bool) -> None:
        assert HeadFeatures("m", tuple(map(FeatureSpec, names))).are_half_life is expected

    def test_they_are_computed_where_they_can_be(self, reference: Reference, gtf: Path) -> None:
        found = self.HALF.compute(reference, GeneSelection(gtf))
        assert found is not None
        assert (found.source, found.rows, found.names) == ("computed", {"g1": 0}, ("cds_gc", "cds_length_bp"))
        assert found.values.tolist() == [[0, 9]]

    @pytest.mark.parametrize("half_life", [None, False])
    def test_they_are_not_where_they_are_not_wanted_or_there_is_no_gtf(
        self, reference: Reference, gtf: Path, half_life: bool | None
    ) -> None:
        selection = GeneSelection(gtf) if half_life is False else GeneSelection(bed="genes.bed")
        assert self.HALF.compute(reference, selection, half_life=half_life) is None

    def test_what_is_asked_for_and_cannot_be_had_is_an_error(self, reference: Reference, gtf: Path) -> None:
        with pytest.raises(InputError, match=r"computed from an annotation – in `half_life` – allowed: a GTF"):
            self.HALF.compute(reference, GeneSelection(bed="genes.bed"), half_life=True)
        with pytest.raises(InputError, match=r"features are not half-life features: b .* give them as a table"):
            HeadFeatures("m", (FeatureSpec("cds_gc"), B)).compute(reference, GeneSelection(gtf), half_life=True)
        mixed = HeadFeatures("m", (FeatureSpec("cds_length_bp"), FeatureSpec("log10_utr5_length_bp")))
        with pytest.raises(InputError, match="lengths both as they are and as logarithms: cds_length_bp"):
            mixed.compute(reference, GeneSelection(gtf), half_life=True)

    def test_an_annotation_without_coding_genes(self, reference: Reference, tmp_path: Path) -> None:
        bare = write_gtf(tmp_path / "bare.gtf")
        with pytest.raises(InputError, match="no gene has a CDS"):
            self.HALF.compute(reference, GeneSelection(bare), half_life=True)
        found = self.HALF.compute(reference, GeneSelection(bare))
        assert found is not None
        assert found.values.shape == (0, 2)

    def test_defaults_for_all_genes_are_logged(self, reference: Reference, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "texcnn")
        assert HeadFeatures("m", (A,)).choose(reference, GeneSelection(bed="x.bed")) is None
        assert "no features were given: every gene has the model's defaults of a" in caplog.text
        with pytest.raises(InputError, match="needs the features b"):
            BOTH.choose(reference, GeneSelection(bed="x.bed"))
        assert NONE.choose(reference, GeneSelection(bed="x.bed")) is None

    def test_a_pipe_cannot_be_read_twice(self, reference: Reference, tmp_path: Path) -> None:
        import os

        os.mkfifo(tmp_path / "pipe.gtf")
        assert self.HALF.compute(reference, GeneSelection(tmp_path / "pipe.gtf")) is None
        with pytest.raises(InputError, match="which a pipe does not allow"):
            self.HALF.compute(reference, GeneSelection(tmp_path / "pipe.gtf"), half_life=True)
