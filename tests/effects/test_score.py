"""The engine's fast path against the whole computation, and what must hold for any model."""

from __future__ import annotations

import logging
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tiny import WINDOW, CompositionEncoder

from texcnn.effects.changes import ChangedWindow
from texcnn.effects.score import EffectScores, open_engine
from texcnn.embedding.cache import SegmentCache
from texcnn.embedding.options import ComputeOptions
from texcnn.genome.windows import WindowSpec
from texcnn.heads.mpra_dragonn import MpraDragoNN
from texcnn.heads.spec import HeadSpec
from texcnn.heads.xpresso import XpressoCNN
from texcnn.model.bundle import BundleConfig
from texcnn.model.load import load_model
from texcnn.model.model import Model
from texcnn.model.network import OneHotNetwork

LENGTH = WINDOW.length


def random_windows(rng: random.Random, n: int, *, n_share: float = 0.3) -> list[str]:
    """Windows, some with runs of N."""
    windows = []
    for _ in range(n):
        window = "".join(rng.choices("ACGT", k=LENGTH))
        if rng.random() < n_share:
            start, size = rng.randrange(LENGTH), rng.randint(3, LENGTH)
            window = (window[:start] + "N" * size + window[start + size :])[:LENGTH]
        windows.append(window)
    return windows


def random_changes(rng: random.Random, windows: list[str], n: int) -> list[ChangedWindow]:
    """Substitutions, several of them at once, shifts of one side or of both, and no change at all."""
    changes = []
    for _ in range(n):
        row = rng.randrange(len(windows))
        window = windows[row]
        at = rng.choice([0, LENGTH - 1, 9, 10, 19, 20, rng.randrange(LENGTH)])
        kind = rng.choice(["snv", "several", "left", "right", "none"])
        if kind == "snv":
            changes.append(ChangedWindow(row, window[:at] + rng.choice("ACGT") + window[at + 1 :], ((at, at + 1),)))
        elif kind == "several":
            size = min(rng.randint(2, 13), LENGTH - at)
            bases = "".join(rng.choices("ACGT", k=size))
            changes.append(ChangedWindow(row, window[:at] + bases + window[at + size :], ((at, at + size),)))
        elif kind == "left":
            changes.append(
                ChangedWindow(row, ("GATTACA" + window[:at])[-at:] + window[at:] if at else window, ((0, at),))
            )
        elif kind == "right":
            changes.append(ChangedWindow(row, (window[:at] + "CAT" + window[at:])[:LENGTH], ((at, LENGTH),)))
        else:
            changes.append(ChangedWindow(row, window, ()))
    return [ChangedWindow(c.row, c.sequence, tuple(r for r in c.touched if r[0] < r[1])) for c in changes]


def whole(model: Model, windows: list[str], changes: list[ChangedWindow]) -> tuple[np.ndarray, np.ndarray]:
    return model.predict_sequences(windows), model.predict_sequences([change.sequence for change in changes])


def test_incremental_equals_the_whole_computation(tiny_dnabert2: Path, device: str) -> None:
    model = load_model(tiny_dnabert2)
    options = ComputeOptions(device=device, dtype="float32")
    exact = 1e-6 if device == "cpu" else 1e-4
    rng = random.Random(3)
    windows = random_windows(rng, 40)
    changes = random_changes(rng, windows, 2500)
    before, after = whole(model, windows, changes)
    with open_engine(model, options) as engine:
        parts = [engine.score(windows, None, changes[start : start + 500]) for start in range(0, 2500, 500)]
        assert engine.incremental
        assert engine.scored == 2500
    for part in parts:
        np.testing.assert_allclose(part.reference, before, atol=exact)
    rows = np.concatenate([part.rows for part in parts])
    found = np.concatenate([part.alternative for part in parts])
    expected = np.where(np.isnan(before[rows]), np.nan, after)
    np.testing.assert_allclose(found, expected, atol=exact)
    delta = np.concatenate([part.delta for part in parts])
    np.testing.assert_allclose(delta, expected - before[rows], atol=2 * exact)
    assert np.isnan(delta).any(axis=1).sum() > 20
    same = [row for row, change in enumerate(changes) if not change.touched and not np.isnan(before[rows[row]]).any()]
    assert len(same) > 100
    assert (delta[same] == 0).all()


