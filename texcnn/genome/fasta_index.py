"""The index of a FASTA: found or built, and proven to belong to its file before a base is read through it."""

from __future__ import annotations

import bisect
import hashlib
import itertools
import os
import struct
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import pysam

from texcnn.errors import InputError
from texcnn.files import scratch_folder

_GZIP_MAGIC = b"\x1f\x8b"
_BGZF_EOF = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_BGZF_MAX_BLOCK = 1 << 16
_CHECKED_RECORDS = 1000
"""An index of more records (a draft assembly's scaffolds) is checked on this many, spread evenly."""

_ReadAt = Callable[[int, int], bytes]
"""Offset and number of bytes, both of the uncompressed text, to the bytes there (fewer at the file's end)."""


@dataclass(frozen=True, slots=True)
class FastaRecord:
    """One line of a ``.fai``: a sequence, where it starts in the text and how its lines are laid out."""

    name: str
    length: int
    offset: int
    line_bases: int
    line_width: int

    @property
    def end(self) -> int:
        """Offset just behind the last base."""
        if self.length == 0:
            return self.offset
        full_lines, rest = divmod(self.length - 1, self.line_bases)
        return self.offset + full_lines * self.line_width + rest + 1


@dataclass(frozen=True, slots=True)
class FastaIndex:
    """The index files of a FASTA and what they say.

    Attributes:
        fai: Path of the ``.fai``.
        gzi: Path of the ``.gzi`` of a BGZF file, None for a plain one.
        records: The sequences in file order.
    """

    fai: Path
    gzi: Path | None
    records: list[FastaRecord]


def find_index(fasta: Path) -> FastaIndex:
    """Finds the index of a FASTA, or builds it, and checks that both agree.

    An index counts as stale by what it says, not by its date, which copying changes: each record's header has to
    stand where the index has it, and the file has to end where the index ends.

    Args:
        fasta: A FASTA file, plain or BGZF.

    Raises:
        InputError: The file is missing, empty, truncated, no FASTA or plain gzip; or the index is not of this file.
    """
    compressed = _check_file(fasta)
    fai = fasta.with_name(fasta.name + ".fai")
    gzi = fasta.with_name(fasta.name + ".gzi") if compressed else None
    if not fai.is_file() or (gzi is not None and not gzi.is_file()):
        if not is_writable(fasta.parent):
            folder = _cache_folder(fasta)
            fai, gzi = folder / fai.name, None if gzi is None else folder / gzi.name
        if not fai.is_file() or (gzi is not None and not gzi.is_file()):
            _build(fasta, fai, gzi)
    records = _read_fai(fai, fasta)
    read_at = _plain_reader(fasta) if gzi is None else _bgzf_reader(fasta, gzi)
    _check_agreement(fasta, fai, records, read_at)
    return FastaIndex(fai, gzi, records)


def is_writable(folder: Path) -> bool:
    """Whether a file can be made in a folder; tried, since permissions say little for root or on network disks."""
    try:
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
            head = handle.read(_BGZF_MAX_BLOCK)
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
        if head[3:4] != b"\x04" or head[12:14] != b"BC":
            raise InputError(
                "the FASTA is compressed with gzip, which gives no access to single places", where=fasta,
                allowed="plain FASTA or BGZF", remedy=f"gunzip -c {fasta.name} | bgzip > NEW.fa.gz",
            )  # fmt: skip
        if tail != _BGZF_EOF:
            raise InputError(
                "the BGZF file is truncated: its end marker is missing", where=fasta, remedy="fetch the file anew"
            )
        try:
            head = _inflate(head)
        except zlib.error as error:
            raise InputError(
                f"the BGZF file is damaged ({error})", where=fasta, remedy="fetch the file anew"
            ) from error
    if not head.lstrip().startswith(b">"):
        raise InputError("the file is no FASTA", where=fasta, allowed="a file that starts with '>' and a name")
    return compressed


def _cache_folder(fasta: Path) -> Path:
    """A folder for the index of exactly this state of a FASTA in a read-only folder."""
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
    """Builds the index; it appears whole or not at all, whichever of several processes is first."""
    with scratch_folder(fai.parent) as folder:
        new_fai, new_gzi = folder / "fai", folder / "gzi"
        options = ["--fai-idx", str(new_fai)] + ([] if gzi is None else ["--gzi-idx", str(new_gzi)])
        try:
            pysam.faidx(str(fasta), *options)
        except pysam.SamtoolsError as error:
            raise InputError(
                f"the FASTA cannot be indexed ({' '.join(str(error).split())})", where=fasta,
                allowed="sequence lines of one length per sequence, each name once",
            ) from error  # fmt: skip
        if gzi is not None:
            new_gzi.replace(gzi)
        new_fai.replace(fai)


