"""Encoders that read some of a window's segments only: zeros elsewhere, and no vector of the one passes for another."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from tiny import CompositionEncoder
from torch import nn

from texcnn.effects.changes import ChangedWindow
from texcnn.effects.gradient import gradient_times_input
from texcnn.effects.score import open_engine
from texcnn.embedding import stream
from texcnn.embedding.cache import SegmentCache
from texcnn.embedding.engine import embed_windows, embedding_session
from texcnn.embedding.options import ComputeOptions
from texcnn.embedding.stream import embed_windows_in_chunks
from texcnn.encoders.kmer_counts import KmerCountsEncoder
from texcnn.genome.windows import WindowSpec
from texcnn.heads.linear import LinearHead
from texcnn.heads.spec import HeadSpec
from texcnn.heads.textcnn import TextCNN
from texcnn.model.bundle import BundleConfig
from texcnn.model.model import Model
from texcnn.model.network import SegmentNetwork
from texcnn.segments.segment import PlacedSegment, SegmentSpec

OPTIONS, SPEC = ComputeOptions(3, "cpu"), SegmentSpec(4)
# Equal segments in places that are read and in places that are not, a masked one, and a shorter last one.
WINDOWS = ["ACGTACGTACGTGGGGAC", "ACGTACGTNNNNGGGGGG", "GGGGGGGGGGGGACGTTT", "NNNNNNNNNNNNNNNNNN"]


class NearCounts(KmerCountsEncoder):
    """Counts of bases in segments 1 and 2 and in two bases on either side of each."""

    segments, context = (1, 3), 2


@pytest.fixture(params=[True, False], ids=["at-once", "late"], autouse=True)
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_computes_at_once", lambda device: request.param)


def expected() -> tuple[torch.Tensor, torch.Tensor]:
    """What each encoder gives alone, zero where the second one does not read."""
    first, counts = embed_windows([CompositionEncoder()], WINDOWS, SPEC), KmerCountsEncoder(1)
    near = torch.zeros(4, 5, 4)
    for row, window in enumerate(WINDOWS):
        for number in (1, 2):
            if first.mask[row, number]:
                near[row, number] = counts.embed(counts.tokenize([window[4 * number - 2 : 4 * number + 6]]))[0]
    return torch.cat([first.values, near], dim=2), first.mask


@pytest.mark.parametrize("max_bytes", [0, 10**6])
def test_windows_in_one_call_in_chunks_and_again_from_the_cache(max_bytes: int) -> None:
    values, mask = expected()
    with embedding_session([CompositionEncoder(), NearCounts(1)], OPTIONS, SegmentCache(max_bytes)) as session:
        for _ in range(2):
            found = session.embed_windows(WINDOWS, SPEC)
            assert torch.equal(found.values, values)
            assert torch.equal(found.mask, mask)
            chunks = list(embed_windows_in_chunks(session, [WINDOWS[:1], WINDOWS[1:]], SPEC))
            assert torch.equal(torch.cat([chunk.values for chunk in chunks]), values)
        neighbours = list(embed_windows_in_chunks(session, [[window] for window in WINDOWS], SPEC, neighbours=True))
        assert torch.equal(torch.cat([chunk.values for chunk in neighbours]), values)


def test_only_the_segments_that_it_reads_are_computed_each_once() -> None:
    class Near(CompositionEncoder):
        segments, context = (1, 3), 1

    encoder = Near()
    with embedding_session([KmerCountsEncoder(1), encoder], OPTIONS) as session:
        session.embed_windows(WINDOWS, SPEC)
        near = ["TACGTA", "TACGTG", "TACGTN", "GGGGGG", "GGGGGA"]
        assert sum(encoder.batches) == len(near)
        # Those, and elsewhere ACGT, GGGG, ACGT as the fourth one, AC, GG and TT.
        assert session.cache.computed == len(near) + 5
        placed = session.placing.cut(WINDOWS[0], [0, 1, 4], SPEC)
        assert placed == [
            PlacedSegment("ACGT", (0,)), PlacedSegment("ACGT", (0, 1), "T", "A"), PlacedSegment("AC", (0,))
        ]  # fmt: skip
        assert session.placing.bases(1, ["ACG", placed[1]]) == ["NACGN", "TACGTA"]
        assert session.placing.bases(0, [placed[1]]) == ["ACGT"]


@pytest.mark.parametrize(("context", "expected"), [(0, "CC"), (1, "ACCG"), (3, "NTACCGNN")])
def test_bases_around_a_segment_at_a_windows_end(context: int, expected: str) -> None:
    segment = PlacedSegment("CC", (0,), "TA", "G")
    assert segment.with_context(context) == expected
    assert len(segment) == 5


class TestChangedWindows:
    LENGTH = 18

    def model(self, head: nn.Module) -> Model:
        network = SegmentNetwork([KmerCountsEncoder(2), NearCounts(1)], head, SPEC)
        window = WindowSpec(10, self.LENGTH - 10)
        config = BundleConfig("x", "1", "segments", "u", window, HeadSpec("textcnn"), SPEC)
        return Model(config, network, pd.DataFrame({"cell_type": ["x", "y"]}), "")

    def test_every_substitution_as_the_whole_computation_has_it(self) -> None:
        torch.manual_seed(1)
        model = self.model(TextCNN(20, 2, filters=4, n_segments=5, dense_units=3, kernel_widths=[1, 3]).eval())
        changes = [
            ChangedWindow(row, WINDOWS[row][:at] + base + WINDOWS[row][at + 1 :], ((at, at + 1),))
            for row in (0, 2)
            for at in range(self.LENGTH)
            for base in "AG"
        ]
        with open_engine(model, OPTIONS) as engine:
            found = engine.score(WINDOWS, None, changes)
            assert engine.incremental
        with model.network.session(OPTIONS) as session:
            after, _ = model.network.predict([change.sequence for change in changes], None, session)
        np.testing.assert_allclose(found.alternative, after, atol=1e-6)
        assert np.abs(found.delta).max() > 1e-3

    def test_gradients_reach_the_bases_of_those_segments_alone(self) -> None:
        head = LinearHead(20, 2, n_segments=5)
        nn.init.zeros_(head.output.weight)
        with torch.no_grad():
            head.output.weight.view(2, 5, 20)[:, :, 16:] = 1.0
        found = gradient_times_input(self.model(head), WINDOWS[0], None, [0])
        # Counts of eight bases are shares times four: each base carries a half, and one where two segments read it.
        np.testing.assert_allclose(found.bases[0], [0, 0, *[0.5] * 4, *[1] * 4, *[0.5] * 4, *[0] * 4], atol=1e-6)
