"""The folder of an embedding store: its files, who may write them, and an empty one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import zarr
from zarr.codecs import Crc32cCodec

from texcnn.errors import StoreError
from texcnn.files import atomic_folder
from texcnn.genome.gene import Gene
from texcnn.genome.skipped import Skipped, skipped_frame
from texcnn.scratch import locked
from texcnn.store.dtypes import ARRAY_DTYPES
from texcnn.store.spec import StoreSpec

FORMAT_VERSION = 2
STORE_META = "store.json"
"""The file that shows that a folder is a store."""

PROGRESS, LOCK = "progress.json", "lock"
GENES, SKIPPED, ARRAYS, FEATURES = "genes.parquet", "skipped.tsv", "arrays.zarr", "features.tsv"
ARRAY_NAMES = ("values", "mask", "n_fraction")


def check_disk_space(folder: Path, size: int) -> None:
    """Refuses what the disk has no room for, before hours are spent.

    Raises:
        StoreError: when fewer than ``size`` bytes are free where ``folder`` is or will be.
    """
    free = free_bytes(folder)
    if size > free:
        raise StoreError(
            f"the store needs {size / 1e9:.3g} GB, the disk has {free / 1e9:.3g} GB free",
            where=folder,
            remedy="choose another disk, float16 or bfloat16 for `store_dtype`, or fewer genes",
        )


def free_bytes(folder: Path) -> int:
    """Returns the bytes that are free where a folder is, or will be."""
    return shutil.disk_usage(folder if folder.exists() else folder.absolute().parent).free


def write_empty(folder: Path, spec: StoreSpec, genes: Sequence[Gene], skipped: Sequence[Skipped]) -> None:
    """Makes a store without a finished chunk.

    Raises:
        FileExistsError: when something is there by the time it is made.
    """
    shape = (len(genes), spec.segments.n_segments(spec.window.length), spec.dim)
    kinds = {"values": (3, ARRAY_DTYPES[spec.store_dtype]), "mask": (2, "bool"), "n_fraction": (1, "float64")}
    with atomic_folder(folder, replace=False) as temporary:
        group = zarr.create_group(temporary / ARRAYS)
        for name, (axes, dtype) in kinds.items():
            chunks = (spec.rows_per_chunk(len(genes)), *shape[1:axes])
            group.create_array(name, shape=shape[:axes], chunks=chunks, dtype=dtype, compressors=Crc32cCodec())
        group["values"].attrs["dtype"] = spec.store_dtype
        columns = list(Gene.__dataclass_fields__)
        pd.DataFrame([asdict(gene) for gene in genes], columns=columns).to_parquet(temporary / GENES, index=False)
        skipped_frame(skipped).to_csv(temporary / SKIPPED, sep="\t", index=False)
        described = {"format_version": FORMAT_VERSION, **asdict(spec)}
        (temporary / STORE_META).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
        (temporary / PROGRESS).write_text('{"chunks_done": 0}\n', encoding="utf-8")
        (temporary / LOCK).touch()


@contextmanager
def write_lock(folder: Path) -> Iterator[None]:
    """Holds the right to write a store; it ends with the block, or with the process.

    Raises:
        StoreError: when another process has it.
    """
    with locked(folder / LOCK) as held:
        if held is False:
            raise StoreError(
                "another process is writing this store", where=folder, remedy="wait for its end, or choose another name"
            )
        yield


def is_being_written(folder: Path) -> bool:
    """Returns whether a process has the right to write a store."""
    try:
        with locked(folder / LOCK) as held:
            return held is False
    except OSError:  # a store that this user may only read
        return False
