"""The two kinds of network with one interface: windows of bases in, expression out, in two steps."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

import torch
from torch import Tensor, nn

from texcnn.device import gpu_kernels
from texcnn.embedding.cache import SegmentCache
from texcnn.embedding.embeddings import Embeddings
from texcnn.embedding.engine import EmbeddingSession, embedding_session
from texcnn.embedding.evaluation_mode import evaluation_mode
from texcnn.embedding.options import ComputeOptions
from texcnn.embedding.stream import embed_windows_in_chunks
from texcnn.embedding.workers import one_thread
from texcnn.encoders.protocol import Encoder
from texcnn.heads.ensemble import Ensemble
from texcnn.segments.bases import one_hot, stack_codes
from texcnn.segments.segment import SegmentSpec

Session = TypeVar("Session")

Chunk = tuple[Sequence[str], Tensor | None]
"""Windows of upper-case ``ACGTN``, and their scaled features."""


@dataclass(frozen=True)
class HeadInputs:
    """What a head reads of ``n`` windows.

    Attributes:
        values: float32: segment vectors ``(n, n_segments, dim)``, or one-hot bases ``(n, 4, length)``.
        mask: bool ``(n, n_segments)``, True where a segment is usable; or ``(n, 1)``, True where any base is known.
        features: float32 ``(n, n_features)``, scaled; None when the head has none.
    """

    values: Tensor
    mask: Tensor
    features: Tensor | None

    @property
    def known(self) -> Tensor:
        """Bool ``(n,)``, True where the head has something to read."""
        return self.mask.any(dim=1)


@dataclass(frozen=True)
class HeadOutputs:
    """A head's outputs for ``n`` windows; all on the CPU.

    Attributes:
        values: Expression, float32 ``(n, n_cell_types)``; NaN for a window without a usable base.
        known: bool ``(n,)``, True where the head has something to read.
        members: What each member of an ensemble predicts alone, float32 ``(n_members, n, n_cell_types)``, NaN where it
            has nothing to read; None where it was not asked for, or the head is no ensemble.
    """

    values: Tensor
    known: Tensor
    members: Tensor | None = None


class Network(Protocol[Session]):
    """Predicts expression from windows."""

    head: nn.Module

    def session(self, options: ComputeOptions | None = None) -> AbstractContextManager[Session]:
        """Opens a session: weights on their device, in their number type, for evaluation; put back at its end."""
        ...

    def inputs(self, windows: Sequence[str], features: Tensor | None, session: Session) -> HeadInputs:
        """Turns windows of upper-case ``ACGTN`` and scaled features into what the head reads."""
        ...

    def apply(self, inputs: HeadInputs) -> Tensor:
        """Turns what the head reads into expression, float32 ``(n, n_cell_types)``; differentiable.

        NaN for a window without a usable base.
        """
        ...

    def predict(self, windows: Sequence[str], features: Tensor | None, session: Session) -> tuple[Tensor, Tensor]:
        """Both steps without gradients.

        Returns:
            Expression, float32 ``(n, n_cell_types)``, and which windows have something to read, bool ``(n,)``; both on
            the CPU.
        """
        ...

    def predict_chunks(
        self, chunks: Iterable[Chunk], session: Session, *, members: bool = False
    ) -> Iterator[HeadOutputs]:
        """Both steps without gradients, of each chunk of windows and features, one at least of each.

        Chunks may be taken in a thread, before the last one's expression is there. ``members``: also return what each
        member of an ensemble predicts.
        """
        ...


class SegmentNetwork:
    """Encoders, then a head over their segment vectors.

    Args:
        encoders: Joined per segment, in this order.
        head: ``(values, mask, features) -> (n, n_cell_types)``.
        segments: How a window is cut.
    """

    def __init__(self, encoders: Sequence[Encoder], head: nn.Module, segments: SegmentSpec) -> None:
        self.encoders = list(encoders)
        self.head = head.eval()
        self.segments = segments

    @contextmanager
    def session(
        self, options: ComputeOptions | None = None, cache: SegmentCache | None = None
    ) -> Iterator[EmbeddingSession]:
        """Opens a session of the encoders; ``cache`` has vectors of these encoders in this number type."""
        with evaluation_mode([self.head]), embedding_session(self.encoders, options, cache) as session:
            yield session

    def inputs(self, windows: Sequence[str], features: Tensor | None, session: EmbeddingSession) -> HeadInputs:
        """Cuts windows and embeds their segments."""
        return self.head_inputs(session.embed_windows(windows, self.segments), features)

    @staticmethod
    def head_inputs(embeddings: Embeddings, features: Tensor | None) -> HeadInputs:
        """Returns what the head reads of vectors that were computed before, as those of a store."""
        return HeadInputs(embeddings.values, embeddings.mask, features)

    def apply(self, inputs: HeadInputs) -> Tensor:
        """Runs the head.

        The head is thousands of times cheaper than the encoders, so it always runs on the CPU: the same numbers come
        out whether the vectors were computed here, on a GPU, or read from a store.
        """
        return cast(Tensor, self.head(inputs.values, inputs.mask, inputs.features))

    @torch.inference_mode()
    def outputs(self, inputs: HeadInputs, *, members: bool = False) -> HeadOutputs:
        """Runs the head without gradients; ``members``: also return what each member of an ensemble predicts."""
        if members and isinstance(self.head, Ensemble):
            mean, alone = self.head.with_members(inputs.values, inputs.mask, inputs.features)
            return HeadOutputs(mean, inputs.known, alone)
        return HeadOutputs(self.apply(inputs), inputs.known)

    @torch.inference_mode()
    def predict(
        self, windows: Sequence[str], features: Tensor | None, session: EmbeddingSession
    ) -> tuple[Tensor, Tensor]:
        """Both steps without gradients."""
        inputs = self.inputs(windows, features, session)
        return self.apply(inputs), inputs.known

    def predict_chunks(
        self, chunks: Iterable[Chunk], session: EmbeddingSession, *, members: bool = False
    ) -> Iterator[HeadOutputs]:
        """As :meth:`predict`; the next chunk is read, cut and tokenised while the device computes."""
        coming: deque[Tensor | None] = deque()

        def windows() -> Iterator[Sequence[str]]:
            for bases, features in chunks:
                coming.append(features)
                yield bases

        for embeddings in embed_windows_in_chunks(session, windows(), self.segments):
            inputs = self.head_inputs(embeddings, coming.popleft())
            with one_thread() if session.workers else nullcontext():
                outputs = self.outputs(inputs, members=members)
            yield outputs


class OneHotNetwork:
    """A head that reads bases itself.

    Args:
        head: ``(one_hot (n, 4, length), features) -> (n, n_cell_types)``.
        n_cell_types: Its outputs.
    """

    def __init__(self, head: nn.Module, n_cell_types: int) -> None:
        self.head = head.eval()
        self.n_cell_types = n_cell_types

    @contextmanager
    def session(self, options: ComputeOptions | None = None) -> Iterator[ComputeOptions]:
        """Moves the head to the device for the time of the block."""
        options = options or ComputeOptions()
        before = next((weight.device for weight in self.head.parameters()), options.device)
        try:
            self.head.to(options.device)
            with evaluation_mode([self.head]), gpu_kernels():
                yield options
        finally:
            self.head.to(before)

    def inputs(self, windows: Sequence[str], features: Tensor | None, session: ComputeOptions) -> HeadInputs:
        """Turns bases into one-hot channels on the session's device; an unknown base is all zero."""
        codes = stack_codes(windows).to(session.device)
        known = torch.tensor([[window.count("N") < len(window)] for window in windows], device=session.device)
        return HeadInputs(one_hot(codes), known, None if features is None else features.to(session.device))

    def apply(self, inputs: HeadInputs) -> Tensor:
        """Runs the head on the device of its inputs."""
        return cast(Tensor, self.head(inputs.values, inputs.features)).masked_fill(~inputs.known[:, None], torch.nan)

    @torch.inference_mode()
    def predict(
        self, windows: Sequence[str], features: Tensor | None, session: ComputeOptions
    ) -> tuple[Tensor, Tensor]:
        """Both steps without gradients, a batch of windows at a time; windows without a known base are left out."""
        known = torch.tensor([window.count("N") < len(window) for window in windows])
        predicted = torch.full((len(windows), self.n_cell_types), torch.nan)
        rows_known = known.nonzero().flatten()
        for rows in rows_known.split(session.batch_size) if len(rows_known) else ():
            scaled = None if features is None else features[rows]
            predicted[rows] = self.apply(self.inputs([windows[row] for row in rows], scaled, session)).cpu()
        return predicted, known

    def predict_chunks(
        self, chunks: Iterable[Chunk], session: ComputeOptions, *, members: bool = False
    ) -> Iterator[HeadOutputs]:
        """As :meth:`predict`, chunk by chunk; no such head has members."""
        return (HeadOutputs(*self.predict(windows, features, session)) for windows, features in chunks)


def open_session(
    network: Network[Any], options: ComputeOptions | None = None, cache: SegmentCache | None = None
) -> AbstractContextManager[Any]:
    """Opens a network's session; one that embeds segments looks up and keeps their vectors in ``cache``."""
    return network.session(options, cache) if isinstance(network, SegmentNetwork) else network.session(options)