def test_a_change_and_its_undoing_have_opposite_effects(tiny_dnabert2: Path) -> None:
    rng = random.Random(4)
    windows = random_windows(rng, 30, n_share=0)
    changes = random_changes(rng, windows, 200)
    back = [ChangedWindow(row, windows[change.row], change.touched) for row, change in enumerate(changes)]
    with open_engine(load_model(tiny_dnabert2)) as engine:
        there = engine.score(windows, None, changes).delta
        undone = engine.score([change.sequence for change in changes], None, back).delta
    np.testing.assert_allclose(undone, -there, atol=1e-6)


def test_scores_do_not_depend_on_the_batch(tiny_dnabert2: Path) -> None:
    rng = random.Random(5)
    windows = random_windows(rng, 10)
    changes = random_changes(rng, windows, 100)
    model = load_model(tiny_dnabert2)
    found = []
    for size, cache, step in ((1, 0, 100), (64, 10**6, 100), (7, 500, 9)):
        with open_engine(model, ComputeOptions(batch_size=size), SegmentCache(cache)) as engine:
            scores = [engine.score(windows, None, changes[i : i + step]).alternative for i in range(0, 100, step)]
        found.append(np.concatenate(scores))
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], atol=1e-6)


def test_numbers_worked_out_by_hand_and_only_touched_segments_are_embedded(
    tiny: Path, composition: CompositionEncoder
) -> None:
    # Outputs: the largest G+C share of a segment, and 1 + twice the largest share of A.
    window = "GGGGGTTTTT" + "AATTTTTTTT" + "CCTTTTTTTT"
    changes = [
        ChangedWindow(0, "GGGGGGTTTT" + window[10:], ((5, 6),)),
        ChangedWindow(0, window[:10] + "AAAAAAAAAA" + window[20:], ((10, 20),)),
        ChangedWindow(0, window[:20] + "NNNNNNTTTT", ((20, 30),)),
        ChangedWindow(0, window, ()),
    ]
    with open_engine(load_model(tiny)) as engine:
        engine.score([window], None, [])
        composition.batches.clear()
        scores = engine.score([window], None, changes)
    np.testing.assert_allclose(scores.reference, [[0.5, 1.4]], rtol=1e-6)
    np.testing.assert_allclose(scores.delta, [[0.1, 0], [0, 1.6], [0, 0], [0, 0]], atol=1e-6)
    assert sum(composition.batches) == 2  # the third change has too few known bases


def test_a_window_that_loses_its_last_known_segment_has_no_prediction(tiny: Path) -> None:
    window = "ACGTACGTAC" + "N" * 20
    with open_engine(load_model(tiny)) as engine:
        scores = engine.score([window, "N" * 30], None, [
            ChangedWindow(0, "N" * 30, ((0, 10),)),
            ChangedWindow(1, window, ((0, 10),)),
        ])  # fmt: skip
    assert np.isnan(scores.delta).all()
    assert np.isfinite(scores.reference[0]).all()


class NeighbourEncoder(CompositionEncoder):
    """Breaks the rule that a vector depends on its segment alone."""

    def embed(self, tokens: list[list[int]]) -> torch.Tensor:  # type: ignore[override]
        return super().embed(tokens) * (1 + 0.01 * len(tokens))


