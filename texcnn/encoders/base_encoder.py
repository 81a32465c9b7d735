"""What encoders of single bases have in common: a token per base, and rows of one length computed together."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from texcnn.encoders.contributions import gradients_at
from texcnn.encoders.module_encoder import ModuleEncoder
from texcnn.segments.bases import UNKNOWN, base_codes, one_hot


class BaseEncoder(ModuleEncoder):
    """Reads one-hot bases with a PyTorch module, in float32."""

    dim: int

    def tokenize(self, segments: Sequence[str]) -> list[list[int]]:
        """Turns segments into one token per base: 0 to 3, and 4 for an unknown one."""
        return [base_codes(segment).tolist() for segment in segments]

    @torch.inference_mode()
    def embed(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Embeds each row, float32 ``(n, dim)``.

        Only rows that are padded to one length are computed together, so that none depends on another. Padding is
        unknown bases, which are zero in every channel, as much on the left as on the right (one more there).
        """
        vectors = torch.zeros(len(tokens), self.dim, device=self.device)
        rows_of: dict[int, list[int]] = {}
        for row, bases in enumerate(tokens):
            rows_of.setdefault(self.padded_length(len(bases)), []).append(row)
        for length, rows in rows_of.items():
            vectors[rows] = self.embed_bases(self._padded([tokens[row] for row in rows], length))
        return vectors

    def base_contributions(self, segment: str, gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Returns gradient x input of a segment's one-hot bases, as :class:`texcnn.encoders.protocol.Explained` says.

        Nothing stands for no base: padding is zero, and so is what it contributes.
        """
        tokens = self.tokenize([segment])[0]
        length = self.padded_length(len(tokens))
        bases = self._padded([tokens], length).requires_grad_()
        found = gradients_at(bases, self.embed_bases(bases)[0], gradients) * bases.detach()
        start = _left_padding(length, len(tokens))
        return found[:, 0, :, start : start + len(tokens)].sum(dim=1).cpu(), torch.zeros(len(gradients))

    def _padded(self, rows: Sequence[Sequence[int]], length: int) -> Tensor:
        """One-hot rows ``(n, 4, length)``, padding on both sides."""
        padded = np.full((len(rows), length), UNKNOWN, np.uint8)
        for place, row in enumerate(rows):
            start = _left_padding(length, len(row))
            padded[place, start : start + len(row)] = row
        return one_hot(torch.from_numpy(padded).to(self.device))

    def padded_length(self, length: int) -> int:
        """Bases that a row of so many is padded to; no padding unless an encoder says otherwise."""
        return length

    @abstractmethod
    def embed_bases(self, bases: Tensor) -> Tensor:
        """Turns one-hot rows ``(n, 4, length)`` into vectors ``(n, dim)``."""


def _left_padding(length: int, bases: int) -> int:
    return (length - bases) // 2
