"""The two kinds of network behind one door: windows of bases in, expression out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from texcnn.device import resolve_device
from texcnn.embedding.engine import Embeddings, check_batch_size, embed_windows
from texcnn.embedding.reuse import SegmentMemory
from texcnn.encoders.protocol import Encoder
from texcnn.segments.bases import one_hot, stack_codes
from texcnn.segments.segment import SegmentSpec


class Network(Protocol):
    """Predicts expression from windows."""

    head: nn.Module

    def predict(
        self,
        sequences: Sequence[str],
        features: Tensor | None,
        *,
        batch_size: int,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        memory: SegmentMemory | None = None,
    ) -> Tensor:
        """Predicts expression of windows, float32 ``(n, n_cell_types)`` on the CPU; NaN without a usable base.

        For a network with encoders: ``dtype`` is the type of their matrix products, ``memory`` has the segment vectors
        of the windows before.
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

    def predict(
        self,
        sequences: Sequence[str],
        features: Tensor | None,
        *,
        batch_size: int,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        memory: SegmentMemory | None = None,
    ) -> Tensor:
        """Predicts expression of windows; ``batch_size`` counts segments. See :class:`Network`."""
        embeddings = embed_windows(
            self.encoders, sequences, self.segments, batch_size=batch_size, device=device, dtype=dtype, memory=memory
        )
        return self.predict_embeddings(embeddings, features)

    @torch.inference_mode()
    def predict_embeddings(self, embeddings: Embeddings, features: Tensor | None) -> Tensor:
        """Predicts from vectors computed before.

        The head is thousands of times cheaper than the encoders, so it always runs on the CPU: the same numbers
        come out whether the vectors were computed here, on a GPU, or read from a store.

        Args:
            embeddings: Vectors and mask of ``n`` windows.
            features: float32 ``(n, n_features)``, scaled; None when the head has none.

        Returns:
            float32 ``(n, n_cell_types)``; NaN for a window without a usable segment.
        """
        return self.head(embeddings.values, embeddings.mask, features)


class OneHotNetwork:
    """A head that reads bases itself.

    Args:
        head: ``(one_hot (n, 4, length), features) -> (n, n_outputs)``.
        n_outputs: Cell types.
    """

    def __init__(self, head: nn.Module, n_outputs: int) -> None:
        self.head = head.eval()
        self.n_outputs = n_outputs

    @torch.inference_mode()
    def predict(
        self,
        sequences: Sequence[str],
        features: Tensor | None,
        *,
        batch_size: int,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        memory: SegmentMemory | None = None,
    ) -> Tensor:
        """Predicts expression of windows; ``batch_size`` counts windows. See :class:`Network`."""
        check_batch_size(batch_size)
        resolved = resolve_device(device)
        self.head.to(resolved)
        predicted = torch.full((len(sequences), self.n_outputs), torch.nan)
        known = [row for row, sequence in enumerate(sequences) if sequence.count("N") < len(sequence)]
        for start in range(0, len(known), batch_size):
            rows = known[start : start + batch_size]
            bases = one_hot(stack_codes([sequences[row] for row in rows]).to(resolved))
            extra = None if features is None else features[rows].to(resolved)
            predicted[rows] = self.head(bases, extra).cpu()
        return predicted
