"""What encoders of single bases have in common: a token per base, and rows of one length computed together."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from texcnn.encoders.contributions import gradients_at
from texcnn.encoders.module_encoder import ModuleEncoder
from texcnn.errors import ModelError
from texcnn.segments.bases import UNKNOWN, base_tokens, one_hot


class BaseEncoder(ModuleEncoder):
    """Reads bases with a PyTorch module, in float32.

    Attributes:
        name: The encoder's type.
        dim: Length of a vector.
        token_cost: As of :class:`texcnn.encoders.protocol.TokenCost`: a base has a hundred channels or so, a token of a
            language model thousands.
        longest: Bases of a segment at most; None for any.
    """

    name: str
    dim: int
    token_cost: float = 1 / 16
    longest: int | None = None

    def tokenize(self, segments: Sequence[str]) -> list[bytes]:
        """Turns segments into one token per base: 0 to 3, and 4 for an unknown one.

        Raises:
            ModelError: if a segment has more bases than the encoder has places for.
        """
        longest = max(map(len, segments), default=0)
        if self.longest is not None and longest > self.longest:
            raise ModelError(
                f"a segment of {longest} bases for the encoder '{self.name}'", allowed=f"{self.longest} bases at most"
            )
        return base_tokens(segments)

    @torch.inference_mode()
    def embed(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Embeds each row, float32 ``(n, dim)``.

        Only rows that are padded to one length are computed together, so that none depends on another. Padding is
        unknown bases, which are zero in every channel, as much on the left as on the right (one more there).
        """
        rows_of: dict[int, list[int]] = {}
        for row, bases in enumerate(tokens):
            rows_of.setdefault(self.padded_length(len(bases)), []).append(row)
        parts = [
            self.embed_codes(self._padded([tokens[row] for row in rows], length)) for length, rows in rows_of.items()
        ]
        if len(parts) == 1:
            return parts[0]
        vectors = torch.zeros(len(tokens), self.dim, device=self.device)
        for rows, part in zip(rows_of.values(), parts, strict=True):
            vectors[rows] = part
        return vectors

    def base_contributions(self, segment: str, gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Returns gradient x input of a segment's one-hot bases, as in :class:`texcnn.encoders.protocol.Explained`.

        An unknown base has no vector: padding is zero, and so is its contribution.
        """
        tokens = self.tokenize([segment])[0]
        length = self.padded_length(len(tokens))
        bases = one_hot(self._padded([tokens], length)).requires_grad_()
        found = gradients_at(bases, self.embed_bases(bases)[0], gradients) * bases.detach()
        start = _left_padding(length, len(tokens))
        return found[:, 0, :, start : start + len(tokens)].sum(dim=1).cpu(), torch.zeros(len(gradients))

    def padded_length(self, length: int) -> int:
        """Bases that a row of this many is padded to; no padding by default."""
        return length

    def embed_codes(self, codes: Tensor) -> Tensor:
        """Turns codes of bases, uint8 ``(n, length)``, into vectors ``(n, dim)``, without gradients."""
        return self.embed_bases(one_hot(codes))

    @abstractmethod
    def embed_bases(self, bases: Tensor) -> Tensor:
        """Turns one-hot rows ``(n, 4, length)`` into vectors ``(n, dim)``; differentiable."""

    def _padded(self, rows: Sequence[Sequence[int]], length: int) -> Tensor:
        """Codes of rows in the middle of ``length`` bases, uint8 ``(n, length)``, on the encoder's device."""
        if all(len(row) == length for row in rows):
            whole = bytearray().join(map(bytes, rows))  # an array that PyTorch may write to
            return self._moved(np.frombuffer(whole, np.uint8).reshape(len(rows), length))
        codes = np.full((len(rows), length), UNKNOWN, np.uint8)
        for place, row in enumerate(rows):
            start = _left_padding(length, len(row))
            codes[place, start : start + len(row)] = np.frombuffer(bytes(row), np.uint8)
        return self._moved(codes)


def _left_padding(length: int, bases: int) -> int:
    return (length - bases) // 2
