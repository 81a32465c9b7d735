"""A FASTA made readable at any place, once for all that will read it, and read through to find damage early."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path

from texcnn.errors import InputError
from texcnn.genome.fasta_index import find_index

_GZIP_MAGIC = b"\x1f\x8b"
_BGZF_MARK = slice(12, 14)
"""Where BGZF, which can be read at any place, has the letters BC in its header."""

_PIECE = 1 << 22


@dataclass(frozen=True)
class PreparedFasta:
    """A genome that can be read at any place.

    Attributes:
        fasta: The file to read: the one that was given, or the unpacked one.
        new: Files that were made.
        fingerprint: SHA-256 of ``fasta``.
        lengths: Bases of each chromosome.
    """

    fasta: Path
    new: tuple[Path, ...]
    fingerprint: str
    lengths: dict[str, int]


def prepare_fasta(fasta: Path, folder: Path) -> PreparedFasta:
    """Unpacks a plain gzip, finds or builds the index, and reads the whole file.

    Args:
        fasta: Plain, BGZF or gzip.
        folder: Where new files go: ``genome.fa`` in place of a plain gzip, and index files.

    Raises:
        InputError: when the file cannot be used, or a block of it is damaged.
    """
    with fasta.open("rb") as handle:
        head = handle.read(14)
    new: list[Path] = []
    genome = fasta
    packed = head.startswith(_GZIP_MAGIC)
    if packed and head[_BGZF_MARK] != b"BC":
        genome = folder / "genome.fa"
        _unpack(fasta, genome)
        new.append(genome)
    elif packed:
        _unpack(fasta, None)
    given = {path for path in _index_paths(genome) if path.exists()}
    index = find_index(genome)
    for path in (index.fai, index.gzi):
        if path is not None and path not in given:
            place = folder / f"{genome.name}{path.suffix}"
            if path != place:
                shutil.move(path, place)
            new.append(place)
    with genome.open("rb") as handle:
        fingerprint = hashlib.file_digest(handle, "sha256").hexdigest()
    lengths = {record.name: record.length for record in index.records}
    return PreparedFasta(genome, tuple(new), fingerprint, lengths)


def _index_paths(fasta: Path) -> list[Path]:
    return [fasta.with_name(f"{fasta.name}.{ending}") for ending in ("fai", "gzi")]


def _unpack(source: Path, target: Path | None) -> None:
    """Reads a gzip file to its end, whose checksums find a flipped bit; writes it where there is a target."""
    try:
        with gzip.open(source) as packed:
            if target is None:
                while packed.read(_PIECE):
                    pass
            else:
                with target.open("wb") as plain:
                    shutil.copyfileobj(packed, plain, _PIECE)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"the FASTA is damaged ({error})", where=source, remedy="fetch it again; gzip -t tests it"
        ) from error
