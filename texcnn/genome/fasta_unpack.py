"""A FASTA in plain gzip, which gives no access to single places, unpacked once into the user's cache."""

from __future__ import annotations

import gzip
import logging
import shutil
import zlib
from pathlib import Path

from texcnn.errors import InputError
from texcnn.scratch import scratch_folder

_LOG = logging.getLogger("texcnn")


def unpacked(fasta: Path, folder: Path) -> Path:
    """Returns the plain FASTA of a gzipped one; it is made where it is not there yet, whole or not at all.

    Args:
        fasta: The gzipped file.
        folder: The cache folder of exactly this state of the file.

    Raises:
        InputError: when the file is truncated or damaged.
        RunError: when the disk is full.
    """
    plain = folder / fasta.name.removesuffix(".gz")
    if not plain.is_file():
        _LOG.info("%s is gzip, not bgzip: it is unpacked once, to %s", fasta, plain)
        with scratch_folder(folder) as scratch:
            try:
                with gzip.open(fasta) as packed, (scratch / "fasta").open("wb") as out:
                    shutil.copyfileobj(packed, out, 1 << 22)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise InputError(
                    f"the gzip file is truncated or damaged ({error})", where=fasta, remedy="fetch the file again"
                ) from error
            (scratch / "fasta").replace(plain)
    return plain