def _read_fai(fai: Path, fasta: Path) -> list[FastaRecord]:
    records: list[FastaRecord] = []
    try:
        text = fai.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _stale(fasta, fai, "the index is not text") from error
    except OSError as error:
        raise InputError(f"the index of the FASTA cannot be read ({error.strerror})", where=fai) from error
    for line in text.splitlines():
        fields = line.split("\t")
        try:
            name, (length, offset, line_bases, line_width) = fields[0], map(int, fields[1:5])
            if length and not 0 < line_bases <= line_width:
                raise ValueError("a sequence needs lines")
        except ValueError as error:
            raise _stale(fasta, fai, f"its line {len(records) + 1} is no line of a .fai") from error
        records.append(FastaRecord(name, length, offset, line_bases, line_width))
    if not records:
        raise _stale(fasta, fai, "it lists no sequence")
    return records


def _check_agreement(fasta: Path, fai: Path, records: list[FastaRecord], read_at: _ReadAt) -> None:
    """Checks that headers stand where the index has them, and that nothing follows the last sequence."""
    ordered = sorted(records, key=lambda record: record.offset)
    pairs = list(itertools.pairwise(ordered))
    pairs = pairs[:: max(1, len(pairs) // _CHECKED_RECORDS)]
    try:
        _check_header(read_at(0, ordered[0].offset), ordered[0])
        for previous, record in pairs:
            _check_header(read_at(previous.end, record.offset - previous.end), record)
        last = ordered[-1]
        if last.length and len(read_at(last.end - 1, 1)) == 0:
            raise ValueError(f"the file ends before the last base of '{last.name}'")
        if read_at(last.end, _BGZF_MAX_BLOCK).strip():
            raise ValueError(f"text follows the last sequence, '{last.name}'")
    except (ValueError, zlib.error, struct.error) as error:
        raise _stale(fasta, fai, str(error)) from error


def _check_header(gap: bytes, record: FastaRecord) -> None:
    """Checks that the text between two sequences is the header of the second and no more."""
    header = gap.strip()
    words = header[1:].split()
    if not (gap.endswith(b"\n") and header.startswith(b">") and header.count(b"\n") == 0):
        raise ValueError(f"no header stands before '{record.name}'")
    if not words or words[0] != record.name.encode():
        raise ValueError(f"another header stands before '{record.name}'")


def _stale(fasta: Path, fai: Path, reason: str) -> InputError:
    return InputError(
        f"the FASTA and its index disagree ({reason}): the FASTA is truncated, was changed after the index was made, "
        "or holds a name twice",
        where=f"{fasta} and {fai}",
        remedy=f"if the FASTA is whole, delete {fai.name} (and the .gzi) to have the index built anew",
    )


def _plain_reader(fasta: Path) -> _ReadAt:
    def read_at(offset: int, size: int) -> bytes:
        if size < 0:
            raise ValueError("sequences overlap")
        with fasta.open("rb") as handle:
            handle.seek(offset)
            return handle.read(size)

    return read_at


def _bgzf_reader(fasta: Path, gzi: Path) -> _ReadAt:
    """Reads by uncompressed offset: the .gzi tells which block to start from (SAM specification, section 4.1)."""
    numbers = gzi.read_bytes()
    n_blocks = struct.unpack_from("<Q", numbers)[0] if len(numbers) >= 8 else -1
    if len(numbers) != 8 + 16 * n_blocks:
        raise _stale(fasta, gzi, "the .gzi has another length than it states")
    pairs = struct.unpack_from(f"<{2 * n_blocks}Q", numbers, 8)
    block_starts = [0, *pairs[0::2]]
    text_starts = [0, *pairs[1::2]]

    def read_at(offset: int, size: int) -> bytes:
        if size < 0:
            raise ValueError("sequences overlap")
        block = bisect.bisect_right(text_starts, offset) - 1
        text = b""
        skip = offset - text_starts[block]
        with fasta.open("rb") as handle:
            while len(text) < skip + size and block < len(block_starts):
                handle.seek(block_starts[block])
                piece = _inflate(handle.read(_BGZF_MAX_BLOCK))
                if block + 1 < len(text_starts) and len(piece) != text_starts[block + 1] - text_starts[block]:
                    raise ValueError("the .gzi is of another file")
                text += piece
                block += 1
        return text[skip : skip + size]

    return read_at


def _inflate(compressed: bytes) -> bytes:
    """The text of the gzip member that the bytes start with."""
    return zlib.decompressobj(wbits=31).decompress(compressed)
