"""What a network is fed per gene, held in memory in its smallest form, and the labels it learns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from texcnn.embedding.engine import Embeddings
from texcnn.segments.bases import one_hot
from texcnn.store.store import EmbeddingStore


class Inputs(Protocol):
    """Inputs of ``n`` genes, of whatever kind."""

    def __len__(self) -> int:
        """Number of genes."""
        ...

    def take(self, rows: Tensor, device: torch.device) -> tuple[Tensor, ...]:
        """Returns a network's first arguments for some genes, each with a row per gene, on a device."""
        ...

    def fingerprint(self) -> str:
        """Hex digest of all numbers."""
        ...


@dataclass(frozen=True)
class SegmentVectors:
    """Vectors of frozen encoders, for a network ``(values, mask, ...)``; each window has a usable segment."""

    embeddings: Embeddings

    def __len__(self) -> int:
        """Number of genes."""
        return len(self.embeddings.mask)

    def take(self, rows: Tensor, device: torch.device) -> tuple[Tensor, ...]:
        """Returns vectors ``(n, n_segments, dim)`` and mask ``(n, n_segments)``."""
        return self.embeddings.values[rows].to(device), self.embeddings.mask[rows].to(device)

    def fingerprint(self) -> str:
        """Hex digest of all numbers."""
        return digest_tensors([self.embeddings.values, self.embeddings.mask])


@dataclass(frozen=True, eq=False)
class StoredVectors:
    """What :class:`SegmentVectors` holds, left in a store and read when it is needed: memory does not grow with genes.

    Attributes:
        store: The vectors.
        rows: Row of each gene in the store.
    """

    store: EmbeddingStore
    rows: list[int]

    def __len__(self) -> int:
        """Number of genes."""
        return len(self.rows)

    def take(self, rows: Tensor, device: torch.device) -> tuple[Tensor, ...]:
        """Returns vectors ``(n, n_segments, dim)`` and mask ``(n, n_segments)``."""
        found = self.store.read_rows([self.rows[row] for row in rows.tolist()])
        return found.values.to(device), found.mask.to(device)

    def fingerprint(self) -> str:
        """Hex digest of all numbers."""
        digest = hashlib.sha256()
        for rows in torch.arange(len(self)).split(self.store.spec.genes_per_chunk):
            digest.update(digest_tensors(self.take(rows, torch.device("cpu"))).encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class WindowBases:
    """Bases of windows, for a network ``(one_hot, ...)``: a byte per base here, sixteen in the batch.

    Attributes:
        codes: uint8 ``(n, length)``; see :func:`texcnn.segments.bases.base_codes`.
    """

    codes: Tensor

    def __len__(self) -> int:
        """Number of genes."""
        return len(self.codes)

    def take(self, rows: Tensor, device: torch.device) -> tuple[Tensor, ...]:
        """Returns one-hot bases, float32 ``(n, 4, length)``."""
        return (one_hot(self.codes[rows].to(device)),)

    def fingerprint(self) -> str:
        """Hex digest of all numbers."""
        return digest_tensors([self.codes])


@dataclass(frozen=True)
class Examples:
    """Genes to learn from, held in memory.

    Attributes:
        inputs: What the network is fed for ``n`` genes.
        features: float32 ``(n, n_features)``, scaled; None for none.
        labels: float32 ``(n, n_cell_types)`` in the model's unit; NaN where unknown.
        cell_types: Names of the labels' columns.
    """

    inputs: Inputs
    features: Tensor | None
    labels: Tensor
    cell_types: tuple[str, ...]

    def arguments(self, rows: Tensor, device: torch.device) -> tuple[Tensor | None, ...]:
        """Returns a network's arguments for some genes: its inputs, then the features."""
        return *self.inputs.take(rows, device), None if self.features is None else self.features[rows].to(device)

    def fingerprint(self) -> str:
        """Hex digest of all numbers."""
        return f"{self.inputs.fingerprint()} {digest_tensors([self.features, self.labels])}"


def digest_tensors(tensors: Iterable[Tensor | None]) -> str:
    """Returns a hex digest of tensors' types, shapes and numbers."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(b"none" if tensor is None else f"{tensor.dtype} {tuple(tensor.shape)}\n".encode())
        if tensor is not None:
            digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()
