"""A store's Zarr arrays: chunks of genes written, read with their sums checked, or mapped into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import zarr

from texcnn.embedding.embeddings import Embeddings
from texcnn.errors import StoreError, TexcnnError
from texcnn.store.dtypes import decode, encode
from texcnn.store.folder import ARRAY_NAMES, ARRAYS, STORE_META

MAKE_ANEW = "copy it again, or run texcnn embed again with `overwrite`"
"""What to do about a damaged store."""


@contextmanager
def damage_found(folder: Path) -> Iterator[None]:
    """Turns what the readers of JSON, Parquet and Zarr raise on damaged files into an error that names the store."""
    try:
        yield
    except (TexcnnError, AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise StoreError(f"the store is damaged: {error}", where=folder, remedy=MAKE_ANEW) from error


class StoreArrays:
    """Vectors, masks and fractions of N of a store's genes.

    Args:
        folder: The store's folder.
        store_dtype: Type of the stored vectors.
    """

    def __init__(self, folder: Path, store_dtype: str) -> None:
        self._folder = folder
        self._store_dtype = store_dtype
        self._identity = self._stat()
        self._maps: dict[tuple[str, int], npt.NDArray[Any]] = {}
        # Chunks of zeros are written as well: zarr reads a chunk that is not there as zeros, so that without them a
        # file lost in copying would look like a masked segment. Arrays take the setting when they are opened.
        with zarr.config.set({"array.write_empty_chunks": True}):
            group = zarr.open_group(folder / ARRAYS, mode="r+")
            # Typed as Any: in zarr's stubs it may be an array or a group.
            self._arrays: dict[str, Any] = {name: group[name] for name in ARRAY_NAMES}

    def check_complete(self, n_chunks: int) -> None:
        """Checks that no chunk's file is missing.

        Raises:
            StoreError: when one is.
        """
        for name, array in self._arrays.items():
            if array.nchunks_initialized < n_chunks:
                raise StoreError(
                    f"the store is incomplete: {array.nchunks_initialized} of {n_chunks} chunks of '{name}'",
                    where=self._folder,
                    remedy=MAKE_ANEW,
                )

    def write(self, rows: slice, embeddings: Embeddings, n_fraction: Sequence[float]) -> None:
        """Writes the rows of a chunk."""
        self._arrays["values"][rows] = encode(embeddings.values, self._store_dtype)
        self._arrays["mask"][rows] = embeddings.mask.numpy()
        self._arrays["n_fraction"][rows] = np.asarray(n_fraction, np.float64)

    def read(self, chunk: int, rows: slice) -> tuple[Embeddings, list[float]]:
        """Reads the rows of a chunk: vectors, and fractions of N.

        Raises:
            StoreError: when its files are damaged.
        """
        with damage_found(self._folder):
            values: npt.NDArray[Any] = self._arrays["values"][rows]
            mask: npt.NDArray[np.bool_] = self._arrays["mask"][rows]
            n_fraction: npt.NDArray[np.float64] = self._arrays["n_fraction"][rows]
        self._check_there(chunk)
        return Embeddings(decode(values, self._store_dtype), torch.from_numpy(mask)), n_fraction.tolist()

    def read_mapped(self, rows: Sequence[int], genes_per_chunk: int) -> Embeddings:
        """Reads single rows, in the order given, out of memory-mapped chunks; their sums are not checked.

        Raises:
            StoreError: when a chunk is missing or cut short.
        """
        chunks: dict[int, list[int]] = {}
        for place, row in enumerate(rows):
            chunks.setdefault(row // genes_per_chunk, []).append(place)
        _, n_segments, dim = self._arrays["values"].shape
        values = torch.zeros(len(rows), n_segments, dim)
        mask = torch.zeros(len(rows), n_segments, dtype=torch.bool)
        for chunk, places in chunks.items():
            inner = [rows[place] % genes_per_chunk for place in places]
            values[places] = decode(self._mapped("values", chunk)[inner], self._store_dtype)
            mask[places] = torch.from_numpy(self._mapped("mask", chunk)[inner])
        return Embeddings(values, mask)

    def _mapped(self, name: str, chunk: int) -> npt.NDArray[Any]:
        """A chunk's file in memory; mapped once, it outlives a removal of the store."""
        if (name, chunk) not in self._maps:
            array = self._arrays[name]
            with damage_found(self._folder):
                self._maps[name, chunk] = np.memmap(self._file(name, chunk), array.dtype, "r", shape=array.chunks)
            self._check_there(chunk)
        return self._maps[name, chunk]

    def _file(self, name: str, chunk: int) -> Path:
        array = self._arrays[name]
        return self._folder / ARRAYS / name / array.metadata.encode_chunk_key((chunk, *[0] * (array.ndim - 1)))

    def _check_there(self, chunk: int) -> None:
        """A lost chunk would read as zeros, and one of a new store at the same path as other genes' vectors."""
        if not all(self._file(name, chunk).is_file() for name in ARRAY_NAMES) or self._stat() != self._identity:
            raise StoreError(
                f"chunk {chunk} of the store is gone, or the store was replaced while it was read",
                where=self._folder,
                remedy="run this command again",
            )

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            found = (self._folder / STORE_META).stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_mtime_ns
