"""The raw text of a FASTA, headers and line ends included, from any place of it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pysam

from texcnn.genome.quiet_htslib import quiet_htslib

_LARGEST = 1 << 24
"""No header is nearly as long: more text than this is not read."""


def read_texts(fasta: Path, gzi: Path | None, places: Sequence[tuple[int, int]]) -> list[bytes | None]:
    """Reads pieces of a FASTA's text with htslib, which knows the blocks of a BGZF.

    Args:
        fasta: The file.
        gzi: The ``.gzi`` of a BGZF file, None for a plain one.
        places: Offset and number of bytes of each piece, both of the uncompressed text.

    Returns:
        The pieces; None for one that reaches beyond the file's end or cannot be read.

    Raises:
        ValueError: A piece has a negative size, as where sequences overlap, or is longer than any header; or htslib
            cannot open the file, as with a damaged ``.gzi``.
    """
    if any(size < 0 for _, size in places):
        raise ValueError("sequences overlap")
    if any(size > _LARGEST for _, size in places):
        raise ValueError("long stretches of the file are in no sequence")
    try:
        with quiet_htslib(), tempfile.NamedTemporaryFile("w", suffix=".fai") as index:
            # htslib copies a sequence of one line unchanged from the file: each piece is declared to be one.
            for number, (offset, size) in enumerate(places):
                index.write(f"{number}\t{size}\t{offset}\t{size}\t{size + 1}\n")
            index.flush()
            with pysam.FastaFile(
                str(fasta.absolute()), filepath_index=index.name,
                filepath_index_compressed=None if gzi is None else str(gzi.absolute()),
            ) as handle:  # fmt: skip
                return [_fetch(handle, str(number)) if size else b"" for number, (_, size) in enumerate(places)]
    except OSError as error:
        raise ValueError("htslib cannot read the .gzi" if gzi else f"htslib cannot read the file: {error}") from error


def _fetch(handle: pysam.FastaFile, name: str) -> bytes | None:
    try:
        text: str = handle.fetch(name)
    except UnicodeDecodeError as error:  # a header in Latin-1: the error holds its bytes
        return bytes(error.object)
    except (OSError, ValueError):
        return None
    return text.encode()
