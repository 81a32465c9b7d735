"""A network's inputs per gene, in their smallest form, and the scaled features and labels."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from texcnn.embedding.embeddings import Embeddings
from texcnn.features.spec import FeatureSpec, scale_features
from texcnn.genome.skipped import Skipped
from texcnn.segments.bases import one_hot
from texcnn.store.joined import JoinedStores
from texcnn.tables.split import TRAIN
from texcnn.training.targets import LabelledGenes

_LOG = logging.getLogger("texcnn")


class Inputs(Protocol):
    """Inputs of ``n`` genes, of any kind."""

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
    """What :class:`SegmentVectors` holds, left in stores and read when it is needed: memory does not grow with genes.

    Attributes:
        store: The vectors.
        rows: Row of each gene there.
    """

    store: JoinedStores
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


def make_examples(
    labelled: LabelledGenes,
    inputs: Inputs,
    usable: Sequence[bool],
    *,
    cell_types: Sequence[str],
    feature_names: Sequence[str] = (),
) -> tuple[Examples, tuple[FeatureSpec, ...], LabelledGenes]:
    """Leaves out genes that a network cannot read, and scales features by the training genes.

    Args:
        labelled: The genes.
        inputs: What the network is fed for those that are usable.
        usable: One per labelled gene.
        cell_types: Names of the labels' columns.
        feature_names: Names of the features' columns.

    Returns:
        The examples, the features' scales, and the genes left; the others are listed.

    Raises:
        InputError: when too few genes are left.
    """
    indices = [index for index, good in enumerate(usable) if good]
    genes = [labelled.genes[index] for index in indices]
    left = LabelledGenes(
        genes,
        labelled.labels[indices],
        None if labelled.features is None else labelled.features[indices],
        labelled.split.only([gene.id for gene in genes]),
        labelled.skipped
        + [
            Skipped(gene.id, "no segment of the window has enough known bases")
            for gene, good in zip(labelled.genes, usable, strict=True)
            if not good
        ],
    )
    specs: tuple[FeatureSpec, ...] = ()
    scaled = None
    if left.features is not None:
        specs = fit_features(left.features[left.rows()[TRAIN]], feature_names)
        scaled = scale_features(left.features, specs)
    return Examples(inputs, scaled, torch.from_numpy(left.labels), tuple(cell_types)), specs, left


def fit_features(values: npt.NDArray[np.float32], names: Sequence[str]) -> tuple[FeatureSpec, ...]:
    """Takes each feature's mean and standard deviation over training genes.

    Args:
        values: ``(n_genes, n_features)``, without NaN.
        names: Of the features.

    Returns:
        What the bundle keeps; a feature that is the same in all genes gets the scale 1, which is logged.
    """
    mean = values.mean(axis=0, dtype=np.float64)
    scale = values.std(axis=0, dtype=np.float64)
    constant = [name for name, value in zip(names, scale, strict=True) if value == 0]
    if constant:
        _LOG.warning("features with the same value in every training gene: %s", ", ".join(constant))
    return tuple(
        FeatureSpec(name, float(centre), float(spread) or 1.0)
        for name, centre, spread in zip(names, mean, scale, strict=True)
    )


def digest_tensors(tensors: Iterable[Tensor | None]) -> str:
    """Returns a hex digest of tensors' types, shapes and numbers."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(b"none" if tensor is None else f"{tensor.dtype} {tuple(tensor.shape)}\n".encode())
        if tensor is not None:
            digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()
