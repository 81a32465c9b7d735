"""Changes of one segment, for which a text CNN's convolutions run at that segment and its neighbours alone."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from texcnn.effects.changes import ChangedWindow
from texcnn.effects.score import open_engine
from texcnn.embedding.options import ComputeOptions
from texcnn.encoders.kmer_counts import KmerCountsEncoder
from texcnn.genome.windows import WindowSpec
from texcnn.heads.ensemble import Ensemble
from texcnn.heads.spec import HeadSpec
from texcnn.heads.textcnn import TextCNN
from texcnn.model.bundle import BundleConfig
from texcnn.model.model import Model
from texcnn.model.network import SegmentNetwork
from texcnn.segments.segment import SegmentSpec

LENGTH, SEGMENT, DIM = 230, 30, 16
N_SEGMENTS = 8


def member(start: int, stop: int, weight: float, **options: Any) -> dict[str, Any]:
    return {"reads": [[start, stop]], "weight": weight, "options": {"filters": 5, **options}}


HEADS: dict[str, nn.Module] = {
    "maximum": TextCNN(DIM, 3, filters=6),
    "width 1 alone": TextCNN(DIM, 3, filters=6, kernel_widths=[1]),
    "wider than the window": TextCNN(DIM, 3, filters=6, kernel_widths=[1, 9]),
    "positions and a dense layer": TextCNN(
        DIM, 3, filters=6, n_segments=N_SEGMENTS, segment_positions=True, dense_units=7, fusion_units=4, n_features=2
    ),
    "ensemble": Ensemble(
        DIM, 3, [member(0, 9, 0.5, kernel_widths=[1, 3], dense_units=4), member(4, 16, 0.5, kernel_widths=[5])],
        n_segments=N_SEGMENTS, n_features=2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADS)
def test_equals_the_whole_computation(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    head = HEADS[name].eval()
    for parameter in head.parameters():
        nn.init.normal_(parameter, std=0.3)
    network = SegmentNetwork([KmerCountsEncoder(2)], head, SegmentSpec(SEGMENT))
    config = BundleConfig(name, "1", "segments", "u", WindowSpec(100, 130), HeadSpec("textcnn"), SegmentSpec(SEGMENT))
    model = Model(config, network, pd.DataFrame({"cell_type": ["x", "y", "z"]}), "")
    rng = random.Random(3)
    windows = ["".join(rng.choices("ACGT", k=LENGTH)) for _ in range(3)]
    windows += ["N" * 60 + windows[0][60:], "N" * 45 + windows[0][45:75] + "N" * 155, "N" * LENGTH]
    changes = []
    for number in range(150):
        row, at = number % len(windows), rng.choice([0, 29, 30, 60, 74, 209, 210, LENGTH - 1, rng.randrange(LENGTH)])
        # N takes a segment away; 31 bases touch two or three.
        size, letters = rng.choice([(1, "ACGT"), (1, "ACGT"), (20, "ACGTN"), (31, "ACGT"), (30, "N")])
        size = min(size, LENGTH - at)
        sequence = windows[row][:at] + "".join(rng.choices(letters, k=size)) + windows[row][at + size :]
        changes.append(ChangedWindow(row, sequence, ((at, at + size),)))
    changes.append(ChangedWindow(0, windows[0], ()))
    features = torch.randn(len(windows), 2) if getattr(head, "n_features", 0) else None
    widths, run = [], type(head).responses

    def watched(self: Any, values: Tensor, mask: Tensor, at: Tensor | None = None) -> Tensor:
        widths.append(values.shape[1])
        return run(self, values, mask, at)

    monkeypatch.setattr(type(head), "responses", watched)
    with open_engine(model, ComputeOptions(device="cpu")) as engine:
        scores = engine.score(windows, features, changes)
        assert engine.incremental
        assert {4 * head.reach + 1, N_SEGMENTS} == set(widths)
        with model.network.session(ComputeOptions(device="cpu")) as session:
            rows = [change.row for change in changes]
            scaled = None if features is None else features[rows]
            after, _ = network.predict([change.sequence for change in changes], scaled, session)
            before, _ = network.predict(windows, features, session)
    expected = after.masked_fill(before[rows].isnan(), torch.nan)
    np.testing.assert_allclose(scores.reference, before, rtol=1e-5, atol=2e-6)
    np.testing.assert_allclose(scores.alternative, expected, rtol=1e-5, atol=2e-6)
    assert np.isfinite(scores.alternative).any()
    assert (scores.delta[-1] == 0).all()
