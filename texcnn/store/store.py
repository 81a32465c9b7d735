"""Segment vectors on disk: computed once, read by any number of predictions.

A folder: ``store.json`` (what the vectors depend on), ``genes.parquet``, ``skipped.tsv`` and a Zarr array each for
the vectors, the masks and the fractions of N. Chunks of genes are written in order and counted in
``progress.json`` after each, so that a killed run continues where it stopped. ``lock`` is held by the process that
writes. Chunks carry a checksum and are not compressed: noise of 32 or 16 bits hardly shrinks, and so they can be
mapped into memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from texcnn.embedding.embeddings import Embeddings
from texcnn.errors import InputError, StoreError
from texcnn.files import atomic_file
from texcnn.genome.gene import Gene
from texcnn.genome.skipped import Skipped, read_skipped
from texcnn.scratch import scratch_folder
from texcnn.store.arrays import StoreArrays, damage_found
from texcnn.store.folder import (
    ARRAYS,
    FEATURES,
    FORMAT_VERSION,
    GENES,
    PROGRESS,
    SKIPPED,
    STORE_META,
    check_disk_space,
    is_being_written,
    write_empty,
    write_lock,
)
from texcnn.store.spec import StoreSpec
from texcnn.tables.plain_strings import plain_strings
from texcnn.typed_json import read_object

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True)
class StoredChunk:
    """Some genes and their vectors."""

    genes: list[Gene]
    n_fraction: list[float]
    embeddings: Embeddings


class EmbeddingStore:
    """An embedding store on disk; make one with :meth:`create` or :meth:`open`."""

    def __init__(self, folder: Path, spec: StoreSpec, genes: Sequence[Gene], skipped: Sequence[Skipped]) -> None:
        self.folder, self.spec, self.genes, self.skipped = folder, spec, list(genes), list(skipped)
        self._arrays = StoreArrays(folder, spec.store_dtype)

    @property
    def features_path(self) -> Path:
        """Where extra inputs of the genes are, if any were computed with the vectors."""
        return self.folder / FEATURES

    @property
    def n_chunks(self) -> int:
        """Number of chunks of genes."""
        return self.spec.n_chunks(len(self.genes))

    @property
    def chunks_done(self) -> int:
        """Number of chunks written; they are written in order."""
        with damage_found(self.folder):
            return int(json.loads((self.folder / PROGRESS).read_text(encoding="utf-8"))["chunks_done"])

    @classmethod
    def create(
        cls, folder: Path, spec: StoreSpec, genes: Sequence[Gene], skipped: Sequence[Skipped] = ()
    ) -> EmbeddingStore:
        """Makes an empty store, or opens an unfinished one of the very same content to continue it.

        Args:
            folder: The store's folder.
            spec: What the vectors will depend on.
            genes: The rows, in order.
            skipped: Genes without a place, to be listed with the predictions.

        Raises:
            InputError: when something else is there.
            StoreError: when the disk has no room for it.
        """
        if not folder.exists():
            check_disk_space(folder, spec.bytes(len(genes)))
            # Another process may be quicker; what it made is looked at like any other store.
            with suppress(FileExistsError):
                write_empty(folder, spec, genes, skipped)
        if not (folder / STORE_META).is_file():
            raise InputError(f"'{folder}' already exists", where="`out`", remedy="choose another name")
        store = cls._open(folder)
        different = store.spec.differences(spec)
        if store.genes != list(genes) or store.skipped != list(skipped):
            different.append(
                f"genes: {_listed(store.genes, store.skipped)} in the store, {_listed(genes, skipped)} now"
            )
        if different:
            raise InputError(
                f"'{folder}' holds other embeddings ({'; '.join(different)})",
                where="`out`",
                remedy="choose another name, or set `overwrite`",
            )
        return store

    @staticmethod
    def remove(folder: Path) -> None:
        """Removes a store, unless a process is writing it.

        Raises:
            StoreError: when one is.
        """
        with write_lock(folder), scratch_folder(folder.absolute().parent) as scratch:
            folder.replace(scratch / "removed")  # in one step: a reader finds all of it or nothing

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Holds the right to write chunks; it ends with the block, or with the process.

        Raises:
            StoreError: when another process has it, or the disk has no room for the chunks that are missing.
        """
        with write_lock(self.folder):
            missing = len(self.genes[self.chunks_done * self.spec.genes_per_chunk :])
            check_disk_space(self.folder, self.spec.bytes(missing))
            for half in (self.folder / ARRAYS).rglob("*.partial"):
                half.unlink()  # zarr's own temporaries, of a process that was killed
            yield

    @classmethod
    def open(cls, folder: Path) -> EmbeddingStore:
        """Opens a finished store.

        Raises:
            StoreError: when it is none, is unfinished, damaged or incomplete, or has another format version.
        """
        store = cls._open(folder)
        if (done := store.chunks_done) < store.n_chunks:
            busy = is_being_written(folder)
            raise StoreError(
                f"the store is unfinished: {done} of {store.n_chunks} chunks",
                where=folder,
                remedy="a process is writing it: wait for its end"
                if busy
                else "run the same texcnn embed command again; it continues where it stopped",
            )
        store._arrays.check_complete(store.n_chunks)
        return store

    @classmethod
    def _open(cls, folder: Path) -> EmbeddingStore:
        if not (folder / STORE_META).is_file():
            raise StoreError(
                f"'{folder}' is not an embedding store", where="`embeddings`", allowed="a folder made by texcnn embed"
            )
        with damage_found(folder):
            values = read_object(folder / STORE_META, error=StoreError)
            version = values.pop("format_version", None)
        if version != FORMAT_VERSION:
            raise StoreError(
                f"store format version {version!r}",
                where=folder,
                allowed=str(FORMAT_VERSION),
                remedy="run texcnn embed again, or use the version of texcnn that wrote it",
            )
        with damage_found(folder):
            genes = [Gene(*row) for row in pd.read_parquet(folder / GENES).itertuples(index=False)]
            return cls(
                folder, StoreSpec.from_json(values, where=folder / STORE_META), genes, read_skipped(folder / SKIPPED)
            )

    def rows(self, chunk: int) -> slice:
        """Returns the rows of a chunk."""
        size = self.spec.genes_per_chunk
        return slice(chunk * size, min((chunk + 1) * size, len(self.genes)))

    def write_chunk(self, chunk: int, embeddings: Embeddings, n_fraction: Sequence[float]) -> None:
        """Writes the next chunk.

        Raises:
            StoreError: when it is not the next one.
        """
        if chunk != self.chunks_done:
            raise StoreError(f"chunk {chunk} written out of order", where=self.folder, allowed=str(self.chunks_done))
        self._arrays.write(self.rows(chunk), embeddings, n_fraction)
        with atomic_file(self.folder / PROGRESS) as temporary:
            temporary.write_text(json.dumps({"chunks_done": chunk + 1}) + "\n", encoding="utf-8")

    def read_chunk(self, chunk: int) -> StoredChunk:
        """Reads a chunk.

        Raises:
            StoreError: when its files are damaged.
        """
        rows = self.rows(chunk)
        embeddings, n_fraction = self._arrays.read(chunk, rows)
        return StoredChunk(self.genes[rows], n_fraction, embeddings)

    def read_rows(self, rows: Sequence[int]) -> Embeddings:
        """Reads some genes' vectors, in the order given, out of memory-mapped chunks: nothing else is loaded.

        Unlike :meth:`read_chunk` it does not check the chunks' sums.

        Args:
            rows: Places in :attr:`genes`.

        Raises:
            StoreError: when a chunk is missing or cut short.
        """
        return self._arrays.read_mapped(rows, self.spec.genes_per_chunk)

    def to_anndata(self) -> AnnData:
        """Reads all vectors as AnnData of genes x dimensions.

        Returns:
            ``X``: each gene's mean over its usable segments; ``obsm["segments"]``: float32 ``(n_genes, n_segments,
            dim)``, zero where masked; ``obsm["mask"]``: which segments are usable; ``obs``: the genes and
            ``n_fraction``.

        Raises:
            StoreError: when the store is damaged.
        """
        from anndata import AnnData

        chunks = [self.read_chunk(chunk) for chunk in range(self.n_chunks)]
        shape = (self.n_segments, self.spec.dim)
        values = np.concatenate([np.zeros((0, *shape), np.float32), *(chunk.embeddings.values for chunk in chunks)])
        mask = np.concatenate([np.zeros((0, shape[0]), bool), *(chunk.embeddings.mask for chunk in chunks)])
        obs = pd.DataFrame([asdict(gene) for gene in self.genes], columns=list(Gene.__dataclass_fields__))
        obs["n_fraction"] = [share for chunk in chunks for share in chunk.n_fraction]
        index = "transcript_id" if self.spec.transcripts else "id"
        means = values.sum(axis=1) / np.maximum(mask.sum(axis=1, keepdims=True), 1).astype(np.float32)
        genes = plain_strings(obs.set_index(obs[index].astype(str).to_numpy()))
        return AnnData(means, genes, obsm={"segments": values, "mask": mask})

    @property
    def n_segments(self) -> int:
        """Segments per gene."""
        return self.spec.segments.n_segments(self.spec.window.length)


def _listed(genes: Sequence[Gene], skipped: Sequence[Skipped]) -> str:
    return f"{len(genes)} from '{genes[0].id if genes else ''}' on and {len(skipped)} skipped"
