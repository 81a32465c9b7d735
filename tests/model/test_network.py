"""The two kinds of network: windows in two steps to expression, against the same sums written out in numpy."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny import SEGMENTS, CompositionEncoder, max_fraction_head

import texcnn
from texcnn.embedding.cache import SegmentCache
from texcnn.embedding.options import ComputeOptions
from texcnn.errors import ModelError, RunError
from texcnn.features.spec import FeatureSpec
from texcnn.genome.windows import WindowSpec
from texcnn.heads.spec import HeadSpec
from texcnn.heads.xpresso import XpressoCNN
from texcnn.model.bundle import BundleConfig
from texcnn.model.model import Model
from texcnn.model.network import HeadInputs, HeadOutputs, OneHotNetwork, SegmentNetwork
from texcnn.model.predict_windows import (
    WINDOWS_PER_CHUNK,
    PredictedWindows,
    WindowStatus,
    exceeds,
    predict_windows,
    with_status,
)

CHUNKS = 12
WINDOWS = st.text("ACGTN", min_size=30, max_size=30)


def by_hand(window: str) -> list[float] | None:
    """The tiny model in a few lines: the largest share of G and C, and 1 + twice the largest of A."""
    segments = [window[start : start + 10] for start in (0, 10, 20)]
    usable = [segment for segment in segments if segment.count("N") <= 5]
    if not usable:
        return None
    gc = max((segment.count("G") + segment.count("C")) / 10 for segment in usable)
    return [gc, 1 + 2 * max(segment.count("A") / 10 for segment in usable)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(windows=st.lists(WINDOWS, min_size=1, max_size=8))
def test_any_windows_are_predicted_as_by_hand(tiny: Path, windows: list[str]) -> None:
    model = texcnn.load_model(tiny)
    (part,) = predict_windows(model, windows)
    for window, values, status in zip(windows, part.values, part.status, strict=True):
        expected = by_hand(window)
        if expected is None:
            assert status is WindowStatus.NO_KNOWN_BASES
            assert np.isnan(values).all()
        else:
            assert status is WindowStatus.OK
            assert values.tolist() == pytest.approx(expected, abs=1e-6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(windows=st.lists(WINDOWS, min_size=1, max_size=6), order=st.randoms(use_true_random=False))
def test_order_changes_no_number(tiny_dnabert2: Path, windows: list[str], order: random.Random) -> None:
    model = texcnn.load_model(tiny_dnabert2)
    places = list(range(len(windows)))
    order.shuffle(places)
    (straight,), (shuffled,) = predict_windows(model, windows), predict_windows(model, [windows[p] for p in places])
    np.testing.assert_allclose(shuffled.values, straight.values[places], atol=2e-6)
    assert shuffled.status == [straight.status[place] for place in places]


class TestSegments:
    @pytest.fixture
    def network(self) -> SegmentNetwork:
        return SegmentNetwork([CompositionEncoder(), CompositionEncoder()], torch.nn.Linear(1, 1), SEGMENTS)

    def test_vectors_of_encoders_are_next_to_each_other(self, network: SegmentNetwork) -> None:
        with network.session() as session:
            inputs = network.inputs(["G" * 10 + "N" * 10 + "ACGTACGTAA"], None, session)
        shares = [[0, 0, 1, 0], [0] * 4, [0.4, 0.2, 0.2, 0.2]]
        np.testing.assert_allclose(inputs.values[0], [share * 2 for share in shares], atol=1e-6)
        assert inputs.mask.tolist() == [[True, False, True]]
        assert inputs.known.tolist() == [True]
        assert inputs.features is None

    def test_features_pass_through_as_they_are(self, network: SegmentNetwork) -> None:
        features = torch.tensor([[1.5]])
        with network.session() as session:
            assert network.inputs(["A" * 30], features, session).features is features

    def test_both_steps_are_prediction(self) -> None:
        network = SegmentNetwork([CompositionEncoder()], max_fraction_head(), SEGMENTS)
        with network.session() as session:
            inputs = network.inputs(["A" * 30, "N" * 30], None, session)
            values, known = network.predict(["A" * 30, "N" * 30], None, session)
        assert torch.equal(network.apply(inputs)[:1], values[:1])
        assert known.tolist() == [True, False]
        assert values[0].tolist() == [0, 3]

    def test_a_head_is_never_in_training(self) -> None:
        head = max_fraction_head().train()
        assert not SegmentNetwork([CompositionEncoder()], head, SEGMENTS).head.training

    def test_a_cache_is_shared_by_sessions(self) -> None:
        network, cache = SegmentNetwork([CompositionEncoder()], max_fraction_head(), SEGMENTS), SegmentCache()
        for _ in range(2):
            with network.session(None, cache) as session:
                network.inputs(["A" * 30], None, session)
        assert (cache.asked, cache.computed) == (6, 1)


class TestOneHot:
    @pytest.fixture
    def network(self) -> OneHotNetwork:
        torch.manual_seed(0)
        return OneHotNetwork(XpressoCNN(300, 1, 2), 2)

    @pytest.fixture
    def windows(self) -> list[str]:
        rng = random.Random(0)
        return ["".join(rng.choices("ACGTN", k=300)) for _ in range(7)] + ["N" * 300]

    def test_channels_are_a_c_g_t_and_nothing(self, network: OneHotNetwork) -> None:
        with network.session() as session:
            inputs = network.inputs(["ACGTN" * 60], torch.zeros(1, 1), session)
        assert inputs.values.shape == (1, 4, 300)
        assert inputs.values[0, :, :5].T.tolist() == [
            [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0],
        ]  # fmt: skip

    @pytest.mark.parametrize("batch_size", [1, 3, 64])
    def test_batches_change_no_number(self, network: OneHotNetwork, windows: list[str], batch_size: int) -> None:
        features = torch.linspace(-1, 1, 8)[:, None]
        with network.session(ComputeOptions(batch_size=batch_size, device="cpu")) as session:
            values, known = network.predict(windows, features, session)
        with network.session() as session:
            one_by_one = [
                network.predict([window], features[row : row + 1], session)[0] for row, window in enumerate(windows)
            ]
        np.testing.assert_allclose(values, torch.cat(one_by_one), atol=1e-5)
        assert known.tolist() == [True] * 7 + [False]
        assert values[7].isnan().all()

    def test_both_steps_are_prediction(self, network: OneHotNetwork, windows: list[str]) -> None:
        features = torch.zeros(8, 1)
        with network.session() as session:
            direct, _ = network.predict(windows, features, session)
            applied = network.apply(network.inputs(windows, features, session))
        np.testing.assert_allclose(applied.detach(), direct, atol=1e-5)
        assert applied.requires_grad, "apply can be differentiated"
        assert not direct.requires_grad

    def test_nothing_in_nothing_out(self, network: OneHotNetwork) -> None:
        with network.session() as session:
            values, known = network.predict([], None, session)
        assert (values.shape, known.shape) == ((0, 2), (0,))

    def test_it_has_neither_segments_nor_a_grid(self, network: OneHotNetwork) -> None:
        spec = HeadSpec("xpresso", {"length": 300, "n_features": 1, "n_cell_types": 2})
        config = BundleConfig(
            name="bases", version="1", kind="one-hot", unit="u", window=WindowSpec(200, 100), head=spec,
            features=(FeatureSpec("f"),),
        )  # fmt: skip
        model = Model(config, network, pd.DataFrame({"cell_type": ["x", "y"]}), "")
        for ask in (model.segment_network, model.with_segment_grid):
            with pytest.raises(ModelError, match=r"'bases' reads bases, it has no encoder – in `model`"):
                ask()


class TestStatus:
    def test_each_reason_and_which_goes_first(self) -> None:
        values = torch.ones(4, 2)
        known = torch.tensor([True, False, True, False])
        features = torch.tensor([[0.0], [0.0], [torch.nan], [torch.nan]])
        found = with_status(HeadOutputs(values, known), features)
        assert found.status == ["OK", "NO_KNOWN_BASES", "NO_FEATURES", "NO_FEATURES"]
        assert np.isnan(found.values).all(axis=1).tolist() == [False, True, True, True]
        crowded = with_status(HeadOutputs(values, known), features, 0, torch.tensor([True] * 4))
        assert crowded.status == ["TOO_MANY_N"] * 4

    @pytest.mark.parametrize("number", [torch.nan, torch.inf, -torch.inf])
    def test_a_number_that_is_not_finite_names_the_window(self, number: float) -> None:
        values = torch.tensor([[1.0], [1.0], [number]])
        with pytest.raises(RunError, match=r"not finite – in window 103 – compute in float32"):
            with_status(HeadOutputs(values, torch.tensor([True] * 3)), None, 100)
        left_out = with_status(
            HeadOutputs(values, torch.tensor([True] * 3)), None, 0, torch.tensor([False, False, True])
        )
        assert left_out.status[2] is WindowStatus.TOO_MANY_N

    @pytest.mark.parametrize(
        ("limit", "expected"), [(0.0, [False, True, True]), (0.5, [False, False, True]), (1, [False] * 3)]
    )
    def test_a_limit_is_the_largest_share_that_passes(self, limit: float, expected: list[bool]) -> None:
        assert exceeds([0, 0.5, 0.75], limit).tolist() == expected


class TestChunks:
    def test_windows_are_taken_as_they_are_needed(self, tiny: Path) -> None:
        taken: list[int] = []

        def windows():  # type: ignore[no-untyped-def]
            for number in range(CHUNKS * WINDOWS_PER_CHUNK):
                taken.append(number)
                yield "A" * 30

        parts = predict_windows(texcnn.load_model(tiny), windows())
        first: PredictedWindows = next(parts)
        assert len(first.status) == WINDOWS_PER_CHUNK
        # While a chunk is computed the next ones are read; not all of them, or memory would grow with their number.
        assert len(taken) <= CHUNKS * WINDOWS_PER_CHUNK / 2
        assert sum(len(part.status) for part in parts) == (CHUNKS - 1) * WINDOWS_PER_CHUNK

    @pytest.mark.parametrize("place", [0, WINDOWS_PER_CHUNK - 1, WINDOWS_PER_CHUNK, WINDOWS_PER_CHUNK + 5])
    def test_a_bad_window_is_named_by_its_number(self, tiny: Path, place: int) -> None:
        windows = ["A" * 30] * (WINDOWS_PER_CHUNK + 10)
        windows[place] = "A" * 29
        with pytest.raises(
            texcnn.errors.InputError, match=rf"a window of 29 bp – in window {place + 1} – allowed: 30 bp"
        ):
            list(predict_windows(texcnn.load_model(tiny), windows))

    def test_features_that_are_left_over_are_found(self, tmp_path: Path, composition: object) -> None:
        from tiny import save_tiny

        model = texcnn.load_model(save_tiny(tmp_path / "m", features=[FeatureSpec("f")]))
        windows = ["A" * 30] * (WINDOWS_PER_CHUNK + 1)
        (first, second) = predict_windows(model, windows, np.arange(WINDOWS_PER_CHUNK + 1.0)[:, None])
        assert second.values.tolist() == [[WINDOWS_PER_CHUNK, 3 + WINDOWS_PER_CHUNK]]
        assert first.values[5].tolist() == [5, 8]
        with pytest.raises(texcnn.errors.InputError, match=r"70 rows of features – in `features` – allowed: 65"):
            list(predict_windows(model, windows, np.zeros((70, 1))))

    def test_no_window_gives_no_chunk(self, tiny: Path) -> None:
        model = texcnn.load_model(tiny)
        assert list(predict_windows(model, [])) == []
        assert model.predict_sequences([]).shape == (0, 2)


def test_what_the_head_reads_is_known_where_a_segment_is() -> None:
    mask = torch.tensor([[True, False], [False, False]])
    assert HeadInputs(torch.zeros(2, 2, 1), mask, None).known.tolist() == [True, False]
