"""One gene's attribution: which part of its window, on which strand, and the table of it."""

from __future__ import annotations

import random

import numpy as np
import pytest
from tiny import SEGMENTS, WINDOW
from variant_files import TextReference

import texcnn
from texcnn.effects.attribute_options import METHODS
from texcnn.effects.attribution import Attribution, Explainer, region_of
from texcnn.effects.logo import draw_logo, strongest_stretch
from texcnn.effects.score import open_engine
from texcnn.errors import InputError
from texcnn.genome.gene import Gene
from texcnn.genome.interval import Interval, reverse_complement
from texcnn.genome.windows import Window, read_windows
from texcnn.plots.style import style

BASES = "".join(random.Random(9).choices("ACGT", k=100))
PLUS, MINUS = Gene("p", "P", "chr1", 40, "+", "p.1"), Gene("m", "M", "chr1", 60, "-")
EDGE = Gene("e", "E", "chr1", 5, "+")


def window_of(gene: Gene, bases: str = BASES) -> Window:
    return next(read_windows(TextReference(bases), [gene], WINDOW))


class TestRegion:
    def test_without_a_wish_it_is_the_window_on_the_chromosome(self) -> None:
        assert region_of(window_of(PLUS), None, 100) == Interval("chr1", 20, 50)
        assert region_of(window_of(MINUS), None, 100) == Interval("chr1", 51, 81)
        assert region_of(window_of(EDGE), None, 100) == Interval("chr1", 0, 15), "not beyond the first base"
        assert region_of(window_of(Gene("l", "", "chr1", 95, "+")), None, 100) == Interval("chr1", 75, 100)

    @pytest.mark.parametrize(("start", "end"), [(20, 50), (20, 21), (49, 50), (30, 40)])
    def test_a_part_of_it(self, start: int, end: int) -> None:
        asked = Interval("chr1", start, end, "-")
        assert region_of(window_of(PLUS), asked, 100) == Interval("chr1", start, end), "along the plus strand"

    @pytest.mark.parametrize(
        "asked",
        [Interval("chr1", 19, 30), Interval("chr1", 30, 51), Interval("chr2", 30, 40), Interval("chr1", 60, 70)],
    )
    def test_nothing_beyond(self, asked: Interval) -> None:
        with pytest.raises(InputError) as refused:
            region_of(window_of(PLUS), asked, 100)
        assert refused.value.what == (
            f"the region {asked.chrom}:{asked.start + 1}-{asked.end} reaches beyond the window of gene 'p'"
        )
        assert (refused.value.where, refused.value.allowed) == ("`region`", "within chr1:21-50")


def attribution(n_cell_types: int = 2, *, delta: bool = True) -> Attribution:
    values = np.arange(3 * n_cell_types, dtype=np.float32).reshape(n_cell_types, 3)
    changes = np.arange(12 * n_cell_types, dtype=np.float32).reshape(n_cell_types, 3, 4) if delta else None
    place = Interval("chr1", 39, 42)
    return Attribution(PLUS, place, "ANT", values, changes, np.array([1.5] * n_cell_types, np.float32), None)


def test_a_row_per_cell_type_and_base() -> None:
    frame = attribution().frame(["x", "y"])
    assert frame.iloc[4].to_dict() == {
        "chrom": "chr1", "pos": 41, "ref": "N", "gene_id": "p", "gene_name": "P", "transcript_id": "p.1", "strand": "+",
        "cell_type": "y", "attribution": 4.0, "delta_A": 16.0, "delta_C": 17.0, "delta_G": 18.0, "delta_T": 19.0,
    }  # fmt: skip
    assert frame["pos"].tolist() == [40, 41, 42] * 2
    assert "".join(frame["ref"]) == "ANT" * 2
    assert "delta_A" not in attribution(delta=False).frame(["x", "y"])


