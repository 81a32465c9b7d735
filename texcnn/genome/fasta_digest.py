"""The digest of a FASTA, kept next to its index, so that a human genome is read for it once and not in each run."""

from __future__ import annotations

import json
from pathlib import Path

from texcnn.errors import InputError, RunError
from texcnn.files import atomic_file, sha256_file
from texcnn.genome.fasta_index import cache_folder, is_writable
from texcnn.typed_json import check_fields, read_object

KEPT_FROM_BYTES = 1 << 24
"""A smaller file is read so fast that nothing is kept."""

_TYPES = {"size": int, "mtime_ns": int, "sha256": str}


def fasta_digest(fasta: Path, folder: Path) -> str:
    """Returns the SHA-256 of a FASTA, the stored one if the file's size and time have not changed.

    Args:
        fasta: The file.
        folder: The folder of its index; where it is read-only, the digest is kept in the user's cache.

    Raises:
        InputError: when the file cannot be read.
    """
    try:
        state = fasta.stat()
        if state.st_size < KEPT_FROM_BYTES:
            return sha256_file(fasta)
        kept = digest_path(fasta, folder)
        key = {"size": state.st_size, "mtime_ns": state.st_mtime_ns}
        found = None if kept is None else _read(kept, key)
        if found is not None:
            return found
        digest = sha256_file(fasta)
    except OSError as error:
        raise InputError(f"the FASTA cannot be read ({error.strerror})", where=fasta) from error
    if kept is not None:
        _write(kept, {**key, "sha256": digest})
    return digest


def digest_path(fasta: Path, folder: Path) -> Path | None:
    """Returns the file that keeps a FASTA's digest; None where no folder can be written."""
    name = f"{fasta.name}.sha256.json"
    if is_writable(folder):
        return folder / name
    try:
        return cache_folder(fasta) / name
    except InputError:
        return None


def _read(kept: Path, key: dict[str, int]) -> str | None:
    """The kept digest; None where there is none, or one of another state of the file."""
    if not kept.is_file():
        return None
    try:
        values = read_object(kept, error=InputError)
        check_fields(_TYPES, values, where=kept, error=InputError)
    except InputError:  # damaged: it is made again
        return None
    digest = values.get("sha256", "")
    return digest if {name: values.get(name) for name in key} == key and len(digest) == 64 else None


def _write(kept: Path, values: dict[str, object]) -> None:
    try:
        with atomic_file(kept) as temporary:
            temporary.write_text(json.dumps(values) + "\n", encoding="utf-8")
    except (OSError, RunError):  # a full disk, or another process that keeps the same: the next run makes it again
        return
