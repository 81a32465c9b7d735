"""The index of a FASTA: found or built, and proven to belong to its file before a base is read through it."""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import pysam

from texcnn.errors import InputError
from texcnn.genome.fai import FastaRecord, check_agreement, read_fai
from texcnn.genome.fasta_faults import htslib_reason, unusable
from texcnn.genome.fasta_unpack import unpacked
from texcnn.genome.quiet_htslib import quiet_htslib
from texcnn.scratch import scratch_folder
from texcnn.text.lines import refuse_foreign

_GZIP_MAGIC = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BGZF_EOF = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_HEAD = 1 << 16
_ALLOWED = "a file that starts with '>' and a name, plain, bgzip or gzip"


@dataclass(frozen=True, slots=True)
class FastaIndex:
    """The index files of a FASTA and their content.

    Attributes:
        fasta: The file that is read: the FASTA itself, or what a gzipped one was unpacked to.
        fai: Path of the ``.fai``.
        gzi: Path of the ``.gzi`` of a BGZF file, None for a plain one.
        records: The sequences in file order.
    """

    fasta: Path
    fai: Path
    gzi: Path | None
    records: list[FastaRecord]


def find_index(fasta: Path) -> FastaIndex:
    """Finds the index of a FASTA, or builds it, and checks that both agree.

    An index counts as stale by its content, not by its date, which copying changes: each record's header has
    to be where the index has it, and the file has to end where the index ends. htslib reads the bases.

    Args:
        fasta: A FASTA file, plain or BGZF, or plain gzip, which is unpacked into the user's cache.

    Raises:
        InputError: The file is missing, empty, truncated, no FASTA or a pipe; it cannot be indexed; or the index is not
            of this file.
    """
    if is_plain_gzip(fasta):
        plain = unpacked(fasta, cache_folder(fasta))
        try:
            return find_index(plain)
        except InputError as error:
            plain.unlink(missing_ok=True)  # it is of no use to anybody
            where = (error.where or "").replace(str(plain), str(fasta))
            raise InputError(error.what, where=where, allowed=error.allowed, remedy=error.remedy) from error
    compressed = _check_file(fasta)
    fai = fasta.with_name(fasta.name + ".fai")
    gzi = fasta.with_name(fasta.name + ".gzi") if compressed else None
    for index in (fai, gzi):
        if index is not None and index.exists() and not index.is_file():
            raise InputError(
                "the index of the FASTA is not a file", where=index, remedy="remove it to have the index built"
            )
    if not fai.is_file() or (gzi is not None and not gzi.is_file()):
        if not is_writable(fasta.parent):
            folder = cache_folder(fasta)
            fai, gzi = folder / fai.name, None if gzi is None else folder / gzi.name
        if not fai.is_file() or (gzi is not None and not gzi.is_file()):
            _build(fasta, fai, gzi)
    try:
        records = read_fai(fai)
        check_agreement(fasta, gzi, records)
    except ValueError as error:
        raise _stale(fasta, fai, str(error)) from error
    return FastaIndex(fasta, fai, gzi, records)


def is_plain_gzip(fasta: Path) -> bool:
    """Whether a file is gzip, but not BGZF."""
    if not fasta.is_file():
        return False
    with fasta.open("rb") as handle:
        head = handle.read(14)
    return head.startswith(_GZIP_MAGIC) and (head[3:4] != b"\x04" or head[12:14] != b"BC")