class TestExplainer:
    @pytest.fixture
    def model(self, tiny_dnabert2):  # type: ignore[no-untyped-def]
        return texcnn.load_model(tiny_dnabert2)

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("gene", [PLUS, MINUS, EDGE], ids=lambda gene: gene.id)
    def test_a_region_has_the_numbers_of_the_whole_window(self, model, method: str, gene: Gene) -> None:  # type: ignore[no-untyped-def]
        window = window_of(gene)
        whole = region_of(window, None, 100)
        part = Interval("chr1", whole.start + 4, whole.end - 3)
        with open_engine(model) as engine:
            explainer = Explainer(model, engine, [1], method=method)
            all_of_it, some = (explainer.explain(window, None, region) for region in (whole, part))
        assert all_of_it.bases == BASES[whole.start : whole.end], "the plus strand, whatever the gene's is"
        assert some.bases == all_of_it.bases[4:-3]
        np.testing.assert_allclose(some.values, all_of_it.values[:, 4:-3], atol=2e-6)
        np.testing.assert_allclose(some.prediction, all_of_it.prediction, atol=1e-6)
        if method == "ism":
            assert some.delta is not None
            assert all_of_it.delta is not None
            np.testing.assert_allclose(some.delta, all_of_it.delta[:, 4:-3], atol=2e-6)
        else:
            assert some.delta is None
        assert (some.elsewhere is not None) == (method == "gradient")

    def test_a_delta_on_the_minus_strand_is_that_of_the_plus_strands_base(self, model) -> None:  # type: ignore[no-untyped-def]
        window = window_of(MINUS)
        with open_engine(model) as engine:
            found = Explainer(model, engine, [0], method="ism").explain(window, None, region_of(window, None, 100))
            for place in (51, 60, 80):
                for column, base in enumerate("ACGT"):
                    genome = BASES[:place] + base + BASES[place + 1 :]
                    changed = reverse_complement(genome[51:81])
                    expected = model.network.predict([changed], None, engine._session)[0][0, 0] - found.prediction[0]
                    assert found.delta is not None
                    assert found.delta[0, place - 51, column] == pytest.approx(float(expected), abs=2e-6)

    def test_unknown_bases_have_no_attribution_by_any_method(self, model) -> None:  # type: ignore[no-untyped-def]
        bases = BASES[:33] + "N" + BASES[34:]
        window = window_of(PLUS, bases)
        with open_engine(model) as engine:
            for method in METHODS:
                found = Explainer(model, engine, [0, 2], method=method).explain(window, None, Interval("chr1", 30, 40))
                assert np.isnan(found.values).tolist() == [[place == 3 for place in range(10)]] * 2

    def test_a_window_that_has_no_prediction_is_named(self, model) -> None:  # type: ignore[no-untyped-def]
        window = window_of(PLUS, "N" * 100)
        with open_engine(model) as engine:
            for method in ("ism", "ablation"):
                explainer = Explainer(model, engine, [0], method=method)
                with pytest.raises(InputError, match="window of gene 'p' has too few known bases to be predicted"):
                    explainer.explain(window, None, Interval("chr1", 30, 40))

    def test_every_base_of_a_segment_has_the_segments_worth(self, model) -> None:  # type: ignore[no-untyped-def]
        window = window_of(PLUS)
        with open_engine(model) as engine:
            found = Explainer(model, engine, [0], method="ablation").explain(window, None, region_of(window, None, 100))
        by_segment = found.values.reshape(1, 3, SEGMENTS.length)
        assert (by_segment == by_segment[:, :, :1]).all()
        assert len(set(by_segment[0, :, 0].tolist())) == 3


class TestPicture:
    @pytest.mark.parametrize(
        ("values", "width", "expected"),
        [
            ([0, 0, 5, 0], 2, (1, 3)),
            ([1, 1, 1, 1], 3, (0, 3)),
            ([0, 1, -9, 1, 0], 1, (2, 3)),
            ([1, 2], 2, (0, 2)),
            ([1, 2], 9, (0, 2)),
        ],
    )
    def test_the_strongest_stretch(self, values: list[float], width: int, expected: tuple[int, int]) -> None:
        assert strongest_stretch(np.array(values), width) == expected

    @pytest.mark.parametrize(("gene", "arrow"), [(PLUS, "TSS →"), (MINUS, "← TSS")])
    def test_the_tss_is_marked_where_it_is_seen(self, gene: Gene, arrow: str) -> None:
        place = Interval("chr1", gene.tss - 5, gene.tss + 6)
        values = np.linspace(-1, 1, 11, dtype=np.float32)[None]
        shown = Attribution(gene, place, "ACGTNACGTAC", values, None, np.array([0.25], np.float32), None)
        with style():
            whole, letters = draw_logo(shown, 0, cell_type="liver", unit="TPM", method="ism").axes
        assert whole.get_title() == f"{gene.name} ({gene.strand}), liver: predicted 0.25 TPM"
        for axes in (whole, letters):
            assert [text.get_text() for text in axes.texts if "TSS" in text.get_text()] == [arrow]
            assert axes.get_ylabel() == "ism"
        assert letters.get_xlabel() == "chr1, plus strand"
        assert letters.get_xlim() == (gene.tss - 4.5, gene.tss + 6.5)

    def test_the_tss_is_not_marked_beyond_the_region(self) -> None:
        shown = Attribution(
            PLUS, Interval("chr1", 50, 54), "ACGT", np.ones((1, 4), np.float32), None, np.ones(1, np.float32), None
        )  # fmt: skip
        with style():
            figure = draw_logo(shown, 0, cell_type="x", unit="u", method="ism")
        assert not [text for axes in figure.axes for text in axes.texts if "TSS" in text.get_text()]
