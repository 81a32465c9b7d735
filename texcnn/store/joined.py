"""Stores of one kind read as one, such as the shards of a pipeline."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Self

import torch

from texcnn.embedding.embeddings import Embeddings
from texcnn.errors import StoreError
from texcnn.store.store import EmbeddingStore, StoredChunk


class JoinedStores:
    """Finished stores one after the other; the genes of each must be others.

    Attributes:
        spec: What the vectors of all of them depend on.
        genes: The rows, in the order of the stores.
        skipped: Genes without a place, each once.
        folder: The first store, for messages.

    Args:
        stores: At least one.

    Raises:
        StoreError: when they hold vectors of different kinds, or a gene twice.
    """

    def __init__(self, stores: Sequence[EmbeddingStore]) -> None:
        first = stores[0]
        for store in stores[1:]:
            if different := first.spec.differences(store.spec):
                raise StoreError(
                    f"the stores '{first.folder}' and '{store.folder}' differ: {'; '.join(different)}",
                    where="`embeddings`",
                    allowed="stores of the same encoders, window and genome",
                )
        self.spec, self.folder = first.spec, first.folder
        self.genes = [gene for store in stores for gene in store.genes]
        if len({(gene.id, gene.transcript_id) for gene in self.genes}) < len(self.genes):
            raise StoreError("a gene is in several stores", where="`embeddings`", allowed="each gene in one of them")
        self.skipped = list(dict.fromkeys(entry for store in stores for entry in store.skipped))
        self._stores = list(stores)
        self._starts = [0, *accumulate(len(store.genes) for store in stores)]
        self._chunks = [(place, chunk) for place, store in enumerate(stores) for chunk in range(store.n_chunks)]

    @classmethod
    def open(cls, folders: Sequence[Path]) -> Self:
        """Opens finished stores.

        Raises:
            StoreError: when one cannot be used, or they do not go together.
        """
        return cls([EmbeddingStore.open(folder) for folder in folders])

    @property
    def n_chunks(self) -> int:
        """Number of chunks of genes."""
        return len(self._chunks)

    @property
    def n_segments(self) -> int:
        """Segments per gene."""
        return self._stores[0].n_segments

    def rows(self, chunk: int) -> slice:
        """Returns the rows of a chunk."""
        place, inner = self._chunks[chunk]
        rows = self._stores[place].rows(inner)
        return slice(self._starts[place] + rows.start, self._starts[place] + rows.stop)

    def read_chunk(self, chunk: int) -> StoredChunk:
        """Reads a chunk.

        Raises:
            StoreError: when its files are damaged.
        """
        place, inner = self._chunks[chunk]
        return self._stores[place].read_chunk(inner)

    def read_rows(self, rows: Sequence[int]) -> Embeddings:
        """Reads some genes' vectors, in the order given: :meth:`EmbeddingStore.read_rows`.

        Raises:
            StoreError: when a chunk is missing or cut short.
        """
        values = torch.zeros(len(rows), self.n_segments, self.spec.dim)
        mask = torch.zeros(len(rows), self.n_segments, dtype=torch.bool)
        of_store: dict[int, list[int]] = {}
        for place, row in enumerate(rows):
            of_store.setdefault(bisect_right(self._starts, row) - 1, []).append(place)
        for number, places in of_store.items():
            found = self._stores[number].read_rows([rows[place] - self._starts[number] for place in places])
            values[places], mask[places] = found.values, found.mask
        return Embeddings(values, mask)