def is_writable(folder: Path) -> bool:
    """Whether a file can and may be made in a folder.

    It is tried, since permissions say little on network disks. A folder without any write permission counts as
    read-only for root too.
    """
    try:
        if not folder.stat().st_mode & 0o222:
            return False
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _check_file(fasta: Path) -> bool:
    """Checks the file's two ends; returns whether it is BGZF."""
    if fasta.exists() and not (fasta.is_file() or fasta.is_dir()):
        raise InputError(
            "the FASTA is a pipe, and its bases are read at many places", where=fasta,
            allowed="a regular file", remedy="write it to a file first",
        )  # fmt: skip
    try:
        with fasta.open("rb") as handle:
            head = handle.read(_HEAD)
            handle.seek(max(0, fasta.stat().st_size - len(_BGZF_EOF)))
            tail = handle.read()
    except FileNotFoundError as error:
        raise InputError("the FASTA does not exist", where=fasta) from error
    except OSError as error:
        raise InputError(f"the FASTA cannot be read ({error.strerror})", where=fasta) from error
    if not head:
        raise InputError("the FASTA is empty", where=fasta)
    compressed = head.startswith(_GZIP_MAGIC)
    if compressed:
        if tail != _BGZF_EOF:
            raise InputError(
                "the BGZF file is truncated: its end marker is missing", where=fasta, remedy="fetch the file again"
            )
        try:
            with gzip.open(fasta) as handle:
                head = handle.read(_HEAD)
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(
                f"the BGZF file is damaged ({error})", where=fasta, remedy="fetch the file again"
            ) from error
    refuse_foreign(head, fasta, allowed=_ALLOWED, packed=True)
    if head.startswith(_BYTE_ORDER_MARK):
        raise InputError(
            "the FASTA begins with a byte order mark, three bytes that its index would count as bases", where=fasta,
            allowed=_ALLOWED, remedy="sed '1s/^\\xef\\xbb\\xbf//' removes them",
        )  # fmt: skip
    if not head.lstrip().startswith(b">"):
        raise InputError("the file is not a FASTA", where=fasta, allowed=_ALLOWED)
    return compressed


def cache_folder(fasta: Path) -> Path:
    """Returns a folder of the user's cache for what belongs to exactly this state of a FASTA."""
    state = fasta.stat()
    key = hashlib.sha256(f"{fasta.resolve()}\t{state.st_size}\t{state.st_mtime_ns}".encode()).hexdigest()[:16]
    for root in (Path(platformdirs.user_cache_dir("texcnn")), Path(tempfile.gettempdir()) / f"texcnn-{os.getuid()}"):
        folder = root / "fasta_index" / key
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        if is_writable(folder):
            return folder
    raise InputError(
        "the FASTA has no index and none can be written: its folder, the cache and the temporary folder are read-only",
        where=fasta, remedy=f"samtools faidx {fasta.name} in a folder that can be written",
    )  # fmt: skip


def _build(fasta: Path, fai: Path, gzi: Path | None) -> None:
    """Builds the index; it appears whole and checked, or not at all, with several processes too."""
    with scratch_folder(fai.parent) as folder:
        new_fai, new_gzi = folder / "fai", None if gzi is None else folder / "gzi"
        # Absolute: samtools takes -g.fa for an option and data:x.fa for an address.
        arguments = [str(fasta.absolute()), "--fai-idx", str(new_fai.absolute())]
        arguments += [] if new_gzi is None else ["--gzi-idx", str(new_gzi.absolute())]
        try:
            with quiet_htslib():
                pysam.faidx(*arguments)
                check_agreement(fasta, new_gzi, read_fai(new_fai))
        except pysam.SamtoolsError as error:
            raise unusable(fasta, f"htslib: {htslib_reason(arguments)}") from error
        except ValueError as error:
            raise unusable(fasta, str(error)) from error
        if gzi is not None and new_gzi is not None:
            new_gzi.replace(gzi)
        new_fai.replace(fai)


def _stale(fasta: Path, fai: Path, reason: str) -> InputError:
    return InputError(
        f"the FASTA and its index disagree ({reason}): the FASTA is truncated, was changed after the index was made, "
        "or holds a name twice",
        where=f"{fasta} and {fai}",
        remedy=f"if the FASTA is whole, delete {fai.name} (and the .gzi) to have the index rebuilt",
    )
