"""Rows of the table: their columns, their units, and the reason of each gene that has no row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save
from tiny import save_tiny

import texcnn
from texcnn.errors import InputError
from texcnn.features.spec import FeatureSpec
from texcnn.features.table import FeatureTable
from texcnn.genome.gene import Gene
from texcnn.genome.select import GeneSelection
from texcnn.model.bundle import extend_bundle
from texcnn.model.model import Model
from texcnn.model.predict_windows import PredictedWindows, WindowStatus
from texcnn.prediction.options import PredictOptions
from texcnn.prediction.rows import RowMaker, extra_columns, unit_of_table

OK, NO_BASES, TOO_MANY, NO_FEATURES = (
    WindowStatus.OK, WindowStatus.NO_KNOWN_BASES, WindowStatus.TOO_MANY_N, WindowStatus.NO_FEATURES,
)  # fmt: skip
GENES = [Gene(f"g{number}", f"G{number}", "chr1", 10 * number, "+-"[number % 2], f"t{number}") for number in range(4)]
SHARES = [0.0, 0.125, 0.5, 0.75]


def predicted(*status: WindowStatus) -> PredictedWindows:
    values = np.arange(2 * len(status), dtype=np.float32).reshape(-1, 2)
    values[[each is not OK for each in status]] = np.nan
    return PredictedWindows(values, list(status))


def maker(model: Model, table: FeatureTable | None = None, **options: object) -> RowMaker:
    asked = PredictOptions(**options)  # type: ignore[arg-type]
    return RowMaker(model, asked, table, transcripts=asked.selection.per_transcript)


@pytest.fixture
def model(tiny: Path) -> Model:
    return texcnn.load_model(tiny)


def test_a_row_per_gene_with_a_prediction(model: Model) -> None:
    made = maker(model).make(GENES, SHARES, predicted(OK, NO_BASES, OK, OK))
    assert made.frame.to_numpy().tolist() == [
        ["g0", "G0", "chr1", 1, "+", 0.0, 0, 1],
        ["g2", "G2", "chr1", 21, "+", 0.5, 4, 5],
        ["g3", "G3", "chr1", 31, "-", 0.75, 6, 7],
    ]
    assert made.frame.dtypes[["gc", "a"]].tolist() == [np.float32, np.float32]
    assert made.frame.index.tolist() == [0, 1, 2]


def test_chosen_cell_types_come_in_the_order_asked_for(model: Model) -> None:
    frame = maker(model, cell_types=["adenine", "E1", "a"]).make(GENES[:1], SHARES[:1], predicted(OK)).frame
    assert frame.columns.tolist()[6:] == ["a", "gc"], "each once, under the name of the table"
    assert frame[["a", "gc"]].to_numpy().tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (NO_BASES, "no segment of the window has enough known bases, 12.50% are N"),
        (TOO_MANY, "12.50% of the window are N, more than 10%"),
        (NO_FEATURES, "no complete features in the table"),
    ],
)
def test_each_status_has_a_reason(model: Model, status: WindowStatus, reason: str) -> None:
    made = maker(model, max_n_fraction=0.1).make(GENES[1:2], SHARES[1:2], predicted(status))
    assert made.frame.empty
    assert [(entry.gene_id, entry.reason) for entry in made.skipped] == [("g1", reason)]
    of_transcripts = maker(model, max_n_fraction=0.1, selection=GeneSelection(transcripts="all"))
    made = of_transcripts.make(GENES[1:2], SHARES[1:2], predicted(status))
    assert made.skipped[0].reason == f"{reason} (transcript t1)"


def test_missing_features_name_the_table(model: Model, tmp_path: Path) -> None:
    table = FeatureTable(np.zeros((0, 1), np.float32), ("x",), {}, tmp_path / "halves.tsv")
    made = maker(model, table).make(GENES[:1], SHARES[:1], predicted(NO_FEATURES))
    assert made.skipped[0].reason == "no complete features in halves.tsv"


def test_rows_of_transcripts_name_them(model: Model) -> None:
    frame = (
        maker(model, selection=GeneSelection(transcripts="all")).make(GENES[:2], SHARES[:2], predicted(OK, OK)).frame
    )
    assert frame.columns[:3].tolist() == ["gene_id", "gene_name", "transcript_id"]
    assert frame["transcript_id"].tolist() == ["t0", "t1"]


def test_a_status_that_is_missing_is_a_mistake_of_the_caller(model: Model) -> None:
    with pytest.raises(ValueError, match="zip"):
        maker(model).make(GENES, SHARES, predicted(OK))


class TestExtraColumns:
    def test_a_plain_model_fills_none(self, model: Model) -> None:
        assert extra_columns(model) == ()

    def test_each_comes_with_what_it_is_made_of(self, tmp_path: Path, composition: object) -> None:
        folder = save_tiny(tmp_path / "m", features=[FeatureSpec("x", default=0.0)])
        assert extra_columns(texcnn.load_model(folder)) == ("features",)
        extend_bundle(folder, {"split.tsv": b"gene_id\tsplit\ng0\ttrain\ng1\tvalid\n"})
        assert extra_columns(texcnn.load_model(folder)) == ("features", "in_training")
        known = np.array([[0, 0], [2, 2], [4, 4], [6, 6]], np.float16)
        extend_bundle(folder, {"reference.safetensors": save({"predictions": known})})
        model = texcnn.load_model(folder)
        assert extra_columns(model) == ("features", "in_training", "percentile")
        frame = maker(model).make(GENES[:3], SHARES[:3], predicted(OK, OK, OK), ["given", "default", "computed"]).frame
        assert frame.columns.tolist()[6:] == ["features", "in_training", "percentile", "gc", "a"]
        assert frame["features"].tolist() == ["given", "default", "computed"]
        assert frame["in_training"].tolist() == ["train", "valid", "unknown"]
        # Means of the rows: 0.5, 2.5 and 4.5 among 0, 2, 4 and 6.
        assert frame["percentile"].tolist() == [25, 50, 75]

    def test_sources_stay_with_their_genes_where_some_are_skipped(self, tmp_path: Path, composition: object) -> None:
        model = texcnn.load_model(save_tiny(tmp_path / "m", features=[FeatureSpec("x")]))
        made = maker(model).make(
            GENES[:3], SHARES[:3], predicted(NO_FEATURES, OK, OK), ["given", "default", "computed"]
        )
        assert made.frame[["gene_id", "features"]].to_numpy().tolist() == [["g1", "default"], ["g2", "computed"]]

    def test_the_percentile_is_that_of_the_chosen_cell_types(self, tiny: Path) -> None:
        known = np.array([[0, 9], [1, 9], [2, 9], [3, 0]], np.float16)
        extend_bundle(tiny, {"reference.safetensors": save({"predictions": known})})
        model = texcnn.load_model(tiny)
        values = PredictedWindows(np.array([[1.5, 4.5]], np.float32), [OK])
        for cell_type, percentile in (("gc", 50), ("a", 25)):
            frame = maker(model, cell_types=cell_type).make(GENES[:1], SHARES[:1], values).frame
            assert frame["percentile"].tolist() == [percentile]

    def test_a_median_does_not_count_for_the_percentile(self, tiny: Path) -> None:
        known = np.array([[0, 9], [1, 9], [2, 9], [3, 0]], np.float16)
        extend_bundle(tiny, {"reference.safetensors": save({"predictions": known})})
        model = texcnn.load_model(tiny)
        model.cell_type_table = model.cell_type_table.assign(cell_type=["median", "a"])
        values = PredictedWindows(np.array([[1.5, 4.5]], np.float32), [OK])
        assert maker(model).make(GENES[:1], SHARES[:1], values).frame["percentile"].tolist() == [25]


class TestSpread:
    def test_a_model_without_intervals_refuses(self, model: Model) -> None:
        with pytest.raises(
            InputError, match=r"'tiny' has no errors on held-out genes, .* – in `spread` – leave it out"
        ):
            maker(model, spread=True)

    @pytest.fixture
    def with_intervals(self, tmp_path: Path, tiny_dnabert2: Path) -> Model:
        """Of the cell type x the interval is -0.5 to 0.25 at 0 and -1 to 2 at 10; of y and z it is nothing."""
        lower, upper = np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32)
        lower[:, 0], upper[:, 0] = (-0.5, -1), (0.25, 2)
        at = np.tile(np.array([[0.0], [10.0]], np.float32), (1, 3))
        arrays = {"interval_at": at, "interval_lower": lower, "interval_upper": upper}
        extend_bundle(tiny_dnabert2, {"reference.safetensors": save(arrays)})
        return texcnn.load_model(tiny_dnabert2)

    @pytest.fixture
    def values(self) -> PredictedWindows:
        return PredictedWindows(np.array([[0, 1, 1], [5, 1, 1], [20, 1, 1], [-3, 1, 1]], np.float32), [OK] * 4)

    def test_two_ends_per_cell_type(self, with_intervals: Model, values: PredictedWindows) -> None:
        frame = maker(with_intervals, spread=True, cell_types=["y", "x"]).make(GENES, SHARES, values).frame
        assert frame.columns.tolist()[6:] == ["y", "x", "y.lower", "y.upper", "x.lower", "x.upper"]
        assert frame["x.lower"].tolist() == [-0.5, 5 - 0.75, 20 - 1, -1], "between two places in proportion"
        assert frame["x.upper"].tolist() == [0.25, 5 + 1.125, 20 + 2, -0.75], "beyond them as at the last"
        assert (frame["y.lower"] == frame["y"]).all()

    def test_values_and_ends_stay_above_the_floor(self, with_intervals: Model, values: PredictedWindows) -> None:
        frame = maker(with_intervals, spread=True).make(GENES, SHARES, values).frame
        assert frame["x"].tolist() == [0, 5, 20, -1], "log10(0 + 0.1)"
        assert frame[["x", "x.lower", "x.upper"]].min(axis=None) == -1

    def test_linear_ends_are_those_of_the_logarithm(self, with_intervals: Model, values: PredictedWindows) -> None:
        logged = maker(with_intervals, spread=True).make(GENES[:2], SHARES[:2], predicted_rows(values, 2)).frame
        linear = maker(with_intervals, spread=True, linear=True).make(GENES[:2], SHARES[:2], predicted_rows(values, 2))
        for name in ("x", "x.lower", "x.upper"):
            np.testing.assert_allclose(linear.frame[name], 10.0 ** logged[name] - 0.1, rtol=1e-6)


def predicted_rows(values: PredictedWindows, n: int) -> PredictedWindows:
    return PredictedWindows(values.values[:n], values.status[:n])


def test_units_of_tables(tiny: Path, tiny_dnabert2: Path) -> None:
    logged = texcnn.load_model(tiny_dnabert2)
    assert unit_of_table(logged, PredictOptions()) == "log10(RPKM + 0.1)"
    assert unit_of_table(logged, PredictOptions(linear=True)) == "RPKM"
    plain = texcnn.load_model(tiny)
    assert unit_of_table(plain, PredictOptions()) == "fraction"
    with pytest.raises(InputError) as refused:
        maker(plain, linear=True)
    assert (refused.value.where, refused.value.allowed) == ("`linear`", "models of log10(x + 0.1)")


def test_a_silent_gene_has_nothing_in_linear_units(tiny_dnabert2: Path) -> None:
    values = PredictedWindows(np.array([[-5, -1, 0]], np.float32), [OK])
    frame = maker(texcnn.load_model(tiny_dnabert2), linear=True).make(GENES[:1], SHARES[:1], values).frame
    np.testing.assert_allclose(frame[["x", "y", "z"]].to_numpy(), [[0, 0, 0.9]], atol=1e-7)
