"""Segment vectors on disk: computed once, read by any number of predictions.

A folder: ``store.json`` (what the vectors depend on), ``genes.parquet``, ``skipped.tsv`` and a Zarr array each for
the vectors, the masks and the fractions of N. Chunks of genes are written in order and counted in
``progress.json`` after each, so that a killed run goes on where it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
import zarr

from texcnn.embedding.engine import Embeddings
from texcnn.errors import InputError, StoreError, TexcnnError
from texcnn.files import atomic_file, atomic_folder
from texcnn.genome.gene import Gene, Skipped
from texcnn.genome.windows import WindowSpec
from texcnn.segments.segment import SegmentSpec
from texcnn.tables.columns import skipped_frame
from texcnn.tables.readers import read_skipped

if TYPE_CHECKING:
    from texcnn.model.model import Model
    from texcnn.model.network import SegmentNetwork

FORMAT_VERSION = 1
STORE_META = "store.json"
"""The file that shows that a folder is a store."""

_PROGRESS = "progress.json"
_GENES, _SKIPPED, _ARRAYS = "genes.parquet", "skipped.tsv", "arrays.zarr"
_ARRAY_NAMES = ("values", "mask", "n_fraction")
_MAKE_ANEW = "copy it again, or run texcnn embed again with --overwrite"


@dataclass(frozen=True)
class StoreSpec:
    """Everything the vectors depend on.

    Attributes:
        encoders: Fingerprint of each encoder, in the order they are joined.
        dim: Length of a segment's joined vector.
        window: The window round the TSS.
        segments: How it is cut.
        fasta: Name of the genome's file.
        fasta_fingerprint: Digest of the genome's file.
        transcripts: Whether there is one row per transcript.
        genes_per_chunk: Genes written and read at a time.
    """

    encoders: tuple[str, ...]
    dim: int
    window: WindowSpec
    segments: SegmentSpec
    fasta: str
    fasta_fingerprint: str
    transcripts: bool = False
    genes_per_chunk: int = 64

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> StoreSpec:
        """Reads the entries of ``store.json``."""
        return cls(
            **{
                **values,
                "encoders": tuple(values["encoders"]),
                "window": WindowSpec(**values["window"]),
                "segments": SegmentSpec(**values["segments"]),
            }
        )


@dataclass(frozen=True)
class StoredChunk:
    """Some genes and their vectors."""

    genes: list[Gene]
    n_fraction: list[float]
    embeddings: Embeddings


@contextmanager
def _damage_found(folder: Path) -> Iterator[None]:
    """Turns what the readers of JSON, Parquet and Zarr raise on damaged files into an error that names the store."""
    try:
        yield
    except (TexcnnError, AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise StoreError(f"the store is damaged: {error}", where=folder, remedy=_MAKE_ANEW) from error


class EmbeddingStore:
    """An embedding store on disk; make one with :meth:`create` or :meth:`open`."""

    def __init__(self, folder: Path, spec: StoreSpec, genes: Sequence[Gene], skipped: Sequence[Skipped]) -> None:
        self.folder, self.spec, self.genes, self.skipped = folder, spec, list(genes), list(skipped)
        group = zarr.open_group(folder / _ARRAYS, mode="r+")
        # Chunks of zeros are written as well: zarr reads a chunk that is not there as zeros, so that without them a
        # file lost in copying could not be told from a masked segment.
        # Typed as Any: zarr's stubs cannot tell an array of a group from a group in it.
        self._arrays: dict[str, Any] = {
            name: cast(Any, group[name]).with_config({"write_empty_chunks": True}) for name in _ARRAY_NAMES
        }

    @property
    def n_chunks(self) -> int:
        """Number of chunks of genes."""
        return -(-len(self.genes) // self.spec.genes_per_chunk)

    @property
    def chunks_done(self) -> int:
        """Number of chunks written; they are written in order."""
        with _damage_found(self.folder):
            return int(json.loads((self.folder / _PROGRESS).read_text(encoding="utf-8"))["chunks_done"])

    @classmethod
    def create(
        cls, folder: Path, spec: StoreSpec, genes: Sequence[Gene], skipped: Sequence[Skipped] = ()
    ) -> EmbeddingStore:
        """Makes an empty store, or opens an unfinished one of the very same content to go on with it.

        Args:
            folder: The store's folder.
            spec: What the vectors will depend on.
            genes: The rows, in order.
            skipped: Genes without a place, to be listed with the predictions.

        Raises:
            InputError: when something else is there.
        """
        if folder.exists():
            if not (folder / STORE_META).is_file():
                raise InputError(f"'{folder}' already exists", where="--out", remedy="choose another name")
            store = cls._open(folder)
            if (store.spec, store.genes, store.skipped) != (spec, list(genes), list(skipped)):
                raise InputError(
                    f"'{folder}' holds embeddings of other genes, another genome or another encoder",
                    where="--out",
                    remedy="choose another name, or add --overwrite",
                )
            return store
        shape = (len(genes), spec.segments.n_segments(spec.window.length))
        rows = max(1, min(spec.genes_per_chunk, len(genes)))
        with atomic_folder(folder) as temporary:
            group = zarr.create_group(temporary / _ARRAYS)
            group.create_array("values", shape=(*shape, spec.dim), chunks=(rows, shape[1], spec.dim), dtype="float32")
            group.create_array("mask", shape=shape, chunks=(rows, shape[1]), dtype="bool")
            group.create_array("n_fraction", shape=shape[:1], chunks=(rows,), dtype="float64")
            pd.DataFrame([asdict(gene) for gene in genes], columns=list(Gene.__dataclass_fields__)).to_parquet(
                temporary / _GENES, index=False
            )
            skipped_frame(skipped).to_csv(temporary / _SKIPPED, sep="\t", index=False)
            described = {"format_version": FORMAT_VERSION, **asdict(spec)}
            (temporary / STORE_META).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
            (temporary / _PROGRESS).write_text('{"chunks_done": 0}\n', encoding="utf-8")
        return cls._open(folder)

    @classmethod
    def open(cls, folder: Path) -> EmbeddingStore:
        """Opens a finished store.

        Raises:
            StoreError: when it is none, is unfinished, damaged or incomplete, or has another format version.
        """
        store = cls._open(folder)
        if store.chunks_done < store.n_chunks:
            raise StoreError(
                f"the store is unfinished: {store.chunks_done} of {store.n_chunks} chunks",
                where=folder,
                remedy="run the same texcnn embed command again; it goes on where it stopped",
            )
        for name, array in store._arrays.items():
            if array.nchunks_initialized < store.n_chunks:
                raise StoreError(
                    f"the store is incomplete: {array.nchunks_initialized} of {store.n_chunks} chunks of '{name}'",
                    where=folder,
                    remedy=_MAKE_ANEW,
                )
        return store

    @classmethod
    def _open(cls, folder: Path) -> EmbeddingStore:
        if not (folder / STORE_META).is_file():
            raise StoreError(
                f"'{folder}' is not an embedding store", where="--embeddings", allowed="a folder made by texcnn embed"
            )
        with _damage_found(folder):
            values = json.loads((folder / STORE_META).read_text(encoding="utf-8"))
            version = values.pop("format_version", None)
        if version != FORMAT_VERSION:
            raise StoreError(
                f"store format version {version!r}",
                where=folder,
                allowed=str(FORMAT_VERSION),
                remedy="run texcnn embed again, or use the version of texcnn that wrote it",
            )
        with _damage_found(folder):
            genes = [Gene(*row) for row in pd.read_parquet(folder / _GENES).itertuples(index=False)]
            return cls(folder, StoreSpec.from_json(values), genes, read_skipped(folder / _SKIPPED))

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
        rows = self.rows(chunk)
        self._arrays["values"][rows] = embeddings.values.numpy()
        self._arrays["mask"][rows] = embeddings.mask.numpy()
        self._arrays["n_fraction"][rows] = np.asarray(n_fraction, np.float64)
        with atomic_file(self.folder / _PROGRESS) as temporary:
            temporary.write_text(json.dumps({"chunks_done": chunk + 1}) + "\n", encoding="utf-8")

    def read_chunk(self, chunk: int) -> StoredChunk:
        """Reads a chunk.

        Raises:
            StoreError: when its files are damaged.
        """
        rows = self.rows(chunk)
        with _damage_found(self.folder):
            values: npt.NDArray[np.float32] = self._arrays["values"][rows]
            mask: npt.NDArray[np.bool_] = self._arrays["mask"][rows]
            n_fraction: npt.NDArray[np.float64] = self._arrays["n_fraction"][rows]
        return StoredChunk(
            self.genes[rows],
            n_fraction.tolist(),
            Embeddings(torch.from_numpy(values), torch.from_numpy(mask)),
        )

    def check_model(self, model: Model) -> SegmentNetwork:
        """Checks that a model reads just these vectors.

        Returns:
            The model's network.

        Raises:
            StoreError: when its encoders, window or segments are others.
        """
        network = model.segment_network()
        wanted = {
            "encoders": tuple(encoder.fingerprint() for encoder in network.encoders),
            "window": model.window,
            "segments": network.segments,
        }
        different = [name for name, value in wanted.items() if getattr(self.spec, name) != value]
        if different:
            raise StoreError(
                f"the store was not made for the model '{model.name}': other {' and '.join(different)}",
                where=self.folder,
                remedy=f"texcnn embed --model {model.name}",
            )
        return network
