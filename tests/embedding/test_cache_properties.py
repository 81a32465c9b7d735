"""The cache against a plain list of what was asked for last, over any sequence of calls."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from texcnn.embedding.cache import SegmentCache

DIM = 2
SEGMENTS = st.lists(st.text("AC", min_size=1, max_size=3), max_size=6)


def vector(segment: str) -> list[float]:
    return [float(len(segment)), float(segment.count("A"))]


class Cache(RuleBasedStateMachine):
    """A cache, and a list of segments in the order in which they were asked for, the last one at the end."""

    @initialize(max_bytes=st.sampled_from([0, 9, 30, 60, 1000]))
    def make(self, max_bytes: int) -> None:
        self.cache = SegmentCache(max_bytes)
        self.kept: list[str] = []
        self.asked = self.computed = 0

    def _bound(self) -> None:
        while sum(DIM * 4 + len(segment) for segment in self.kept) > self.cache.max_bytes:
            self.kept.pop(0)

    @rule(segments=SEGMENTS)
    def embed(self, segments: list[str]) -> None:
        distinct = list(dict.fromkeys(segments))
        known = [segment for segment in distinct if segment in self.kept]
        new = [segment for segment in distinct if segment not in self.kept]
        computed: list[str] = []

        def compute(missing: Sequence[str]) -> torch.Tensor:
            computed.extend(missing)
            return torch.tensor([vector(segment) for segment in missing]).reshape(-1, DIM)

        found = self.cache.embed(segments, compute)
        assert found.tolist() == [vector(segment) for segment in segments]
        assert computed == new, "what is known is never computed again"
        self.asked += len(segments)
        self.computed += len(new)
        self.kept = [*(segment for segment in self.kept if segment not in known), *known, *new]
        self._bound()

    @rule(segments=SEGMENTS)
    def put(self, segments: list[str]) -> None:
        self.cache.put(segments, torch.tensor([vector(segment) for segment in segments]).reshape(-1, DIM))
        for segment in segments:
            if segment in self.kept:
                self.kept.remove(segment)
            self.kept.append(segment)
        self._bound()

    @invariant()
    def same(self) -> None:
        if not hasattr(self, "cache"):
            return
        assert len(self.cache) == len(self.kept)
        assert all(segment in self.cache for segment in self.kept)
        assert self.cache.nbytes == sum(DIM * 4 + len(segment) for segment in self.kept) <= self.cache.max_bytes
        assert (self.cache.asked, self.cache.computed) == (self.asked, self.computed)


TestCache = Cache.TestCase
TestCache.settings = settings(max_examples=60, stateful_step_count=20, deadline=None, derandomize=True, database=None)