def test_an_encoder_for_which_the_fast_path_is_wrong_is_found_out(
    tiny: Path, composition: CompositionEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    model = load_model(tiny)
    model.segment_network().encoders[0] = NeighbourEncoder()
    window = "".join(random.Random(1).choices("ACGT", k=LENGTH))
    with caplog.at_level(logging.WARNING, "texcnn"), open_engine(model) as engine:
        scores = engine.score([window], None, [ChangedWindow(0, "T" + window[1:], ((0, 1),))])
        assert not engine.incremental
    assert isinstance(scores, EffectScores)
    assert "the fast path differs from the whole computation" in caplog.text


def test_scores_of_nothing(tiny: Path) -> None:
    with open_engine(load_model(tiny)) as engine:
        scores = engine.score([], None, [])
    assert scores.reference.shape == scores.delta.shape == (0, 2)


def model_of_bases(length: int, *, std: float = 0.1) -> Model:
    torch.manual_seed(0)
    network = OneHotNetwork(XpressoCNN(length=length, n_features=2, n_cell_types=2), 2)
    window = WindowSpec(length // 2, length - length // 2)
    config = BundleConfig("bases", "1", "one-hot", "u", window, HeadSpec("xpresso", {}))
    for parameter in network.head.parameters():
        torch.nn.init.normal_(parameter, std=std)  # biases too, so that padding is told from bases that are unknown
    return Model(config, network, pd.DataFrame({"cell_type": ["x", "y"]}), "")


@pytest.mark.parametrize(("length", "incremental"), [(630, True), (1800, True), (2110, True), (400, False)])
def test_a_model_of_bases_computes_only_the_places_that_a_change_reaches(length: int, incremental: bool) -> None:
    model = model_of_bases(length)
    rng = random.Random(6)
    windows = ["".join(rng.choices("ACGT", k=length)) for _ in range(5)]
    windows += ["N" * 300 + windows[0][300:], "N" * length]
    features = torch.randn(len(windows), 2)
    changes = []
    for number in range(400):
        row = rng.randrange(len(windows))
        at = rng.choice([0, 1, 299, 300, 301, length - 1, length - 31, rng.randrange(length)])
        size = min(rng.choice([1, 1, 1, 4, 40, 700]), length - at)
        bases = "".join(rng.choices("ACGT", k=size))
        sequence = windows[row][:at] + bases + windows[row][at + size :]
        changes.append(ChangedWindow(row, sequence, ((at, at + size),) if number % 9 else ((at, length),)))
    changes.append(ChangedWindow(1, windows[1], ()))
    with open_engine(model, ComputeOptions(batch_size=7, device="cpu")) as engine:
        scores = engine.score(windows, features, changes)
        assert engine.incremental == incremental
    with model.network.session(ComputeOptions(device="cpu")) as session:
        rows = [change.row for change in changes]
        after, _ = model.network.predict([change.sequence for change in changes], features[rows], session)
        before, _ = model.network.predict(windows, features, session)
    # Sums over 128 x 9 products of either sign: their order, which the batch decides, is worth some 1e-6 of them.
    scale = float(before[:-1].abs().max())
    np.testing.assert_allclose(scores.reference / scale, before / scale, atol=1e-5)
    expected = after.masked_fill(before[rows].isnan(), torch.nan)
    np.testing.assert_allclose(scores.alternative / scale, expected / scale, atol=1e-5)
    assert np.isnan(scores.delta[[change.row == 6 for change in changes]]).all()


def test_mpra_dragonn_computes_only_the_fragments_that_hold_a_change() -> None:
    torch.manual_seed(0)
    length = 144 + 12 * 40
    head = MpraDragoNN(length)
    torch.nn.init.normal_(head.output.weight, std=0.2)
    config = BundleConfig("mpra", "1", "one-hot", "u", WindowSpec(300, length - 300), HeadSpec("mpra-dragonn", {}))
    model = Model(config, OneHotNetwork(head, 12), pd.DataFrame({"cell_type": [str(n) for n in range(12)]}), "")
    rng = random.Random(6)
    windows = ["".join(rng.choices("ACGT", k=length)) for _ in range(3)]
    windows += ["N" * 200 + windows[0][200:], "N" * length]
    changes = []
    for number in range(60):
        row, at = number % 5, rng.choice([0, 71, 72, 144, 145, length - 1, rng.randrange(length)])
        size = min(rng.choice([1, 1, 13, 40]), length - at)
        sequence = windows[row][:at] + "".join(rng.choices("ACGT", k=size)) + windows[row][at + size :]
        changes.append(ChangedWindow(row, sequence, ((at, at + size),)))
    with open_engine(model, ComputeOptions(batch_size=7, device="cpu")) as engine:
        scores = engine.score(windows, None, changes)
        assert engine.incremental
    with model.network.session(ComputeOptions(device="cpu")) as session:
        after, _ = model.network.predict([change.sequence for change in changes], None, session)
    expected = after.masked_fill(torch.tensor([change.row == 4 for change in changes])[:, None], torch.nan)
    np.testing.assert_allclose(scores.alternative, expected, atol=1e-5)
    assert np.nanmedian(np.abs(scores.delta)) > 1e-4


def test_a_head_of_bases_that_is_wrong_about_its_places_is_found_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = model_of_bases(1800, std=0.5)
    monkeypatch.setattr(XpressoCNN, "changed_places", lambda self, start, end: range(3, 4))
    window = "".join(random.Random(1).choices("ACGT", k=1800))
    with caplog.at_level(logging.WARNING, "texcnn"), open_engine(model) as engine:
        engine.score([window], torch.zeros(1, 2), [])
        assert not engine.incremental
    assert "the fast path differs from the whole computation" in caplog.text
