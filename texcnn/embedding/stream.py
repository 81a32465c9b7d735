"""Chunk after chunk of segments: reading the next one and fetching the last one's vectors cost the device no time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from texcnn.embedding.batches import VectorsOnTheWay, joined
from texcnn.embedding.embeddings import Embeddings
from texcnn.embedding.engine import EmbeddingSession
from texcnn.embedding.placing import laid_out
from texcnn.embedding.prefetch import prefetch
from texcnn.embedding.workers import VectorsOfWorker
from texcnn.segments.segment import AnySegment, Segments, SegmentSpec


@dataclass(frozen=True)
class _Tokenised:
    """A chunk as the thread hands it over."""

    segments: Sequence[AnySegment]
    tokens: list[dict[AnySegment, Sequence[int]]]
    """Of each encoder: segments that seemed to be new and that it reads, and their tokens."""


class _Chunk:
    """A chunk whose vectors the device may still be computing."""

    def __init__(
        self,
        session: EmbeddingSession,
        segments: Sequence[AnySegment],
        known: dict[AnySegment, Tensor],
        last: _Chunk | None,
        new: Sequence[AnySegment],
        vectors: list[list[VectorsOnTheWay | VectorsOfWorker]],
        *,
        cached: bool,
    ) -> None:
        self.segments = dict.fromkeys(segments)
        self._session, self._asked, self._known, self._last = session, segments, known, last
        self._new, self._coming, self._cached = dict.fromkeys(new), vectors, cached
        self._found: Tensor | None = None
        self._row_of: dict[AnySegment, int] = {}

    def vector(self, segment: AnySegment) -> Tensor:
        """The vector of one of its segments, float32 ``(dim,)``."""
        return self.finished()[self._row_of[segment]]

    def finished(self) -> Tensor:
        """Waits for the device; the vectors of the distinct segments, float32 ``(n, dim)`` on the CPU."""
        if self._found is None:
            fresh = self._fresh()
            borrowed = [segment for segment in self.segments if segment not in self._new]
            vectors = [self._known[each] if each in self._known else self._from_last(each) for each in borrowed]
            self._found = torch.cat([torch.stack(vectors), fresh]) if vectors else fresh
            self._row_of = {segment: row for row, segment in enumerate([*borrowed, *self._new])}
            if self._cached:
                self._session.cache.put(list(self._new), fresh)
            self._last, self._known, self._coming = None, {}, []
        return self._found

    def _fresh(self) -> Tensor:
        """The vectors of its new segments, float32 ``(n, dim)``."""
        new = list(self._new)
        if not new:
            return torch.zeros(0, self._session.dim)
        vectors = []
        for index, parts in enumerate(self._coming):
            none = torch.zeros(0, self._session.encoders[index].dim)
            found = joined([part.in_order() for part in parts]) if parts else none
            vectors.append(laid_out(found, self._session.placing.read_by(index, new), len(new)))
        return joined(vectors, dim=1)

    def in_order(self) -> Tensor:
        """As :meth:`finished`, but a row for each requested segment."""
        found = self.finished()
        rows = [self._row_of[segment] for segment in self._asked]
        # Where all segments are new they are in order already; vectors of thousands of numbers are worth no copy more.
        return found if rows == list(range(len(found))) else found[rows]

    def _from_last(self, segment: AnySegment) -> Tensor:
        assert self._last is not None
        return self._last.vector(segment)


def embed_chunks(
    session: EmbeddingSession, chunks: Iterable[Sequence[AnySegment]], *, neighbours: bool = False
) -> Iterator[Tensor]:
    """Embeds chunks of segments; each distinct segment that the cache lacks is computed once.

    A thread reads and tokenises the next chunk. A GPU, or workers, are given a chunk before the vectors of the last one
    are awaited.

    Args:
        session: Encoders, their device and the cache.
        chunks: Upper-case ``ACGTN`` of any lengths, or what :meth:`Placing.cut` made of them; taken in a
            thread.
        neighbours: Whether a chunk may use vectors of the chunk before alone, and the first one those of the cache, to
            which nothing is then added: what is computed in a chunk does not depend on where the run began.

    Yields:
        float32 ``(n, dim)`` of each chunk, on the CPU, in the order of its segments.

    Raises:
        RunError: when the memory does not suffice for a single segment.
    """
    at_once = _computes_at_once(session)
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

    def usable() -> Iterator[list[AnySegment]]:
        for windows in chunks:
            cut = [spec.split(window) for window in windows]
            coming.append(cut)
            numbers = [each.usable_numbers for each in cut]
            yield [each for place in zip(windows, numbers, strict=True) for each in session.placing.cut(*place, spec)]

    for vectors in embed_chunks(session, usable(), neighbours=neighbours):
        yield Embeddings.of_cut(coming.popleft(), vectors)


def _computes_at_once(session: EmbeddingSession) -> bool:
    return session.options.device.type == "cpu" and session.workers is None


def _tokenised(session: EmbeddingSession, segments: Sequence[AnySegment]) -> _Tokenised:
    new = [segment for segment in dict.fromkeys(segments) if segment not in session.cache]
    tokens: list[dict[AnySegment, Sequence[int]]] = []
    for index, encoder in enumerate(session.encoders):
        read = [new[place] for place in session.placing.read_by(index, new)]
        rows = [row for part in session.parts(session.placing.bases(index, read)) for row in encoder.tokenize(part)]
        tokens.append(dict(zip(read, rows, strict=True)))
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
        read = [new[place] for place in session.placing.read_by(index, new)]
        lacking = [segment for segment in read if segment not in made]
        made.update(zip(lacking, session.encoders[index].tokenize(session.placing.bases(index, lacking)), strict=True))
        rows = [made[segment] for segment in read]
        vectors.append([session.start(index, part) for part in session.parts(rows)])
    borrows = any(segment in held and segment not in known for segment in distinct)
    last = last if borrows else None
    return _Chunk(session, chunk.segments, known, last, new, vectors, cached=not neighbours)
