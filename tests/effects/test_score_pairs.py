"""Predictions of a chunk's pairs: each as if it were alone, and none where there is nothing to predict."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import WINDOW, save_tiny, save_tiny_dnabert2
from variant_files import TextReference

import texcnn
from texcnn.effects import chunks
from texcnn.effects.background import Background
from texcnn.effects.chunks import score_pairs
from texcnn.effects.finite import finite_where_known
from texcnn.effects.pairs import AlleleChunk, PairMaker
from texcnn.effects.score import open_engine
from texcnn.effects.table import PairValues
from texcnn.errors import RunError
from texcnn.features.spec import FeatureSpec
from texcnn.genome.gene import Gene
from texcnn.genome.normalize import Edit
from texcnn.genome.variant import Variant, VariantStatus
from texcnn.model.model import Model
from texcnn.model.predict_windows import predict_windows

BASES = "".join(random.Random(2).choices("ACGT", k=300)) + "N" * 100
GENES = [Gene(f"g{number}", "", "chr1", 25 + 13 * number, "+-"[number % 2]) for number in range(20)]
UNKNOWN = Gene("n", "", "chr1", 360, "+")


def chunk_of(maker: PairMaker, edits: list[Edit]) -> AlleleChunk:
    pairs = [pair for number, edit in enumerate(edits) for pair in maker.pairs_of(number, edit)]
    variants = [Variant("chr1", edit.start, BASES[edit.start : edit.end], edit.alt) for edit in edits]
    return AlleleChunk(variants, [None] * len(edits), pairs)


def substitution(place: int) -> Edit:
    return Edit("chr1", place, place + 1, "A" if BASES[place] != "A" else "G")


@pytest.fixture
def maker() -> PairMaker:
    return PairMaker(TextReference(BASES), [*GENES, UNKNOWN], WINDOW)


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return texcnn.load_model(save_tiny_dnabert2(tmp_path / "m"))


def score(model: Model, maker: PairMaker, chunk: AlleleChunk, features: torch.Tensor | None = None, **options: object):  # type: ignore[no-untyped-def]
    with open_engine(model) as engine:
        return score_pairs(engine, maker, chunk, features, range(len(model.cell_types)), **options)  # type: ignore[arg-type]


def test_each_pair_has_the_predictions_of_its_two_windows(model: Model, maker: PairMaker) -> None:
    chunk = chunk_of(maker, [substitution(place) for place in range(0, 300, 37)])
    values = score(model, maker, chunk)
    for row, pair in enumerate(chunk.pairs):
        windows = [maker.window(pair.gene).sequence, pair.edited.sequence]
        expected = np.concatenate([part.values for window in windows for part in predict_windows(model, [window])])
        np.testing.assert_allclose([values.reference[row], values.alternative[row]], expected, atol=2e-6)
    assert set(values.status) == {VariantStatus.SCORED}
    assert values.n_fraction == [maker.window(pair.gene).n_fraction for pair in chunk.pairs]
    assert values.quantile is None


@pytest.mark.parametrize("at_once", [2, 7, 50])
def test_how_many_pairs_are_scored_at_once_changes_no_number(
    model: Model, maker: PairMaker, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    chunk = chunk_of(maker, [substitution(place) for place in range(20, 200, 9)])
    expected = score(model, maker, chunk)
    monkeypatch.setattr(chunks, "_PAIRS_AT_ONCE", at_once)
    found = score(model, maker, chunk)
    np.testing.assert_allclose(found.alternative, expected.alternative, atol=2e-6)
    np.testing.assert_allclose(found.reference, expected.reference, atol=2e-6)
    assert found.status == expected.status


def test_wanted_cell_types_come_in_the_order_asked_for(model: Model, maker: PairMaker) -> None:
    chunk = chunk_of(maker, [substitution(50)])
    everything = score(model, maker, chunk)
    with open_engine(model) as engine:
        some = score_pairs(engine, maker, chunk, None, [2, 0])
    np.testing.assert_allclose(some.alternative, everything.alternative[:, [2, 0]], atol=2e-6)
    np.testing.assert_allclose(some.reference, everything.reference[:, [2, 0]], atol=2e-6)


def deletion_of_tss() -> tuple[Gene, Edit]:
    gene = GENES[4]
    return gene, Edit("chr1", gene.tss - 1, gene.tss + 2, "")


def test_a_change_that_deletes_the_tss_has_a_prediction_only_when_that_is_allowed(
    model: Model, maker: PairMaker
) -> None:
    gene, edit = deletion_of_tss()
    chunk = chunk_of(maker, [edit, substitution(gene.tss + 3)])
    row = next(number for number, pair in enumerate(chunk.pairs) if pair.edited.tss_deleted)
    assert GENES[chunk.pairs[row].gene] == gene
    strict, allowed = (score(model, maker, chunk, allow_tss_deletion=allow) for allow in (False, True))
    assert strict.status[row] == allowed.status[row] == VariantStatus.TSS_DELETED
    assert np.isnan(strict.alternative[row]).all()
    assert np.isfinite(strict.reference[row]).all()
    (expected,) = predict_windows(model, [chunk.pairs[row].edited.sequence])
    np.testing.assert_allclose(allowed.alternative[row], expected.values[0], atol=2e-6)
    others = [number for number in range(len(chunk.pairs)) if number != row]
    np.testing.assert_allclose(strict.alternative[others], allowed.alternative[others], atol=2e-6)


def test_a_window_without_bases_has_no_number_before_or_after(model: Model, maker: PairMaker) -> None:
    chunk = chunk_of(maker, [Edit("chr1", 350, 351, "A"), substitution(100)])
    values = score(model, maker, chunk)
    unknown = [pair.gene == len(GENES) for pair in chunk.pairs]
    assert any(unknown)
    assert not all(unknown)
    np.testing.assert_array_equal(np.isnan(values.alternative).all(axis=1), unknown)
    assert [status is VariantStatus.NO_KNOWN_BASES for status in values.status] == unknown


def test_features_are_those_of_the_pairs_gene(tmp_path: Path, composition: object, maker: PairMaker) -> None:
    model = texcnn.load_model(save_tiny(tmp_path / "m", features=[FeatureSpec("f")]))
    chunk = chunk_of(maker, [substitution(place) for place in (60, 120, 180)])
    without = score(model, maker, chunk, torch.zeros(len(GENES) + 1, 1))
    features = torch.arange(len(GENES) + 1, dtype=torch.float32)[:, None]
    with_them = score(model, maker, chunk, features)
    genes = np.array([[pair.gene] for pair in chunk.pairs])
    np.testing.assert_allclose(
        with_them.reference - without.reference, np.broadcast_to(genes, (len(genes), 2)), atol=1e-5
    )
    np.testing.assert_allclose(
        with_them.alternative - with_them.reference, without.alternative - without.reference, atol=1e-5
    )


def test_quantiles_are_signed_and_of_the_same_shape(model: Model, maker: PairMaker) -> None:
    chunk = chunk_of(maker, [substitution(place) for place in range(30, 260, 5)])
    plain = score(model, maker, chunk)
    delta = plain.alternative - plain.reference
    variants = [chunk.variants[pair.allele] for pair in chunk.pairs]
    background = Background.of(delta, variants, [pair.distance for pair in chunk.pairs])
    values: PairValues = score(model, maker, chunk, background=background)
    assert values.quantile is not None
    assert values.quantile.shape == delta.shape
    assert (np.sign(values.quantile) * np.sign(delta) >= 0).all()
    largest = np.abs(delta[:, 0]).argmax()
    assert abs(values.quantile[largest, 0]) > 0.5


def test_no_pair_gives_no_row(model: Model, maker: PairMaker) -> None:
    values = score(model, maker, AlleleChunk([], []))
    assert (values.reference.shape, values.alternative.shape) == ((0, 3), (0, 3))
    assert (list(values.status), list(values.n_fraction)) == ([], [])


class TestFinite:
    def test_unknown_rows_have_no_number_whatever_was_computed(self) -> None:
        values = torch.tensor([[1.0, 2], [3, 4], [torch.inf, torch.nan]])
        found = finite_where_known(values, torch.tensor([True, False, False]))
        assert found[0].tolist() == [1, 2]
        assert found[1:].isnan().all()
        assert values[1].tolist() == [3, 4], "the argument is left as it was"

    @pytest.mark.parametrize("number", [torch.inf, -torch.inf, torch.nan])
    def test_a_known_row_that_is_not_finite_stops_the_run(self, number: float) -> None:
        with pytest.raises(RunError, match=r"not finite – compute in float32 \(`dtype`\)"):
            finite_where_known(torch.tensor([[1.0, number]]), torch.tensor([True]))
