"""Chunk after chunk of segments: reading the next one and fetching the last one's vectors cost the device no time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from texcnn.embedding.batches import VectorsOnTheWay, joined
from texcnn.embedding.engine import Embeddings, EmbeddingSession
from texcnn.embedding.prefetch import prefetch
from texcnn.segments.segment import Segments, SegmentSpec


@dataclass(frozen=True)
class _Tokenised:
    """A chunk as the thread hands it over."""

    segments: Sequence[str]
    tokens: list[dict[str, Sequence[int]]]
    """Of each encoder: segments that seemed to be new, and their tokens."""


class _Chunk:
    """A chunk whose vectors the device may still be computing."""

    def __init__(
        self,
        session: EmbeddingSession,
        segments: Sequence[str],
        known: dict[str, Tensor],
        last: _Chunk | None,
        new: dict[str, int],
        vectors: list[list[VectorsOnTheWay]],
        *,
        cached: bool,
    ) -> None:
        self.segments = dict.fromkeys(segments)
        self._session, self._asked, self._known, self._last = session, segments, known, last
        self._new, self._coming, self._cached = new, vectors, cached
        self._found: Tensor | None = None
        self._row_of: dict[str, int] = {}

    def vector(self, segment: str) -> Tensor:
        """The vector of one of its segments, float32 ``(dim,)``."""
        return self.finished()[self._row_of[segment]]

    def finished(self) -> Tensor:
        """Waits for the device; the vectors of the distinct segments, float32 ``(n, dim)`` on the CPU."""
        if self._found is None:
            parts = [joined([part.in_order() for part in parts]) for parts in self._coming if parts]
            fresh = joined(parts, dim=1) if parts else torch.zeros(0, self._session.dim)
            borrowed = [segment for segment in self.segments if segment not in self._new]
            vectors = [self._known[each] if each in self._known else self._from_last(each) for each in borrowed]
            self._found = torch.cat([torch.stack(vectors), fresh]) if vectors else fresh
            self._row_of = {segment: row for row, segment in enumerate([*borrowed, *self._new])}
            if self._cached:
                self._session.cache.put(list(self._new), fresh)
            self._last, self._known, self._coming = None, {}, []
        return self._found

    def in_order(self) -> Tensor:
        """As :meth:`finished`, but a row for each segment that was asked for."""
        found = self.finished()
        rows = [self._row_of[segment] for segment in self._asked]
        # Where all segments are new they are in order already; vectors of thousands of numbers are worth no copy more.
        return found if rows == list(range(len(found))) else found[rows]

    def _from_last(self, segment: str) -> Tensor:
        assert self._last is not None
        return self._last.vector(segment)


def embed_chunks(
    session: EmbeddingSession, chunks: Iterable[Sequence[str]], *, neighbours: bool = False
) -> Iterator[Tensor]:
    """Embeds chunks of segments; each distinct segment that the cache lacks is computed once.

    A thread reads and tokenises the next chunk. A GPU is given a chunk before the vectors of the last one are awaited.

    Args:
        session: Encoders, their device and the cache.
        chunks: Upper-case ``ACGTN`` of any lengths; taken in a thread.
        neighbours: Whether a chunk may use vectors of the chunk before alone, and the first one those of the cache, to
            which nothing is then added: what is computed in a chunk does not depend on where the run began.

    Yields:
        float32 ``(n, dim)`` of each chunk, on the CPU, in the order of its segments.

    Raises:
        RunError: when the memory does not suffice for a single segment.
    """
    at_once = _computes_at_once(session.options.device)
    coming: _Chunk | None = None
    for chunk in prefetch(_tokenised(session, segments) for segments in chunks):
        last, coming = coming, _begin(session, chunk, coming, neighbours=neighbours)
        if at_once:
            yield coming.in_order()
        elif last is not None:
            yield last.in_order()
    if not at_once and coming is not None:
        yield coming.in_order()


def embed_windows_in_chunks(
    session: EmbeddingSession, chunks: Iterable[Sequence[str]], spec: SegmentSpec, *, neighbours: bool = False
) -> Iterator[Embeddings]:
    """Cuts chunks of windows and embeds their usable segments; see :func:`embed_chunks`.

    Args:
        session: Encoders, their device and the cache.
        chunks: Windows of equal length in each chunk, on the gene's strand; taken in a thread.
        spec: How to cut them.
        neighbours: As of :func:`embed_chunks`.

    Yields:
        The vectors of each chunk, as :meth:`EmbeddingSession.embed_windows` returns them.
    """
    coming: deque[list[Segments]] = deque()

    def usable() -> Iterator[list[str]]:
        for windows in chunks:
            cut = [spec.split(window) for window in windows]
            coming.append(cut)
            yield [bases for each in cut for bases in each.usable]

    for vectors in embed_chunks(session, usable(), neighbours=neighbours):
        yield Embeddings.of_cut(coming.popleft(), vectors)


def _computes_at_once(device: torch.device) -> bool:
    return device.type == "cpu"


def _tokenised(session: EmbeddingSession, segments: Sequence[str]) -> _Tokenised:
    new = [segment for segment in dict.fromkeys(segments) if segment not in session.cache]
    tokens: list[dict[str, Sequence[int]]] = []
    for encoder in session.encoders:
        rows = [row for part in session.parts(new) for row in encoder.tokenize(part)]
        tokens.append(dict(zip(new, rows, strict=True)))
    return _Tokenised(segments, tokens)


def _begin(session: EmbeddingSession, chunk: _Tokenised, last: _Chunk | None, *, neighbours: bool) -> _Chunk:
    """Gives the device the segments whose vectors neither the cache nor the last chunk has."""
    distinct = dict.fromkeys(chunk.segments)
    known = {} if neighbours and last is not None else session.cache.found(distinct)
    held = last.segments if last is not None else {}
    new = [segment for segment in distinct if segment not in known and segment not in held]
    session.cache.count(asked=len(chunk.segments), computed=len(new))
    vectors = []
    for index, made in enumerate(chunk.tokens):
        # What was in the cache when the thread looked may have been dropped since.
        lacking = [segment for segment in new if segment not in made]
        made.update(zip(lacking, session.encoders[index].tokenize(lacking), strict=True))
        rows = [made[segment] for segment in new]
        vectors.append([session.start(index, part) for part in session.parts(rows)])
    borrows = any(segment in held and segment not in known for segment in distinct)
    rows_of = {segment: row for row, segment in enumerate(new)}
    last = last if borrows else None
    return _Chunk(session, chunk.segments, known, last, rows_of, vectors, cached=not neighbours)
